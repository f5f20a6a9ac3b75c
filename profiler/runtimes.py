"""Inference runtimes beside torch, as optional extras: ``pip install 'latbase[onnxruntime]'``.

A sub-network is exported once; what is timed takes and gives arrays of its runtime, so copies
between torch and the runtime are not counted. Child process only.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import torch

from latbase.errors import InvalidInputError

Forward = Callable[..., Any]


def onnxruntime(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> Forward:
    """Return a forward pass of ONNX Runtime with torch's number of threads.

    Raises:
        InvalidInputError: a package is missing, or ONNX cannot express the sub-network.
    """
    runtime = _package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # As OpenMP is told elsewhere: waiting threads must not burn a neighbour's core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = runtime.InferenceSession(
        to_onnx(model, inputs), options, providers=["CPUExecutionProvider"]
    )
    feed = {
        slot.name: array.numpy() for slot, array in zip(session.get_inputs(), inputs, strict=True)
    }
    return lambda *_: session.run(None, feed)


def openvino(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> Forward:
    """Return a forward pass of OpenVINO with torch's number of threads.

    Raises:
        InvalidInputError: the package is missing, or cannot convert the sub-network.
    """
    runtime = _package("openvino")
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",  # it would pick bf16 where the CPU has it
        "ENABLE_CPU_PINNING": False,  # this process is pinned already
    }
    with _conversion("OpenVINO"):
        converted = runtime.convert_model(model, example_input=tuple(inputs))
    compiled = runtime.Core().compile_model(converted, "CPU", settings)
    request = compiled.create_infer_request()
    arrays = [tensor.numpy() for tensor in inputs]
    return lambda *_: request.infer(arrays, share_inputs=True, share_outputs=True)


def to_onnx(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> bytes:
    """Return ``model`` as an ONNX file for inputs of these shapes.

    Raises:
        InvalidInputError: the exporter is missing, or ONNX cannot express the sub-network.
    """
    _package("onnx", extra="onnxruntime")
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        with _conversion("ONNX"):
            torch.onnx.export(model, tuple(inputs), file.name, dynamo=False)
        return file.read()


@contextmanager
def _conversion(target: str) -> Iterator[None]:
    """Silence what converters print about themselves; say in one sentence what they refuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as error:
            raise InvalidInputError(
                f"The sub-network cannot be converted to {target}: {error}"
            ) from error


def _package(name: str, *, extra: str | None = None) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise InvalidInputError(
            f"{name} is not installed; run: pip install 'latbase[{extra or name}]'."
        ) from error
