"""The software that decides speed: Python, torch and its kernels, drivers, kernel, C library."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from latbase.profiler.probes.files import Fact, Probed

SPEED_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "MKL_ENABLE_INSTRUCTIONS",
    "LD_PRELOAD",
    "MALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "NVIDIA_TF32_OVERRIDE",
)
"""Environment variables that choose kernels or allocators in the measured process."""

REPORT_TIMEOUT_S = 120.0
"""Importing torch takes two seconds; a cold network file system has been seen to take sixty."""


def probe_environment(
    *, cache: Path, driver_version: str | None, environ: Mapping[str, str] = os.environ
) -> Probed:
    """Return the facts of the software.

    Args:
        cache: file that remembers what torch says about itself, which costs two seconds to ask.
        driver_version: of the NVIDIA driver; None without one.
        environ: environment variables.
    """
    variables = {name: environ[name] for name in SPEED_VARIABLES if name in environ}
    facts = [
        Fact(name="python", value=platform.python_version(), source="platform"),
        Fact(name="kernel", value=f"{platform.system()} {platform.release()}", source="uname"),
        Fact(name="libc", value=" ".join(platform.libc_ver()), source="platform"),
        Fact(name="variables", value=variables, source="environment variables"),
    ]
    if driver_version is not None:
        facts.append(Fact(name="nvidia_driver", value=driver_version, source="NVML"))
    torch, notes = _torch(cache, variables)
    facts += [Fact(name=name, value=value, source="torch") for name, value in torch.items()]
    return Probed(facts=tuple(facts), notes=notes)


def _torch(
    cache: Path, variables: Mapping[str, str]
) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """Return what torch says about itself, from ``cache`` while it is the same."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return {}, ("PyTorch is not installed: nothing can be measured.",)
    spec = importlib.util.find_spec("torch")
    origin = spec.origin if spec is not None else None
    installed = Path(origin).stat().st_mtime_ns if origin else 0
    key = {"version": version, "installed": installed, "variables": dict(variables)}
    cached = _read(cache)
    if cached.get("key") == key and isinstance(cached.get("report"), dict):
        return cached["report"], ()  # type: ignore[return-value] # narrowed by isinstance
    try:
        report = _ask_torch()
    except (subprocess.SubprocessError, ValueError) as error:
        return {"torch": version}, (f"PyTorch {version} does not start: {_last_line(error)}",)
    cache.write_text(json.dumps({"key": key, "report": report}))
    return report, ()


def _ask_torch() -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "latbase.profiler.probes.torch_report"],
        capture_output=True,
        text=True,
        check=True,
        timeout=REPORT_TIMEOUT_S,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _last_line(error: Exception) -> str:
    stderr = getattr(error, "stderr", None) or str(error)
    return str(stderr).strip().splitlines()[-1]


def _read(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
