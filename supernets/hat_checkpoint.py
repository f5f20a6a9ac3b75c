"""Weights of a Transformer supernet from a file: HAT's published checkpoints, or latbase's own."""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from latbase.supernets.hat_model import ElasticTransformer
from latbase.supernets.hat_space import Dimensions
from latbase.supernets.weights import unfit

_JOINT = "in_proj_"


def load(path: Path, largest: Dimensions) -> ElasticTransformer:
    """Return the supernet with the weights of ``path``.

    Args:
        path: ``.safetensors`` with the keys of :class:`ElasticTransformer`; anything else is taken
            as a fairseq checkpoint of HAT's.
        largest: its largest sub-network.

    Raises:
        InvalidInputError: the file cannot be read, or holds another network.
    """
    elastic = ElasticTransformer(largest)
    try:
        if path.suffix == ".safetensors":
            safetensors.torch.load_model(elastic, path)
        else:
            weights = rename(_published(path), largest.choices.attention)
            if largest.choices.tied:
                weights["decoder.project.weight"] = weights["decoder.embed_tokens.weight"]
            elastic.largest.load_state_dict(weights)
    except (
        OSError,
        EOFError,
        KeyError,
        RuntimeError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        raise unfit(path, "this supernet", error) from error
    return elastic


def save(elastic: ElasticTransformer, path: Path) -> None:
    """Write the weights of ``elastic`` as ``.safetensors``."""
    safetensors.torch.save_model(elastic, str(path))


def rename(weights: Mapping[str, Tensor], attention: int) -> dict[str, Tensor]:
    """Translate the keys of a HAT checkpoint to those of :class:`~.hat_model.Transformer`.

    fairseq stacks the projections to queries, keys and values as ``in_proj_weight``. They stay
    joint for self-attention; in attention to the encoder the queries stand alone, for they have
    another input.

    Args:
        weights: the checkpoint's ``model``.
        attention: rows each of queries, keys and values has (``qkv_dim``).
    """
    found: dict[str, Tensor] = {}
    for key, tensor in weights.items():
        module, _, kind = key.rpartition(".")
        tensor_kind = kind.removeprefix(_JOINT)
        if kind == "version" or kind.startswith("_"):
            continue
        if key == "decoder.embed_out":
            found["decoder.project.weight"] = tensor
        elif not kind.startswith(_JOINT):
            found[key] = tensor
        elif module.endswith("encoder_attn"):
            found[f"{module}.q_proj.{tensor_kind}"] = tensor[:attention]
            found[f"{module}.kv_proj.{tensor_kind}"] = tensor[attention:]
        else:
            found[f"{module}.in_proj.{tensor_kind}"] = tensor
    return found


def _published(path: Path) -> dict[str, Tensor]:
    """Read the ``model`` of a fairseq checkpoint; of its other contents only options are let in."""
    with torch.serialization.safe_globals([argparse.Namespace]):
        found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["model"]
    return found
