"""Every captured host is replayed: what is found, and what must not change its identity."""

from collections.abc import Callable

import pytest

from latbase.db.records import Hardware
from latbase.profiler.fingerprint import probe_hardware
from latbase.profiler.probes.files import HostFiles
from latbase.profiler.probes.gpu import GpuReport
from latbase.profiler.probes.limits import read_limits
from latbase.profiler.probes.machine import nominal_gib

from . import conftest as hosts

Captured = Callable[[str], HostFiles]

EXPECTED: dict[str, dict[str, object]] = {
    "vm_epyc_turin": {
        "microarchitecture": ["zen5"],
        "cores": {"performance": 2},
        "logical_cpus": 2,
        "ram_gib": 24.0,
        "virtualised": True,
    },
    "bare_xeon_ice_lake": {
        "microarchitecture": ["ice_lake_x"],
        "cpu_brand": "Intel(R) Xeon(R) Silver 4309Y CPU @ 2.80GHz",
        "sockets": 2,
        "numa_nodes": 2,
        "cores": {"performance": 16},
        "logical_cpus": 32,
        "caches": {"L1d": "48K x 16", "L1i": "32K x 16", "L2": "1280K x 16", "L3": "12288K x 2"},
        "ram_gib": 256.0,
        "virtualised": False,
    },
    "arm_grace": {
        "cpu_vendor": "ARM",
        "microarchitecture": ["neoverse_v2"],
        "cores": {"performance": 72},
        "ram_gib": 480.0,
        "virtualised": False,
    },
    "arm_big_little": {
        "microarchitecture": ["cortex_a55", "cortex_a76"],
        "sockets": 1,
        "cores": {"efficiency": 4, "performance": 4},
    },
    "hybrid_alder_lake": {
        "microarchitecture": ["alder_lake"],
        "cores": {"efficiency": 4, "performance": 8},
        "logical_cpus": 20,
        "ram_gib": 32.0,
    },
    "container_quota_v2": {"microarchitecture": ["zen3"], "cores": {"performance": 4}},
    "container_quota_v1": {"microarchitecture": ["zen3"], "cores": {"performance": 4}},
    "vm_hidden_model": {
        "microarchitecture": ["unknown (x86-64-v2)"],
        "cpu_brand": "QEMU Virtual CPU version 2.5+",
        "caches": {},
        "virtualised": True,
    },
}


def facts(files: HostFiles) -> dict[str, object]:
    probed, _ = probe_hardware(files, GpuReport())
    return {fact.name: fact.value for fact in probed.facts}


def test_every_capture_is_expected_to_be_something():
    assert sorted(EXPECTED) == hosts.host_names()


@pytest.mark.parametrize("name", EXPECTED)
def test_facts(captured_host: Captured, name: str):
    found = facts(captured_host(name))
    assert {key: found[key] for key in EXPECTED[name]} == EXPECTED[name]


def test_only_different_machines_have_different_ids(captured_host: Captured):
    ids = {name: Hardware.of(facts(captured_host(name))).hardware_id for name in EXPECTED}
    # Two containers on the same machine, one with cgroup v1, are that machine.
    assert ids.pop("container_quota_v1") == ids["container_quota_v2"]
    assert len(set(ids.values())) == len(ids)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_moves_does_not_change_the_id(captured_host: Captured, name: str):
    files = captured_host(name)
    before = facts(files)
    cpuinfo = files.root / "proc/cpuinfo"
    moved = {"cpu MHz": "799.9", "bogomips": "1.0", "BogoMIPS": "1.0", "microcode": "0x9"}
    lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
    rewritten = [
        f"{key}: {moved[key.strip()]}" if key.strip() in moved else f"{key}{colon}{value}"
        for key, colon, value in lines
    ]
    # A newer kernel lists more flags that have nothing to do with speed.
    flagged = [
        f"{line} md_clear srso_no ssbs" if line.startswith(("flags", "Features")) else line
        for line in rewritten
    ]
    cpuinfo.write_text("\n".join(flagged) + "\n")
    meminfo = files.root / "proc/meminfo"
    total = int(meminfo.read_text().split()[1])
    # A crash dump reservation of 64 MiB less after the next boot.
    meminfo.write_text(f"MemTotal: {total - 65536} kB\nMemFree: 1 kB\n")
    assert facts(files) == before


@pytest.mark.parametrize(
    ("name", "cpus", "quota_cpus", "memory_gib"),
    [
        ("vm_epyc_turin", 2, None, None),
        ("bare_xeon_ice_lake", 32, None, None),
        ("container_quota_v2", 4, 2.5, 8),
        ("container_quota_v1", 8, 0.5, 4),
    ],
)
def test_limits(captured_host: Captured, name: str, cpus: int, quota_cpus: float, memory_gib: int):
    limits = read_limits(captured_host(name), hosts.affinity(name))
    assert len(limits.cpus) == cpus
    assert limits.quota_cpus == quota_cpus
    assert limits.memory_limit_bytes == (memory_gib * 2**30 if memory_gib else None)


@pytest.mark.parametrize(
    ("name", "effective"),
    [("bare_xeon_ice_lake", 32), ("container_quota_v2", 2), ("container_quota_v1", 1)],
)
def test_effective_cpus(captured_host: Captured, name: str, effective: int):
    assert read_limits(captured_host(name), hosts.affinity(name)).effective_cpus == effective


def test_affinity_narrows_a_cpuset(captured_host: Captured):
    limits = read_limits(captured_host("container_quota_v2"), frozenset({2, 3, 6}))
    assert limits.cpus == (2, 3)


def test_an_ancestor_cgroup_limits_too(captured_host: Captured):
    files = captured_host("bare_xeon_ice_lake")
    (files.root / "sys/fs/cgroup/user.slice/cpu.max").write_text("300000 100000\n")
    limits = read_limits(files, hosts.affinity("bare_xeon_ice_lake"))
    assert limits.quota_cpus == 3.0


def test_hidden_models_are_remarked(captured_host: Captured):
    for name in ("vm_hidden_model", "vm_epyc_turin"):
        notes = probe_hardware(captured_host(name), GpuReport())[0].notes
        assert any("may share this hardware id" in note for note in notes)
    assert probe_hardware(captured_host("bare_xeon_ice_lake"), GpuReport())[0].notes == ()


@pytest.mark.parametrize(
    ("gib", "nominal"), [(7.6, 8), (15.4, 16), (23.54, 24), (62.5, 64), (94.0, 96), (1007.4, 1024)]
)
def test_memory_is_rounded_to_what_was_bought(gib: float, nominal: int):
    assert nominal_gib(int(gib * 2**30)) == nominal
