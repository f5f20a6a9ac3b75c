"""What is measured into a store, and what it knows already."""

import dataclasses

import numpy as np
import pytest

from latbase import db
from latbase.db import queries
from latbase.profiler import Profiled, Recorder

from .conftest import FAST, TOY, Bench, measured

pytestmark = pytest.mark.usefixtures("private_locks")


def test_what_was_disturbed_is_measured_again_once(bench: Bench):
    configuration = bench.configuration()
    genotypes = np.array([subnet.genotype for subnet in bench.subnets(2)], np.int8)

    with db.connect(":memory:") as store:
        recorder = Recorder(
            store=store,
            network=bench.network,
            fingerprint=bench.fingerprint,
            state_dir=bench.state_dir,
            protocol=FAST,
            device=None,
            loads_as=TOY,
            on_event=bench.events.append,
        )

        def profile(*, again: bool = False) -> Profiled:
            return recorder.profile(genotypes, configuration, lambda _: None, again=again)

        subnets = recorder._registered(genotypes, configuration)
        (disturbed,) = list(subnets)[:1]
        (found,) = measured(list(bench.measure(subnets[disturbed])))
        store.write([dataclasses.replace(m, verdict="disturbed") for m in found.measurements])
        first, second = profile(), profile()
        values = queries.newest_values(
            store,
            list(subnets),
            configuration_id=configuration.configuration_id,
            metric="latency_ms",
        )
    assert (first.known, first.measured) == (0, 2)
    assert (second.known, second.measured) == (2, 0)
    assert len(values) == 2
