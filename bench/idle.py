"""What a daemon costs while there is nothing to do: a real one, on an empty file of its own.

python bench/idle.py [--seconds 60]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SETTLED_S = 10.0
"""From the first look for jobs until only the everyday is left."""

START_S = 120.0
MB = 1e6


def main() -> None:
    """Print the share of a core, resident and proportional memory of an idle daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        daemon = start(Path(folder))
        try:
            time.sleep(SETTLED_S)
            report(psutil.Process(daemon.pid), seconds)
        finally:
            daemon.terminate()
            daemon.wait()


def start(folder: Path) -> "subprocess.Popen[str]":
    """Start a daemon that owns a new store, and return when it has reached it."""
    daemon = subprocess.Popen(
        [sys.executable, "-m", "latbase", "--store", folder / "idle.duckdb", "daemon", "run"],
        env=os.environ | {"LATBASE_STATE_DIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if '"connected"' in line:
            return daemon
    raise SystemExit(f"The daemon ended with {daemon.wait()} before it reached its store.")


def report(daemon: psutil.Process, seconds: float) -> None:
    """Watch ``daemon`` for ``seconds`` and print what it took."""
    before = sum(daemon.cpu_times()[:2])
    time.sleep(seconds)
    core = (sum(daemon.cpu_times()[:2]) - before) / seconds
    memory = daemon.memory_full_info()
    print(f"{core:.2%} of a core over {seconds:g} s")
    print(f"{memory.rss / MB:.0f} MB resident (RSS), {memory.pss / MB:.0f} MB proportional (PSS)")


if __name__ == "__main__":
    main()
