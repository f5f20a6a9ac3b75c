from pathlib import Path
from typing import Any

import cpuinfo
import pytest

from latbase.profiler.probes.cpu import probe_cpu
from latbase.profiler.probes.files import HostFiles, parse_cpus


def test_off_linux_the_library_identifies_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found: dict[str, Any] = {"brand_raw": "Apple  M2 ", "flags": ["asimd"]}
    monkeypatch.setattr(cpuinfo, "get_cpu_info", lambda: found)
    facts = {fact.name: fact for fact in probe_cpu(HostFiles(tmp_path)).facts}
    assert facts["cpu_brand"].value == "Apple M2"
    assert facts["cpu_brand"].source == "py-cpuinfo"
    assert facts["microarchitecture"].value == ["unknown (armv8 (asimd))"]


def test_an_unknown_processor_is_remarked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cpuinfo, "get_cpu_info", dict)
    probed = probe_cpu(HostFiles(tmp_path))
    assert probed.facts == ()
    assert "could not be identified" in probed.notes[0]


def test_cpu_lists():
    assert parse_cpus("0-2,8,10-11") == {0, 1, 2, 8, 10, 11}
    assert parse_cpus("") == frozenset()
