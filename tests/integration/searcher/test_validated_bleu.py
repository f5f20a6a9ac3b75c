"""BLEU is paid for once: kept in a real store by sub-network, weights and text."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from latbase.db import connect
from latbase.searcher.knowledge import Values
from latbase.searcher.validation import Appraised
from latbase.supernets.accuracy.appraiser import Config
from latbase.supernets.accuracy.bleu import Bleu
from latbase.supernets.accuracy.vocabulary import Vocabulary
from latbase.supernets.hat import HatSupernet
from latbase.supernets.hat_checkpoint import save
from latbase.supernets.hat_space import TransformerChoices

VOCABULARY = Vocabulary.of(("un", "deux", "trois"))


class PulledPlugError(Exception):
    """The process ends here."""


@dataclass(frozen=True, kw_only=True)
class Counting(Bleu):
    """Remembers what it was asked, and dies after ``lives`` of it."""

    lives: int
    asked: list[Config] = field(default_factory=list)

    def __call__(self, config: Config) -> float:
        if len(self.asked) == self.lives:
            raise PulledPlugError
        self.asked.append(config)
        return super().__call__(config)


@pytest.fixture
def bleu(tmp_path: Path) -> Counting:
    torch.manual_seed(0)
    choices = TransformerChoices(
        embed=(8, 16),
        ffn=(8, 16),
        heads=(1, 2),
        decoder_layers=(1, 2),
        encoder_layers=3,
        attention=16,
        source_tokens=len(VOCABULARY),
        target_tokens=len(VOCABULARY),
    )
    net = HatSupernet("tiny", choices)
    save(net.elastic(), tmp_path / "weights.safetensors")
    for name in ("source", "target"):
        (tmp_path / name).write_text("un deux\ntrois\n")
    return Counting(
        net=net.with_weights(tmp_path / "weights.safetensors"),
        source=tmp_path / "source",
        target=tmp_path / "target",
        source_vocabulary=VOCABULARY,
        target_vocabulary=VOCABULARY,
        lives=4,
    )


def test_a_killed_validation_repeats_nothing_and_other_text_counts_anew(
    tmp_path: Path, bleu: Counting
) -> None:
    g = bleu.net.space.sample(6, seed=0)

    def values(appraiser: Bleu) -> Values:
        with connect(tmp_path / "latency.duckdb") as store:
            appraised = Appraised(
                store=store, supernet=bleu.net, objective="bleu", appraiser=appraiser
            )
            return appraised.values(g)

    with pytest.raises(PulledPlugError):
        values(bleu)
    rest = replace(bleu, asked=[])
    found = values(rest)
    assert (len(bleu.asked), len(rest.asked)) == (4, 2)
    assert np.array_equal(found, values(replace(bleu, lives=0)))
    bleu.target.write_text("deux un\ntrois\n")
    anew = replace(bleu, lives=6, asked=[])
    values(anew)
    assert len(anew.asked) == 6
