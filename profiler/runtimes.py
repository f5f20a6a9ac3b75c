"""Inference runtimes beside torch, as optional extras: ``pip install 'latbase[onnxruntime]'``.

A sub-network is exported once; what is timed takes and gives arrays of its runtime, so copies
between torch and the runtime are not counted. Child process only.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from latbase.supernets.exporting import conversion, to_onnx
from latbase.supernets.extras import package

Forward = Callable[..., Any]


def onnxruntime(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> Forward:
    """Return a forward pass of ONNX Runtime with torch's number of threads.

    Raises:
        InvalidInputError: a package is missing, or ONNX cannot express the sub-network.
    """
    runtime = package("onnxruntime")
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
    runtime = package("openvino")
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",  # it would pick bf16 where the CPU has it
        "ENABLE_CPU_PINNING": False,  # this process is pinned already
    }
    with conversion("OpenVINO"):
        converted = runtime.convert_model(model, example_input=tuple(inputs))
    compiled = runtime.Core().compile_model(converted, "CPU", settings)
    request = compiled.create_infer_request()
    arrays = [tensor.numpy() for tensor in inputs]
    return lambda *_: request.infer(arrays, share_inputs=True, share_outputs=True)
