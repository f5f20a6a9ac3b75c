"""Sub-networks as files for other programs; each is read back and compared before it counts.

Everything here is for inputs of one shape on the CPU in fp32. Nothing is pickled but TorchScript's
and ``torch.export``'s own archives.
"""

import copy
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save

from latbase.errors import InvalidInputError, SupernetError
from latbase.supernets.exported import WEIGHTS_FILE, load_weights
from latbase.supernets.extras import package, require
from latbase.supernets.supernet import Supernet

Inputs = tuple[torch.Tensor, ...]
Forward = Callable[..., Any]

TOLERANCE = 1e-4
"""A file's output may differ from the sub-network's by this share of the largest output: runtimes
sum in another order. Outputs that are whole numbers, such as tokens, must be equal."""

TRACED_SEED, COMPARED_SEED = 0, 1
"""Outputs are compared on other inputs than a file was made with: what was taken for a constant
shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write a sub-network.

    Attributes:
        file: name of the file.
        encode: returns the file's content for inputs of these shapes; in memory, so that a full
            disk is one kind of error whatever the format.
        read: returns the forward pass that a file holds; a file of weights goes into the given
            network, whose own values are gone.
        needs: packages beside torch.
    """

    file: str
    encode: Callable[[torch.nn.Module, Inputs], bytes]
    read: Callable[[Path, torch.nn.Module], Forward]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that was written, read back and compared.

    Attributes:
        difference: largest difference of an output from the sub-network's, as a share of the
            largest output.
    """

    format: str
    file: str
    size_bytes: int
    difference: float


def write_file(
    net: Supernet,
    network: torch.nn.Module,
    folder: Path,
    name: str,
    *,
    batch_size: int,
    input_size: int,
) -> Written:
    """Write ``network`` into ``folder`` in the format ``name``.

    Args:
        net: its supernet.
        network: a finished sub-network.
        folder: exists.
        name: one of :data:`FORMATS`.
        batch_size: items per forward pass the file is made for.
        input_size: side in pixels or length in tokens it is made for.

    Raises:
        InvalidInputError: a package is missing, or the format cannot express the sub-network.
        SupernetError: the file's output is not the sub-network's, or that is not one tensor.
        OSError: the file cannot be written.
    """
    how = FORMATS[name]
    path = folder / how.file
    traced, fresh = (
        net.inputs(batch_size, input_size, seed) for seed in (TRACED_SEED, COMPARED_SEED)
    )
    with torch.inference_mode():
        expected = network(*fresh)
        if not isinstance(expected, torch.Tensor):
            raise SupernetError(
                f"A sub-network of {net.name} puts out a {type(expected).__name__}, which no file "
                "could be compared with; let its network put out one tensor."
            )
        path.write_bytes(how.encode(network, traced))
        forward = how.read(path, forgotten(copy.deepcopy(network)))
        difference = relative_difference(expected, forward(*fresh))
    if difference > (TOLERANCE if expected.is_floating_point() else 0):
        raise SupernetError(
            f"{how.file}, read back, gives outputs that differ from the sub-network's by "
            f"{difference:.2g} of the largest; expected at most {TOLERANCE:g}. If the network's "
            "forward pass depends on its inputs' values, leave this format out."
        )
    return Written(
        format=name, file=how.file, size_bytes=path.stat().st_size, difference=difference
    )


def available() -> tuple[str, ...]:
    """Return the formats whose packages are installed."""
    return tuple(name for name, how in FORMATS.items() if all(map(find_spec, how.needs)))


def relative_difference(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Return the largest absolute difference by the largest absolute expected value.

    Infinite where shapes differ or a value is not finite; every format must keep both.
    """
    if expected.shape != found.shape or not bool(torch.isfinite(found).all()):
        return float("inf")
    largest = float(expected.abs().max())
    difference = float((expected.double() - found.double()).abs().max())
    return difference / largest if largest else difference


def forgotten(network: torch.nn.Module) -> torch.nn.Module:
    """Overwrite every floating-point tensor of ``network`` with NaN, so that a gap would show."""
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.fill_(float("nan"))
    return network


def to_onnx(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> bytes:
    """Return ``model`` as an ONNX file for inputs of these shapes.

    Raises:
        InvalidInputError: the exporter is missing, or ONNX cannot express the sub-network.
    """
    require("onnx", extra="onnxruntime")
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        with conversion("ONNX"):
            torch.onnx.export(model, tuple(inputs), file.name, dynamo=False)
        return file.read()


@contextmanager
def conversion(target: str) -> Iterator[None]:
    """Silence what converters print about themselves; say in one sentence what they refuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except OSError:
            raise  # the disk's fault, not the network's
        except Exception as error:
            raise InvalidInputError(
                f"The sub-network cannot be converted to {target}: {error}"
            ) from error


def _weights(network: torch.nn.Module, _inputs: Inputs) -> bytes:
    # Tied weights are written under each of their names, so that any program finds all it expects.
    own = torch.contiguous_format
    return save({key: each.clone(memory_format=own) for key, each in network.state_dict().items()})


def _with_weights(path: Path, network: torch.nn.Module) -> Forward:
    load_weights(network, path)
    return network


def _torchscript(network: torch.nn.Module, inputs: Inputs) -> bytes:
    with io.BytesIO() as buffer, conversion("TorchScript"):
        torch.jit.save(torch.jit.trace(network, inputs), buffer)  # type: ignore[no-untyped-call]
        return buffer.getvalue()


def _read_torchscript(path: Path, _network: torch.nn.Module) -> Forward:
    with conversion("TorchScript"):
        loaded: Forward = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return loaded


def _program(network: torch.nn.Module, inputs: Inputs) -> bytes:
    with io.BytesIO() as buffer, conversion("torch.export"):
        torch.export.save(torch.export.export(network, inputs), buffer)
        return buffer.getvalue()


def _read_program(path: Path, _network: torch.nn.Module) -> Forward:
    with conversion("torch.export"):
        return torch.export.load(path).module()


def _read_onnx(path: Path, _network: torch.nn.Module) -> Forward:
    session = package("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])

    def forward(*inputs: torch.Tensor) -> torch.Tensor:
        names = [slot.name for slot in session.get_inputs()]
        feed = {name: each.numpy() for name, each in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, feed)[0])

    return forward


FORMATS = MappingProxyType(
    {
        "state_dict": Format(file=WEIGHTS_FILE, encode=_weights, read=_with_weights),
        "torchscript": Format(file="torchscript.pt", encode=_torchscript, read=_read_torchscript),
        "torch_export": Format(file="program.pt2", encode=_program, read=_read_program),
        "onnx": Format(
            file="network.onnx", encode=to_onnx, read=_read_onnx, needs=("onnx", "onnxruntime")
        ),
    }
)
