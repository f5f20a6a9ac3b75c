"""The translation example: its files, its trained sub-networks, a search with validated BLEU."""

import runpy

import numpy as np
import pytest
import torch

from latbase import supernets
from tests.acceptance.test_documents import ROOT, assert_alike, check_script, commands

EXAMPLE = ROOT / "examples" / "translation"
SUPERNET = f"{EXAMPLE / 'supernet.py'}:Numbers"


def test_the_shipped_text_is_what_its_script_writes():
    files = runpy.run_path(str(EXAMPLE / "sentences.py"))["files"]()
    assert len(files) == 4
    for name, content in files.items():
        assert (EXAMPLE / name).read_text() == content


def test_the_numbers_are_written_right():
    """No two numbers share a word, and every English one has the German one's digits."""
    script = runpy.run_path(str(EXAMPLE / "sentences.py"))
    numbers = [*range(1, 2000), 21_001, 101_000, 999_999]
    german = ["".join(script["german"](number)) for number in numbers]
    assert len(set(german)) == len({script["english"](number) for number in numbers}) == 2002
    assert german[-1] == "neunhundertneunundneunzigtausendneunhundertneunundneunzig"
    assert german[-3] == "einundzwanzigtausendeins"
    assert (german[15], german[16], german[69]) == ("sechzehn", "siebzehn", "siebzig")


def test_trained_sub_networks_translate_and_differ():
    net = supernets.load(SUPERNET)
    g = np.concatenate([net.space.smallest(), net.space.sample(1, seed=0), net.space.largest()])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    bleu = [net.appraisers["bleu"](config) for config in net.space.to_configs(g)]
    torch.set_num_threads(threads)
    assert bleu[2] > 95
    assert min(bleu) > 70
    assert bleu[2] - bleu[0] > 5
    assert len(set(bleu)) == 3


@pytest.mark.slow
def test_the_page_searches_with_validated_bleu_and_measured_latency(latbase, monkeypatch):
    monkeypatch.chdir(ROOT)
    check, search, *scripts = commands("docs/translation.md")
    for command in scripts:
        check_script(command.words)
    assert_alike(latbase.run(*check.words[1:]).stdout, check.shown)
    fewer = (word.replace("100", "5") for word in search.words[1:])
    members = latbase.json(*fewer)
    validated = {
        row["subnet_id"]: row["value"]
        for row in latbase.query("SELECT subnet_id, value FROM validation WHERE metric = 'bleu'")
    }
    assert len(validated) == 5
    for member in members:
        assert member["sources"] == {"bleu": "validated", "latency_ms": "measured"}
        assert member["values"]["bleu"] == validated[member["subnet_id"]]
    (kept,) = latbase.query("SELECT DISTINCT conditions FROM validation")
    for part in ("tok:13a", "greedy", "weights", "source_vocabulary"):
        assert part in str(kept["conditions"])
