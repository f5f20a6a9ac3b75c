"""What a daemon costs while there is nothing to do: a real one, on an empty store.

The first owns a file and serves it, the second works for a service that is elsewhere, as on every
host of a fleet but one.

python bench/idle.py [--seconds 60] [--settle 10]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

START_S = 120.0
MB = 1e6


def main() -> None:
    """Print the share of a core, resident and proportional memory of an idle daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=10.0, help="seconds before the first look")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("owning its store:")
        observe(Path(folder), str(Path(folder) / "idle.duckdb"), options)
    with tempfile.TemporaryDirectory() as folder, service(Path(folder) / "served.duckdb") as url:
        print("working for a service:")
        observe(Path(folder), url, options)


@contextmanager
def service(path: Path) -> Iterator[str]:
    """Serve a new store in a process of its own; give its address."""
    serving = subprocess.Popen(
        [sys.executable, "-m", "latbase", "--store", path, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield str(serving.stdout and serving.stdout.readline()).strip()
    finally:
        serving.terminate()
        serving.communicate()


def observe(folder: Path, store: str, options: argparse.Namespace) -> None:
    """Start a daemon, let it settle, report, and end it."""
    daemon = start(folder, store)
    try:
        time.sleep(options.settle)
        report(psutil.Process(daemon.pid), options.seconds)
    finally:
        daemon.terminate()
        daemon.wait()


def start(folder: Path, store: str) -> "subprocess.Popen[str]":
    """Start a daemon and return when it has reached ``store``."""
    daemon = subprocess.Popen(
        [sys.executable, "-m", "latbase", "--store", store, "daemon", "run"],
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
