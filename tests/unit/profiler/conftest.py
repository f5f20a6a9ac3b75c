import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from latbase.profiler.probes.files import HostFiles, parse_cpus

HOSTS = Path(__file__).resolve().parents[2] / "data" / "hosts"


@pytest.fixture
def captured_host(tmp_path: Path) -> Callable[[str], HostFiles]:
    """Lay out a captured host as files: ``{0-3}`` in a path repeats it, ``{n+1}`` is the number."""

    def lay_out(name: str) -> HostFiles:
        capture = json.loads((HOSTS / f"{name}.json").read_text())
        root = tmp_path / name
        files = {"/proc/cpuinfo": cpuinfo(capture["cpuinfo"])}
        for pattern, text in capture["files"].items():
            files.update(expand(pattern, text))
        for path, text in files.items():
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text + "\n")
        return HostFiles(root)

    return lay_out


def affinity(name: str) -> frozenset[int]:
    return parse_cpus(json.loads((HOSTS / f"{name}.json").read_text())["affinity"])


def host_names() -> list[str]:
    return sorted(path.stem for path in HOSTS.glob("*.json"))


def cpuinfo(blocks: list[dict[str, str]]) -> str:
    return "\n\n".join(
        f"processor\t: {cpu}\n{block['text']}"
        for block in blocks
        for cpu in sorted(parse_cpus(block["cpus"]))
    )


def expand(pattern: str, text: str) -> dict[str, str]:
    span = re.search(r"\{([\d,-]+)\}", pattern)
    if span is None:
        return {pattern: text}
    return {pattern.replace(span[0], str(n)): _numbered(text, n) for n in parse_cpus(span[1])}


def _numbered(text: str, n: int) -> str:
    return re.sub(r"\{n([+-]\d+)?\}", lambda match: str(n + int(match[1] or 0)), text)
