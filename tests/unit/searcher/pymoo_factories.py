"""Algorithms of pymoo as a user would hand them over: by import path, with their own defaults."""

import numpy as np
import numpy.typing as npt
from pymoo.algorithms.moo.cmopso import CMOPSO
from pymoo.algorithms.moo.ctaea import CTAEA
from pymoo.algorithms.moo.dnsga2 import DNSGA2
from pymoo.algorithms.moo.moead import MOEAD, ParallelMOEAD
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.algorithms.moo.rvea import RVEA
from pymoo.algorithms.moo.sms import SMSEMOA
from pymoo.algorithms.moo.spea2 import SPEA2
from pymoo.algorithms.soo.nonconvex.brkga import BRKGA
from pymoo.algorithms.soo.nonconvex.cmaes import CMAES
from pymoo.algorithms.soo.nonconvex.de import DE
from pymoo.algorithms.soo.nonconvex.es import ES
from pymoo.algorithms.soo.nonconvex.nelder import NelderMead
from pymoo.algorithms.soo.nonconvex.pattern import PatternSearch
from pymoo.algorithms.soo.nonconvex.pso import PSO
from pymoo.core.algorithm import Algorithm
from pymoo.core.problem import Problem
from pymoo.operators.sampling.lhs import LHS
from pymoo.util.ref_dirs import get_reference_directions

from latbase.searcher.algorithms import Setting, first_codes
from latbase.searcher.coding import Coding

SEVERAL = (
    "moead",
    "parallel_moead",
    "cmopso",
    "rvea",
    "nsga2",
    "nsga3",
    "smsemoa",
    "spea2",
    "ctaea",
)
ONE = ("de", "pso", "cmaes", "es", "nelder_mead", "pattern_search", "brkga")


def _directions(setting: Setting) -> npt.NDArray[np.float64]:
    steps = setting.population - 1
    return np.asarray(get_reference_directions("uniform", 2, n_partitions=steps))


def moead(setting: Setting) -> Algorithm:
    return MOEAD(_directions(setting), n_neighbors=5)


def parallel_moead(setting: Setting) -> Algorithm:
    return ParallelMOEAD(_directions(setting), n_neighbors=5)


def cmopso(setting: Setting) -> Algorithm:
    return CMOPSO(pop_size=setting.population)


def rvea(setting: Setting) -> Algorithm:
    return RVEA(_directions(setting), termination=("n_gen", 10))


def endless_rvea(setting: Setting) -> Algorithm:
    return RVEA(_directions(setting))


def nsga2(setting: Setting) -> Algorithm:
    return NSGA2(pop_size=setting.population)


def started(setting: Setting) -> Algorithm:
    return NSGA2(pop_size=setting.population, sampling=first_codes(setting))


def nsga3(setting: Setting) -> Algorithm:
    return NSGA3(_directions(setting), pop_size=setting.population)


def smsemoa(setting: Setting) -> Algorithm:
    return SMSEMOA(pop_size=setting.population)


def spea2(setting: Setting) -> Algorithm:
    return SPEA2(pop_size=setting.population)


def ctaea(setting: Setting) -> Algorithm:
    return CTAEA(_directions(setting))


def dynamic(setting: Setting) -> Algorithm:
    return DNSGA2(pop_size=setting.population)


def de(setting: Setting) -> Algorithm:
    return DE(pop_size=setting.population)


def pso(setting: Setting) -> Algorithm:
    return PSO(pop_size=setting.population)


def cmaes(setting: Setting) -> Algorithm:
    del setting
    return CMAES()


def es(setting: Setting) -> Algorithm:
    return ES(n_offsprings=setting.population, rule=0.25)


def nelder_mead(setting: Setting) -> Algorithm:
    del setting
    return NelderMead()


def pattern_search(setting: Setting) -> Algorithm:
    del setting
    return PatternSearch()


def brkga(setting: Setting) -> Algorithm:
    share = max(1, setting.population // 5)
    return BRKGA(n_elites=share, n_offsprings=3 * share, n_mutants=share)


def drawn(setting: Setting) -> Algorithm:
    """Start from a Latin hypercube, which pymoo draws without a seed."""
    top = Coding(setting.problem.space).sizes - 1.0
    problem = Problem(n_var=len(top), xl=np.zeros(len(top)), xu=top)
    return NSGA2(pop_size=setting.population, sampling=LHS().do(problem, setting.population))
