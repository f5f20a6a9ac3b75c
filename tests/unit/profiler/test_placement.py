from collections.abc import Callable

import pytest

from latbase.errors import DeviceError, InvalidInputError
from latbase.profiler.placement import choose_cpus, choose_gpu
from latbase.profiler.probes.files import HostFiles
from latbase.profiler.probes.gpu import Gpu
from latbase.profiler.probes.limits import read_limits
from latbase.profiler.probes.topology import read_cores

Captured = Callable[[str], HostFiles]


def place(files: HostFiles, affinity: frozenset[int], threads: int) -> tuple[int, ...]:
    return choose_cpus(read_cores(files), read_limits(files, affinity), threads)


def test_threads_get_cores_of_their_own_on_one_node(captured_host: Captured):
    files = captured_host("bare_xeon_ice_lake")
    cores = {cpu: core for core in read_cores(files) for cpu in core.cpus}
    chosen = [cores[cpu] for cpu in place(files, frozenset(range(32)), 8)]
    assert len({core.cpus for core in chosen}) == 8
    assert len({core.node for core in chosen}) == 1


def test_siblings_are_used_last(captured_host: Captured):
    files = captured_host("bare_xeon_ice_lake")
    assert set(place(files, frozenset(range(32)), 16)) == set(range(16))
    assert len(place(files, frozenset(range(32)), 32)) == 32


def test_efficiency_cores_are_left_out(captured_host: Captured):
    files = captured_host("hybrid_alder_lake")
    assert max(place(files, frozenset(range(20)), 8)) < 16
    assert place(captured_host("arm_big_little"), frozenset(range(8)), 2) == (6, 7)


def test_only_permitted_cpus_are_used(captured_host: Captured):
    files = captured_host("bare_xeon_ice_lake")
    assert place(files, frozenset({3, 5, 19}), 2) == (3, 5)


def test_more_threads_than_cpus_are_refused(captured_host: Captured):
    with pytest.raises(InvalidInputError, match="may use 2 CPUs"):
        place(captured_host("container_quota_v2"), frozenset(range(8)), 3)


def test_an_unknown_topology_still_gives_cpus(captured_host: Captured):
    limits = read_limits(captured_host("vm_hidden_model"), frozenset({0, 1, 2}))
    assert choose_cpus((), limits, 2) == (1, 2)


def gpu(uuid: str) -> Gpu:
    return Gpu(
        uuid=uuid,
        name="H200",
        memory_gib=141,
        compute_capability="9.0",
        mig=False,
        card_uuid=uuid,
    )


def test_gpus_by_number_and_serial():
    cards = [gpu("GPU-aaa"), gpu("GPU-bbb")]
    names = ("cuda", "cuda:1", "cuda:GPU-bbb", "cuda:GPU-b")
    assert [choose_gpu(cards, name).uuid[-1] for name in names] == ["a", "b", "b", "b"]


@pytest.mark.parametrize("name", ["cuda:2", "cuda:GPU-c", "tpu"])
def test_a_gpu_that_is_not_there(name: str):
    with pytest.raises(DeviceError, match=r"cuda:0 .H200, GPU-aaa."):
        choose_gpu([gpu("GPU-aaa")], name)
    with pytest.raises(DeviceError, match="no NVIDIA GPU answers"):
        choose_gpu([], name)
