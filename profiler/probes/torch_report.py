"""Child process: write what torch says about its kernels to stdout as one line of JSON."""

import json
import re
import sys

import torch


def report() -> dict[str, object]:
    """Return versions of torch, oneDNN, MKL, OpenMP and CUDA, and the CPU kernels chosen."""
    shown = torch.__config__.show()
    found: dict[str, object] = {
        "torch": torch.__version__,
        "onednn": _first(r"(?:MKL-DNN|oneDNN|DNNL) v([\w.]+)", shown),
        "mkl": _first(r"Math Kernel Library Version (\S+)", shown),
        "openmp": _first(r"OpenMP (\d+)", shown),
        "cpu_kernels": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }
    return {name: value for name, value in found.items() if value is not None}


def _first(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report()) + "\n")
