"""BLEU of a Transformer sub-network on parallel text, scored by sacrebleu (Post, WMT 2018)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from latbase.errors import InvalidInputError
from latbase.supernets.accuracy.appraiser import Config
from latbase.supernets.accuracy.vocabulary import Tokenizer, read_lines
from latbase.supernets.hat_space import MOST_TOKENS, dimensions

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

    from latbase.supernets.hat import HatSupernet
    from latbase.supernets.hat_model import Transformer

BATCH_TOKENS = 4096
"""Tokens of the source that are translated together, padding included."""

STEPS_PER_TOKEN, MORE_STEPS = 2, 10
"""A translation ends after so many tokens per token of the source, and some more."""


@dataclass(frozen=True, kw_only=True)
class Bleu:
    """Translates a test set greedily and compares with one reference for each sentence.

    Attributes:
        net: a supernet with trained weights.
        source: sentences, one on each line, as ``source_vocabulary`` reads them.
        target: their translations, one on each line, as text without sub-words.
        source_vocabulary: numbers what goes in.
        target_vocabulary: spells what comes out.
        tokenize: how sacrebleu splits both into words; ``none`` for text that is split already.
        device: where translations are made.

    Raises:
        InvalidInputError: the network has no weights, or other vocabularies.
    """

    net: "HatSupernet"
    source: Path
    target: Path
    source_vocabulary: Tokenizer
    target_vocabulary: Tokenizer
    tokenize: str = "13a"
    device: str = "cpu"
    label: str = "validated"

    def __post_init__(self) -> None:
        sizes = (len(self.source_vocabulary), len(self.target_vocabulary))
        expected = (self.net.choices.source_tokens, self.net.choices.target_tokens)
        if sizes != expected:
            raise InvalidInputError(
                f"The vocabularies have {sizes[0]} and {sizes[1]} tokens, those of {self.net.name} "
                f"{expected[0]} and {expected[1]}; give the ones it was trained with."
            )
        if self.net.weights is None:
            raise InvalidInputError(
                f"{self.net.name} has no trained weights to validate; give it some: with_weights."
            )

    @cached_property
    def conditions(self) -> Mapping[str, object]:
        """Checksums of weights, text and vocabularies; how text is decoded and compared."""
        files = {"weights": self.net.weights, "source": self.source, "target": self.target}
        return {
            "metric": str(_metric(self.tokenize, self._text[1]).get_signature()),
            "decoding": f"greedy, {STEPS_PER_TOKEN} tokens per token of its source + {MORE_STEPS}",
            "source_vocabulary": self.source_vocabulary.checksum,
            "target_vocabulary": self.target_vocabulary.checksum,
            **{name: _checksum(path) for name, path in files.items() if path is not None},
        }

    def __call__(self, config: Config) -> float:
        """Return the BLEU of the sub-network of ``config``, 0 to 100.

        Raises:
            InvalidInputError: the text cannot be read, or its two files do not belong together.
        """
        references = self._text[1]
        score = _metric(self.tokenize, references).corpus_score(self.translations(config), None)
        return float(score.score)

    def translations(self, config: Config) -> list[str]:
        """Return what the sub-network of ``config`` makes of each line of ``source``."""
        sizes = dimensions(self.net.choices, self.net.space, config)
        network = self.net.elastic().extract(sizes).to(self.device)
        found = translate(network, self._text[0])
        return [self.target_vocabulary.decode(tokens) for tokens in found]

    @cached_property
    def _text(self) -> tuple[list[list[int]], list[str]]:
        """Tokens of the sources, and the references."""
        lines, references = read_lines(self.source), read_lines(self.target)
        if len(lines) != len(references):
            raise InvalidInputError(
                f"{self.source} has {len(lines)} lines, {self.target} {len(references)}; "
                "expected a sentence and its translation on the same line of both."
            )
        sources = [self.source_vocabulary.encode(line) for line in lines]
        longest = max(sources, key=len)
        if len(longest) >= MOST_TOKENS:
            raise InvalidInputError(
                f"{self.source}, line {sources.index(longest) + 1} has {len(longest)} tokens; "
                f"a network takes fewer than {MOST_TOKENS}."
            )
        return sources, references


def translate(network: "Transformer", sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """Translate greedily; sentences of similar length go together.

    Args:
        network: in eval mode, on the device to use.
        sources: tokens of each sentence without an end.

    Returns:
        Tokens of each translation without an end, in the order of ``sources``.
    """
    import torch  # noqa: PLC0415 - a supernet loads without torch

    from latbase.supernets.hat_model import EOS, PAD  # noqa: PLC0415 - as above

    device = next(network.parameters()).device
    found: list[list[int]] = [[]] * len(sources)
    for rows in _batches([len(source) + 1 for source in sources]):
        ended = [torch.tensor([*sources[row], EOS]) for row in rows]
        batch = torch.nn.utils.rnn.pad_sequence(ended, batch_first=True, padding_value=PAD)
        most = [min(STEPS_PER_TOKEN * len(each) + MORE_STEPS, MOST_TOKENS) for each in ended]
        with torch.inference_mode():
            tokens = network.decode(batch.to(device), max(most), stop=True).tolist()
        for row, each, steps in zip(rows, tokens, most, strict=True):
            own = each[:steps]
            found[row] = own[: own.index(EOS)] if EOS in own else own
    return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield positions in ``lengths``, the shortest first, as many as fit into a batch."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _metric(tokenize: str, references: Sequence[str]) -> "BLEU":
    from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415 - takes a tenth of a second

    return BLEU(tokenize=tokenize, references=[references], force=True)


def _checksum(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}.") from error
