"""Gaussian process with linear and RBF kernels over groups of features.

Every group (indicators, sums, costs, …) has a linear variance and a length of its own: the linear
part carries what adds up over blocks, the RBF part what does not. Hyper-parameters maximise
marginal likelihood times a weak prior, so ten rows do not mislead them. Rows that all others
contradict get more noise, since measured latencies have heavy right tails.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize

from latbase.searcher.predictors.base import Features, Scaling, Values, robust_deviation

Groups = tuple[npt.NDArray[np.intp], ...]

MEAN_VARIANCE = 10.0
"""Prior variance of the constant, in units of the variance of the values."""

LINEAR_VARIANCE, RBF_VARIANCE, SHARPNESS, NOISE_VARIANCE = 0.5, 0.05, 0.5, 0.01
"""Centres of the prior, for values of variance 1 and mean squared differences per feature."""

PRIOR_SPREAD = 1.5
"""Standard deviation of the logarithm of every hyper-parameter."""

FURTHEST = 6.0
"""How far the logarithm of a hyper-parameter may leave the centre of its prior."""

ITERATIONS = 30
"""Steps of the optimiser."""

LIKELIHOOD_ROWS = 250
"""Rows that determine the hyper-parameters; the cost of a step grows with their cube."""

MOST_ROWS = 4000
"""Rows a prediction rests on; the cost of fitting grows with their cube."""

OUTLIER = 3.0
"""Leave-one-out errors beyond that many standard deviations mark a row as disturbed."""

LEAST_DEFLATION = 0.1
"""How much smaller than the fitted noise that of the median row may be taken to be."""

UNEVEN = 3.0
"""How many times the usual noise a value's size alone may give it, or take from it."""

ROBUST_ROUNDS = 5
"""Times the noise of disturbed rows is adapted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """How features become the inputs of the kernels.

    Features in given groups come in units that mean the same whatever was evaluated: scaling every
    column by its own spread would make a choice seldom seen count for much, and one never seen for
    nothing. Other features are standardised and weigh by their correlation with the values.

    Attributes:
        centre: float (f,), subtracted from the features.
        factor: float (f,), what they are multiplied by then.
        groups: columns of each group, none empty.
    """

    centre: Values
    factor: Values
    groups: Groups

    @classmethod
    def of(cls, features: Features, y: Values, groups: Groups | None) -> "Inputs":
        """Learn them from float (n, f) and (n,); without groups, indicators are set apart."""
        centre, factor = features.mean(axis=0), np.ones(features.shape[1])
        if groups is not None:
            return cls(centre=centre, factor=factor, groups=groups)
        scaling = Scaling.of(features)
        correlation = scaling.apply(features).T @ (y - y.mean()) / (len(y) * (y.std() or 1.0))
        weights = np.sqrt(correlation**2 + 1.0 / len(y))
        factor[scaling.kept] = weights / scaling.spread
        indicator = ((features == 0) | (features == 1)).all(axis=0)
        parts = (np.flatnonzero(part & scaling.kept) for part in (indicator, ~indicator))
        groups = tuple(part for part in parts if len(part))
        for group in groups:
            # Kernels are per feature: mean squares become sums.
            spread = factor[group] * features[:, group].std(axis=0)
            factor[group] /= np.linalg.norm(spread) or 1.0
        return cls(centre=centre, factor=factor, groups=groups)

    def apply(self, features: Features) -> tuple[Features, ...]:
        """Return one matrix per group, float (n, f_g)."""
        x = (features - self.centre) * self.factor
        return tuple(x[:, group] for group in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyper:
    """Hyper-parameters for k groups.

    Attributes:
        linear: float (k,), variances of the linear kernels.
        sharpness: float (k,), inverse squared lengths of the RBF kernel.
        rbf: its variance.
        noise: variance of the noise of an undisturbed row.
    """

    linear: Values
    sharpness: Values
    rbf: float
    noise: float

    @classmethod
    def centre(cls, groups: int) -> Values:
        """Return the logarithms at the centre of the prior, float (2 k + 2,)."""
        shared = np.repeat([LINEAR_VARIANCE, SHARPNESS], groups)
        return np.asarray(np.log(np.append(shared, [RBF_VARIANCE, NOISE_VARIANCE])))

    @classmethod
    def of(cls, logarithms: Values) -> "Hyper":
        """Unpack the logarithms."""
        values = np.exp(logarithms)
        linear, sharpness = values[:-2].reshape(2, -1)
        return cls(
            linear=linear, sharpness=sharpness, rbf=float(values[-2]), noise=float(values[-1])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Mean of a posterior with everything computed that does not depend on where it is asked.

    Inner searches ask for a hundred values thousands of times.

    Attributes:
        constant: what every value starts from.
        slope: float (f,), of the linear kernels.
        roots: float (f,), roots of the inverse squared lengths.
        known: float (n, f), training inputs times ``roots``.
        norms: float (n,), half the squared norms of ``known``.
        weights: float (n,), of the RBF kernel at each training input.
    """

    constant: float
    slope: Values
    roots: Values
    known: Features
    norms: Values
    weights: Values

    @classmethod
    def of(cls, x: tuple[Features, ...], hyper: Hyper, dual: Values) -> "Expectation":
        """Prepare it for training inputs by group and the inverse covariance times values."""
        widths = [group.shape[1] for group in x]
        inputs = np.hstack(x)
        roots = np.sqrt(np.repeat(hyper.sharpness, widths))
        known = inputs * roots
        return cls(
            constant=float(MEAN_VARIANCE * dual.sum()),
            slope=(dual @ inputs) * np.repeat(hyper.linear, widths),
            roots=roots,
            known=known,
            norms=0.5 * (known**2).sum(axis=1),
            weights=hyper.rbf * dual,
        )

    def __call__(self, inputs: Features) -> Values:
        """Return the mean in units of the training values, float (n,), for float (n, f)."""
        near = inputs * self.roots
        exponent = near @ self.known.T
        exponent -= 0.5 * np.einsum("nf,nf->n", near, near)[:, None]
        exponent -= self.norms
        bent = np.exp(exponent, out=exponent) @ self.weights
        return np.asarray(self.constant + inputs @ self.slope + bent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unevenness:
    """How the noise differs from value to value.

    Measurements err by a share of what they measure; values of both signs err alike.

    Attributes:
        proportional: whether noise grows with the value.
        usual: geometric mean of what noise is proportional to, over the training rows.
    """

    proportional: bool
    usual: float

    @classmethod
    def of(cls, y: Values, slope: Values | float = 1.0) -> "Unevenness":
        """Learn it from values before warping, float (n,), and the slopes of the warping there."""
        proportional = bool((y > 0).all())
        size = (y if proportional else np.ones(len(y))) * slope
        return cls(proportional=proportional, usual=float(np.exp(np.log(size).mean())))

    def __call__(self, values: Values, slope: Values | float = 1.0) -> Values:
        """Return the variance of the noise at ``values``, float (n,), in that of a usual one."""
        size = (np.abs(values) if self.proportional else np.ones(len(values))) * slope
        return np.asarray(np.clip(size / self.usual, 1.0 / UNEVEN, UNEVEN) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianProcess:
    """A posterior over functions of features.

    Attributes:
        inputs: turns features into kernel inputs.
        centre: mean of the training values.
        unit: standard deviation of the training values.
        logarithms: of the hyper-parameters, to start the next fit from.
        x: training inputs per group, float (n, f_g).
        dual: float (n,), inverse covariance times values.
        expectation: the mean, ready for many short calls.
        factor: float (n, n), lower Cholesky factor of the covariance.
        left_out: predictions of each given row from all others (of rows it does not rest on, from
            those it does), in the values' unit.
    """

    inputs: Inputs
    centre: float
    unit: float
    logarithms: Values
    x: tuple[Features, ...]
    dual: Values
    expectation: Expectation
    factor: Features
    left_out: Values

    def mean(self, features: Features, /) -> Values:
        """Return the expected value, float (n,)."""
        inputs = np.hstack(self.inputs.apply(features))
        return self.expectation(inputs) * self.unit + self.centre

    def predict(
        self, features: Features, /, relative: Callable[[Values], Values] | None = None
    ) -> tuple[Values, Values]:
        """Return mean and spread (noise included), float (n,) each.

        Args:
            features: float (n, f).
            relative: gives the variance of the noise at each mean, 1 for a usual one; None for
                equal noise.
        """
        hyper = Hyper.of(self.logarithms)
        inputs = self.inputs.apply(features)
        cross = _covariance(inputs, self.x, hyper)
        own = hyper.rbf + MEAN_VARIANCE
        own += sum(v * (x**2).sum(axis=1) for v, x in zip(hyper.linear, inputs, strict=True))
        explained = linalg.solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        mean = cross @ self.dual * self.unit + self.centre
        variance = np.maximum(own - (explained**2).sum(axis=0), 0.0)
        variance += hyper.noise * (1.0 if relative is None else relative(mean))
        return mean, np.sqrt(variance) * self.unit

    def doubt(self, features: Features, /) -> Features:
        """Return the covariance of what is not known, float (n, n), in variances of the noise."""
        hyper = Hyper.of(self.logarithms)
        inputs = self.inputs.apply(features)
        cross = _covariance(self.x, inputs, hyper)
        explained = linalg.solve_triangular(self.factor, cross, lower=True, check_finite=False)
        left = _covariance(inputs, inputs, hyper) - explained.T @ explained
        return np.asarray(left / hyper.noise)


def fit(
    features: Features,
    y: Values,
    groups: Groups | None = None,
    start: Values | None = None,
    *,
    refine: bool = True,
    relative: Values | None = None,
) -> GaussianProcess:
    """Fit on float (n, f) and (n,), n >= 3.

    Args:
        features: float (n, f).
        y: float (n,).
        groups: columns of each group of features; None sets indicators apart from the rest.
        start: logarithms of hyper-parameters to begin from, those of a fit on fewer rows.
        refine: whether to look for better ones than ``start``, at ten times the time.
        relative: float (n,), variance of the noise of each undisturbed row, 1 for a usual one; None
            for equal noise.
    """
    given, chosen = features, thinned(len(y), MOST_ROWS)
    steady = np.ones(len(chosen)) if relative is None else relative[chosen]
    features, y = features[chosen], y[chosen]
    inputs = Inputs.of(features, y, groups)
    x = inputs.apply(features)
    centre, unit = float(y.mean()), float(y.std()) or 1.0
    target = (y - centre) / unit
    rows = thinned(len(y), LIKELIHOOD_ROWS)
    likelihood = _Likelihood(tuple(group[rows] for group in x), target[rows]) if refine else None
    noise = steady
    prior = Hyper.centre(len(x))
    logarithms = prior if start is None or len(start) != len(prior) else start
    hyper = Hyper.of(logarithms)
    covariance = _covariance(x, x, hyper)
    for _ in range(ROBUST_ROUNDS if refine else 2):
        if likelihood is not None:
            logarithms = likelihood.maximised(logarithms, noise[rows])
            hyper = Hyper.of(logarithms)
            covariance = _covariance(x, x, hyper)
        dual, factor, errors, scatter = _solve(covariance, target, hyper.noise, noise, steady)
        distance = np.abs(errors / scatter)
        # Many outliers inflate the noise of all rows: the median row says how much.
        distance /= np.clip(robust_deviation(distance), LEAST_DEFLATION, 1.0)
        heavier = steady * np.maximum((distance / OUTLIER) ** 2, 1.0)
        if np.allclose(heavier, noise, rtol=0.1):
            break
        noise = heavier
    process = GaussianProcess(
        inputs=inputs,
        centre=centre,
        unit=unit,
        logarithms=logarithms,
        x=x,
        dual=dual,
        expectation=Expectation.of(x, hyper, dual),
        factor=factor,
        left_out=y - errors * unit,
    )
    if len(chosen) == len(given):
        return process
    left_out = process.mean(given)
    left_out[chosen] = process.left_out
    return replace(process, left_out=left_out)


class _Likelihood:
    """Minus the log posterior of the hyper-parameters, and its gradient."""

    def __init__(self, x: tuple[Features, ...], target: Values) -> None:
        # One matrix product then weighs or compares all groups at once.
        self._linear = np.array([(group @ group.T).ravel() for group in x])
        self._squared = np.array([_squared(group, group).ravel() for group in x])
        self._target = target
        self._prior = Hyper.centre(len(x))

    def maximised(self, start: Values, noise: Values) -> Values:
        """Return the best logarithms near ``start`` for relative noises, float (n,)."""
        result = optimize.minimize(
            self.loss,
            start,
            args=(noise,),
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack([self._prior - FURTHEST, self._prior + FURTHEST]),
            options={"maxiter": ITERATIONS},
        )
        return np.asarray(result.x)

    def loss(self, logarithms: Values, noise: Values) -> tuple[float, Values]:
        """Return loss and gradient, float (2 k + 2,)."""
        hyper, n = Hyper.of(logarithms), len(self._target)
        smooth = np.exp(-0.5 * (hyper.sharpness @ self._squared)).reshape(n, n)
        smooth *= hyper.rbf
        covariance = (hyper.linear @ self._linear).reshape(n, n)
        covariance += smooth
        covariance += MEAN_VARIANCE
        covariance[np.diag_indices(n)] += hyper.noise * noise
        factor = linalg.cholesky(covariance, lower=True, check_finite=False)
        inverse = _inverse(factor)
        dual = inverse @ self._target
        slope = 0.5 * (inverse - np.outer(dual, dual))
        steep = slope * smooth
        offset = (logarithms - self._prior) / PRIOR_SPREAD
        gradient = [
            *(hyper.linear * (self._linear @ slope.ravel())),
            *(-0.5 * hyper.sharpness * (self._squared @ steep.ravel())),
            steep.sum(),
            hyper.noise * (np.diag(slope) @ noise),
        ]
        loss = 0.5 * self._target @ dual + np.log(np.diag(factor)).sum() + 0.5 * offset @ offset
        return float(loss), np.array(gradient) + offset / PRIOR_SPREAD


def _solve(
    covariance: Features, target: Values, variance: float, noise: Values, steady: Values
) -> tuple[Values, Features, Values, Values]:
    """Return dual weights, Cholesky factor, leave-one-out errors and their undisturbed spread."""
    noisy = covariance.copy()
    noisy[np.diag_indices_from(noisy)] += variance * noise
    factor = linalg.cholesky(noisy, lower=True, check_finite=False)
    half, _ = linalg.lapack.dtrtri(factor, lower=True)
    precision = np.einsum("nk,nk->k", half, half)
    dual = linalg.cho_solve((factor, True), target, check_finite=False)
    undisturbed = np.maximum(1.0 / precision - variance * (noise - steady), variance * steady)
    return dual, factor, dual / precision, np.sqrt(undisturbed)


def _covariance(left: tuple[Features, ...], right: tuple[Features, ...], hyper: Hyper) -> Features:
    covariance = _decay(left, right, hyper.sharpness)
    covariance *= hyper.rbf
    covariance += _weighted(left, hyper.linear) @ _weighted(right, hyper.linear).T
    covariance += MEAN_VARIANCE
    return covariance


def _decay(left: tuple[Features, ...], right: tuple[Features, ...], sharpness: Values) -> Features:
    """Return the RBF kernel of variance 1, float (n, k), from one matrix product."""
    return np.exp(-0.5 * _squared(_weighted(left, sharpness), _weighted(right, sharpness)))


def _weighted(groups: tuple[Features, ...], variances: Values) -> Features:
    """Put groups side by side so that their products count ``variances`` times, float (n, f)."""
    return np.hstack([root * x for root, x in zip(np.sqrt(variances), groups, strict=True)])


def _squared(left: Features, right: Features) -> Features:
    """Return squared distances between rows, float (n, k)."""
    distance = left @ right.T
    distance *= -2.0
    distance += (left**2).sum(axis=1)[:, None]
    distance += (right**2).sum(axis=1)
    return np.maximum(distance, 0.0, out=distance)


def _inverse(factor: Features) -> Features:
    """Return the symmetric inverse of the matrix whose lower Cholesky factor is given."""
    half, _ = linalg.lapack.dpotri(factor, lower=True)  # the upper half stays zero
    inverse = half + half.T
    inverse[np.diag_indices_from(inverse)] *= 0.5
    return np.asarray(inverse)


def thinned(count: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most ``most`` of ``count`` rows, drawn once and for all."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
