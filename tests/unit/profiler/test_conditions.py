from dataclasses import replace
from pathlib import Path

import pytest

from latbase.profiler.conditions import Conditions, GpuConditions, read_conditions
from latbase.profiler.energy import cpu_counter
from latbase.profiler.probes.files import HostFiles

from .factories import CALM

CPU0 = "sys/devices/system/cpu/cpu0"
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
LEGACY = "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"


def host(root: Path, **files: str) -> HostFiles:
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return HostFiles(root)


def test_a_host_that_tells_everything(tmp_path: Path):
    files = {
        "proc/uptime": "571.36 449.25",
        "proc/self/cgroup": "0::/",
        "proc/self/mountinfo": UNIFIED,
        "proc/loadavg": "0.50 0.40 0.30 1/99 123",
        "proc/stat": "cpu  1000 10 200 5000 30 5 5 250 0 0\ncpu0 1 1 1 1 1 1 1 1",
        "sys/fs/cgroup/cpu.stat": "nr_throttled 3\nthrottled_usec 1500000",
        f"{CPU0}/cpufreq/scaling_governor": "powersave",
        f"{CPU0}/cpufreq/scaling_cur_freq": "3400000",
        f"{CPU0}/thermal_throttle/core_throttle_count": "4",
        f"{CPU0}/thermal_throttle/package_throttle_count": "5",
        "sys/devices/system/cpu/intel_pstate/no_turbo": "0",
        "sys/class/thermal/thermal_zone0/temp": "61000",
    }
    found = read_conditions(host(tmp_path, **files), [0])
    assert (found.uptime_s, found.load_1min) == (571.36, 0.5)
    assert (found.busy_s, found.steal_s) == (12.2, 2.5)
    assert found.quota_throttled_s == 1.5
    assert (found.governor, found.turbo, found.frequency_mhz) == ("powersave", True, 3400)
    assert (found.temperature_c, found.throttle_events) == (61.0, 9)


def test_a_host_that_tells_nothing_is_not_zero(tmp_path: Path):
    facts = read_conditions(HostFiles(tmp_path), [0]).facts()
    assert {name for name, value in facts.items() if value is not None} == {"effective_cpus"}


@pytest.mark.parametrize(
    ("mount", "group", "stat"),
    [
        (UNIFIED, "0::{}", "sys/fs/cgroup{}/cpu.stat"),
        (LEGACY, "4:cpu,cpuacct:{}\n0::/", "sys/fs/cgroup/cpu,cpuacct{}/cpu.stat"),
    ],
    ids=["v2", "v1"],
)
def test_quotas_of_nested_cgroups_stop_a_process_at_every_level(
    tmp_path: Path, mount: str, group: str, stat: str
):
    times = ("throttled_usec 1500000", "throttled_usec 250000")
    if mount == LEGACY:  # in nanoseconds
        times = ("throttled_time 1500000000", "throttled_time 250000000")
    files = {
        "proc/self/cgroup": group.format("/pod/container"),
        "proc/self/mountinfo": mount,
        stat.format("/pod/container"): f"nr_throttled 3\n{times[0]}",
        stat.format("/pod"): f"nr_throttled 1\n{times[1]}",
        stat.format("/elsewhere"): f"nr_throttled 9\n{times[0]}",
    }
    assert read_conditions(host(tmp_path, **files), [0]).quota_throttled_s == 1.75


@pytest.mark.parametrize("amd", ["0", "1"])
def test_turbo_of_amd(tmp_path: Path, amd: str):
    found = read_conditions(host(tmp_path, **{"sys/devices/system/cpu/cpufreq/boost": amd}), [0])
    assert found.turbo is (amd == "1")


def test_conditions_come_back_from_json():
    gpu = GpuConditions(
        sm_clock_mhz=1,
        memory_clock_mhz=2,
        temperature_c=3,
        power_w=4.0,
        throttle_reasons=("software power cap",),
        other_processes=0,
    )
    for conditions in (CALM, Conditions(**{**CALM.facts(), "gpu": gpu})):  # type: ignore[arg-type]
        assert Conditions.from_facts(conditions.facts()) == conditions


def test_conditions_of_other_versions_are_read():
    facts = {**CALM.facts(), "phase_of_the_moon": 0.5}
    del facts["uptime_s"]
    assert Conditions.from_facts(facts) == replace(CALM, uptime_s=None)


def test_energy_counters_wrap_around(tmp_path: Path):
    rapl = "sys/class/powercap/intel-rapl:0"
    files = host(
        tmp_path,
        **{
            f"{rapl}/energy_uj": "9000000",
            f"{rapl}/max_energy_range_uj": "10000000",
            f"{rapl}:0/energy_uj": "77",
        },
    )
    read_mj = cpu_counter(files).read_mj
    assert read_mj is not None
    host(tmp_path, **{f"{rapl}/energy_uj": "1000000"})
    assert read_mj() == 2000.0


def test_absent_energy_is_said(tmp_path: Path):
    counter = cpu_counter(HostFiles(tmp_path))
    assert counter.read_mj is None
    assert "no RAPL counter" in counter.absent
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").mkdir(parents=True)
    assert "root only" in cpu_counter(HostFiles(tmp_path)).absent
