"""BLEU on parallel text: vocabularies, batches of sentences, values, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import sacrebleu
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from latbase.errors import InvalidInputError
from latbase.supernets import Appraiser
from latbase.supernets.accuracy.bleu import BATCH_TOKENS, Bleu, translate
from latbase.supernets.accuracy.vocabulary import (
    JOINT,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    joined,
    read_lines,
)
from latbase.supernets.hat import HatSupernet
from latbase.supernets.hat_checkpoint import save
from latbase.supernets.hat_model import EOS, PAD, Transformer
from latbase.supernets.hat_space import MOST_TOKENS, TransformerChoices, dimensions

WORDS = ("un", "deux", "trois", f"vingt{JOINT}")
VOCABULARY = Vocabulary.of(WORDS)
TINY = TransformerChoices(
    embed=(8, 16),
    ffn=(8, 16),
    heads=(1, 2),
    decoder_layers=(1, 2),
    encoder_layers=3,
    attention=16,
    source_tokens=len(VOCABULARY),
    target_tokens=len(VOCABULARY),
)
SENTENCES = st.lists(st.lists(st.integers(EOS + 1, 100), max_size=40), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> HatSupernet:
    """A tied supernet with random weights in a file."""
    torch.manual_seed(0)
    untrained = HatSupernet("tiny", TINY)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(untrained.elastic(), path)
    return untrained.with_weights(path)


@pytest.fixture
def bleu(net: HatSupernet, tmp_path: Path) -> Bleu:
    (tmp_path / "source").write_text("un deux\ntrois\nvingt@@ deux un un\n")
    (tmp_path / "target").write_text("deux un\ntrois\nun un deux vingtdeux\n")
    return Bleu(
        net=net,
        source=tmp_path / "source",
        target=tmp_path / "target",
        source_vocabulary=VOCABULARY,
        target_vocabulary=VOCABULARY,
    )


class Parrot(nn.Module):
    """Says what it is told, end and padding included."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.heard: list[torch.Size] = []

    def decode(self, source: Tensor, steps: int, *, stop: bool) -> Tensor:
        assert stop
        assert steps > source.shape[1]
        self.heard.append(source.shape)
        return source


def parroted(sources: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[torch.Size]]:
    parrot = Parrot()
    return translate(cast("Transformer", parrot), sources), parrot.heard


def test_special_tokens_are_those_of_the_model() -> None:
    assert (SPECIAL.index("<pad>"), SPECIAL.index("</s>")) == (PAD, EOS)


def test_pieces_become_numbers_and_numbers_become_words() -> None:
    assert VOCABULARY.encode(" deux  vingt@@ un quatre") == [5, 7, 4, UNKNOWN]
    assert VOCABULARY.decode([5, 7, 4, UNKNOWN, 7]) == "deux vingtun <unk> vingt"


@given(st.lists(st.lists(st.text("abc", min_size=1), min_size=1)))
def test_joining_undoes_splitting(words: list[list[str]]) -> None:
    pieces = [f"{JOINT} ".join(word) for word in words]
    assert joined(" ".join(pieces).split()) == " ".join("".join(word) for word in words)


def test_a_dictionary_is_read_as_fairseq_writes_it(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("".join(f"{word} {i}\n" for i, word in enumerate(WORDS)))
    read = Vocabulary.read(tmp_path / "dict.txt")
    assert read == VOCABULARY
    assert read.checksum == VOCABULARY.checksum != Vocabulary.of(reversed(WORDS)).checksum


def test_what_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("un 3\ndeux\n")
    with pytest.raises(InvalidInputError, match=r"dict\.txt, line 2: expected a piece"):
        Vocabulary.read(tmp_path / "dict.txt")


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    """Web text has line separators and form feeds inside sentences; they must not shift lines."""
    (tmp_path / "text").write_bytes("a\u2028b\r\n\nc\x0cd\x85e\n".encode())
    assert read_lines(tmp_path / "text") == ["a\u2028b", "", "c\x0cd\x85e"]


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\xff\n", "cannot be read")])
def test_unreadable_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(InvalidInputError, match=said):
        read_lines(tmp_path / "text")


@given(SENTENCES)
def test_every_sentence_gets_its_own_translation_back(sources: list[list[int]]) -> None:
    assert parroted(sources)[0] == sources


def test_batches_hold_so_many_tokens_and_no_more() -> None:
    _, heard = parroted([[7] * (i % 99) for i in range(2000)])
    assert sum(rows for rows, _ in heard) == 2000
    sizes = sorted(rows * tokens for rows, tokens in heard)
    assert BATCH_TOKENS // 2 < sizes[1] <= sizes[-1] <= BATCH_TOKENS


def test_company_does_not_change_a_translation(net: HatSupernet) -> None:
    (config,) = net.space.to_configs(net.space.largest())
    network = net.elastic().extract(dimensions(TINY, net.space, config))
    sources = [[4, 5], [6], [], [7, 5, 4, 4, 6]]
    assert translate(network, sources) == [translate(network, [each])[0] for each in sources]


def test_the_value_is_sacrebleus(bleu: Bleu) -> None:
    appraiser: Appraiser = bleu
    space = bleu.net.space
    for config in space.to_configs(space.sample(3, seed=0)):
        said = bleu.translations(config)
        assert appraiser(config) == sacrebleu.corpus_bleu(said, [read_lines(bleu.target)]).score


def test_values_are_kept_under_all_they_depend_on(bleu: Bleu) -> None:
    assert replace(bleu).conditions == bleu.conditions
    reordered = replace(bleu, target_vocabulary=Vocabulary.of(reversed(WORDS)))
    changed = [replace(bleu, tokenize="none").conditions, reordered.conditions]
    bleu.target.write_text("deux un\ntrois\nun deux\n")
    changed.append(replace(bleu).conditions)
    assert bleu.conditions not in changed


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("target", "un\ndeux\n", "has 3 lines, .*target 2"),
        ("source", f"un\n{'deux ' * MOST_TOKENS}\nun\n", "line 2 has 1024 tokens"),
    ],
)
def test_unfit_text_is_refused(bleu: Bleu, name: str, text: str, said: str) -> None:
    getattr(bleu, name).write_text(text)
    (config,) = bleu.net.space.to_configs(bleu.net.space.smallest())
    with pytest.raises(InvalidInputError, match=said):
        bleu(config)


def test_other_vocabularies_than_the_networks_are_refused(bleu: Bleu) -> None:
    with pytest.raises(InvalidInputError, match="have 9 and 8 tokens, those of tiny 8 and 8"):
        replace(bleu, source_vocabulary=Vocabulary.of((*WORDS, "quatre")))


def test_a_network_without_weights_is_refused(bleu: Bleu) -> None:
    with pytest.raises(InvalidInputError, match="has no trained weights"):
        replace(bleu, net=HatSupernet("tiny", TINY))


def test_missing_weights_are_refused(bleu: Bleu, tmp_path: Path) -> None:
    gone = bleu.net.with_weights(tmp_path / "gone.safetensors")
    with pytest.raises(InvalidInputError, match=r"gone\.safetensors cannot be read"):
        _ = replace(bleu, net=gone).conditions
