"""Turning a sub-network into what is timed: precision, memory format, engine. Child process only.

Everything here may take long (compiling takes minutes); none of it is counted as latency.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from latbase.db.records import ENGINES, PRECISIONS
from latbase.errors import InvalidInputError
from latbase.profiler import runtimes

Inputs = tuple[torch.Tensor, ...]
Forward = Callable[..., Any]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MEMORY_FORMATS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}
RUNTIMES = {"onnxruntime": runtimes.onnxruntime, "openvino": runtimes.openvino}
IMAGE_DIMENSIONS = 4


def convert(
    model: torch.nn.Module, inputs: Sequence[Inputs], *, device: str, precision: str, layout: str
) -> tuple[torch.nn.Module, list[Inputs]]:
    """Return ``model`` and ``inputs`` on ``device`` in that precision and memory format.

    ``int8`` is dynamic quantisation of linear layers; everything else stays in fp32 then.

    Raises:
        InvalidInputError: a name is not known.
    """
    if layout not in MEMORY_FORMATS:
        raise _unknown("memory format", layout, MEMORY_FORMATS)
    if precision == "int8":
        model, dtype = _quantised(model), torch.float32
    elif precision in DTYPES:
        dtype = DTYPES[precision]
    else:
        raise _unknown("precision", precision, PRECISIONS)
    form = MEMORY_FORMATS[layout]
    model = model.to(device=device, dtype=dtype, memory_format=form)  # type: ignore[call-overload]
    placed = [tuple(_placed(t, device, dtype, form) for t in one) for one in inputs]
    return model, placed


def prepare(model: torch.nn.Module, inputs: Inputs, *, engine: str) -> Forward:
    """Return the callable that is timed.

    Raises:
        InvalidInputError: the engine is not known, or cannot take the sub-network.
    """
    if engine == "eager":
        return model
    if engine == "torchscript":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing is deprecated, and still what users deploy
            return torch.jit.freeze(torch.jit.trace(model, inputs))  # type: ignore[no-any-return, no-untyped-call]
    if engine == "compile":
        torch.compiler.reset()
        return torch.compile(model)
    if engine == "cudagraph":
        return torch.cuda.make_graphed_callables(model, inputs)
    if engine in RUNTIMES:
        return RUNTIMES[engine](model, inputs)
    raise _unknown("engine", engine, ENGINES)


def _placed(
    tensor: torch.Tensor, device: str, dtype: torch.dtype, form: torch.memory_format
) -> torch.Tensor:
    """Move ``tensor``; only floating-point images change type and memory format."""
    if not tensor.is_floating_point():
        return tensor.to(device)
    if tensor.dim() == IMAGE_DIMENSIONS:
        return tensor.to(device=device, dtype=dtype, memory_format=form)
    return tensor.to(device=device, dtype=dtype)


def _quantised(model: torch.nn.Module) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its successor lives in another package
        return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-any-return, no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8
        )


def _unknown(what: str, name: str, known: Any) -> InvalidInputError:
    return InvalidInputError(f"There is no {what} {name!r}; there are {', '.join(known)}.")
