"""HAT's machine-translation supernets (Wang et al., HAT: Hardware-Aware Transformers, ACL 2020)."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase.errors import InvalidInputError
from latbase.supernets import hat_space
from latbase.supernets.cost import CostTables
from latbase.supernets.hat_space import BEAM, MOST_TOKENS, TransformerChoices
from latbase.supernets.parameter import Genotypes
from latbase.supernets.space import SearchSpace
from latbase.supernets.supernet import Config, Supernet

if TYPE_CHECKING:
    import torch

    from latbase.supernets.hat_model import ElasticTransformer

_FIRST_WORD = 4
"""Smaller token numbers are fairseq's special ones."""


class HatSupernet(Supernet):
    """A Transformer supernet: elastic widths, decoder depth, heads and arbitrary attention.

    What is timed is the encoder, and then greedy decoding of as many tokens as the source has, at
    ``BEAM`` rows per sentence as HAT does: keys and values cached, projection to the vocabulary
    included; attention is fused. ``input_size`` is the number of tokens.

    Args:
        name: its name.
        choices: its sizes.
        weights: file of trained ones, see :func:`hat_checkpoint.load`; None: random-like.
    """

    def __init__(self, name: str, choices: TransformerChoices, weights: Path | None = None) -> None:
        self.name = name
        self.choices = choices
        self.default_input_size = choices.length
        self.weights = weights
        self._parameters = hat_space.parameters(choices)
        self._tables = cache(self._tables_at)
        self.space = SearchSpace(self._parameters, costs=self._tables(choices.length))
        self._trained = cache(self._elastic)

    def build(self, config: Config) -> "torch.nn.Module":
        """Return the static sub-network of ``config`` as it is timed, in eval mode."""
        from latbase.supernets import filling  # noqa: PLC0415 - torch loads here
        from latbase.supernets.hat_model import Transformer, Translation  # noqa: PLC0415 - as above

        sizes = hat_space.dimensions(self.choices, self.space, config)
        if self.weights is not None:
            return Translation(self._trained().extract(sizes), BEAM).eval()
        return filling.build_filled(lambda: Translation(Transformer(sizes), BEAM))

    def inputs(
        self, batch_size: int, input_size: int | None = None, seed: int = 0
    ) -> "tuple[torch.Tensor, ...]":
        """Return one batch of random sentences, int64 (batch_size, tokens)."""
        import torch  # noqa: PLC0415 - a space must load without torch

        shape = (batch_size, self._length(input_size))
        generator = torch.Generator().manual_seed(seed)
        return (torch.randint(_FIRST_WORD, self.choices.source_tokens, shape, generator=generator),)

    def costs(self, g: Genotypes, input_size: int | None = None) -> npt.NDArray[np.int64]:
        """Return exact MACs (per sentence, as timed) and parameters, int64 (n, 2)."""
        self.space.check(g)
        return self._tables(self._length(input_size)).totals(g)

    def elastic(self) -> "ElasticTransformer":
        """Return the whole supernet: a new one to be trained, or the one with the given weights."""
        return self._elastic() if self.weights is None else self._trained()

    def with_weights(self, weights: Path) -> "HatSupernet":
        """Return the same supernet with trained weights; see :func:`hat_checkpoint.load`."""
        return HatSupernet(self.name, self.choices, weights)

    def _elastic(self) -> "ElasticTransformer":
        from latbase.supernets import hat_checkpoint, hat_model  # noqa: PLC0415 - torch loads here

        config = self.space.to_configs(self.space.largest())[0]
        largest = hat_space.dimensions(self.choices, self.space, config)
        if self.weights is None:
            return hat_model.ElasticTransformer(largest)
        return hat_checkpoint.load(self.weights, largest)

    def _length(self, input_size: int | None) -> int:
        length = self.default_input_size if input_size is None else input_size
        if not 1 <= length <= MOST_TOKENS:
            raise InvalidInputError(
                f"Input size {length}: expected a number of tokens from 1 to {MOST_TOKENS}."
            )
        return length

    def _tables_at(self, length: int) -> CostTables:
        return CostTables(self._parameters, hat_space.cost_blocks(self.choices, length))


def wmt14_en_de() -> HatSupernet:
    """Return the space for WMT'14 English to German: one vocabulary of 32,768 tokens."""
    choices = TransformerChoices(source_tokens=32_768, target_tokens=32_768)
    return HatSupernet("hat_wmt14_en_de", choices)


def wmt14_en_fr() -> HatSupernet:
    """Return the space for WMT'14 English to French: one vocabulary of 44,512 tokens."""
    choices = TransformerChoices(source_tokens=44_512, target_tokens=44_512)
    return HatSupernet("hat_wmt14_en_fr", choices)


def wmt19_en_de() -> HatSupernet:
    """Return the space for WMT'19 English to German: one vocabulary of 49,900 tokens."""
    choices = TransformerChoices(source_tokens=49_900, target_tokens=49_900)
    return HatSupernet("hat_wmt19_en_de", choices)


def iwslt14_de_en() -> HatSupernet:
    """Return the space for IWSLT'14 German to English: vocabularies of 8,848 and 6,632 tokens."""
    choices = TransformerChoices(
        ffn=(512, 1024, 2048),
        heads=(2, 4),
        source_tokens=8_848,
        target_tokens=6_632,
        tied=False,
        length=23,
    )
    return HatSupernet("hat_iwslt14_de_en", choices)
