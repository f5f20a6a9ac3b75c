"""Tired and hostile input: one clear sentence, the right exit status, no trace."""

import pytest

from tests.acceptance.conftest import SUPERNET

CASES = [
    (("supernet-typo",), 2, "No such command"),
    (("profile", "ofa_mbv3_w1.0"), 2, "There is no supernet"),
    (("profile", SUPERNET, "--threads", "1,zero"), 2, "list of positive integers"),
    (("profile", SUPERNET, "-n", "0"), 2, "-n"),
    (("profile", SUPERNET, "-n", "1", "--threads", "4096"), 2, "4096"),
    (("profile", SUPERNET, "-n", "1", "--device", "cuda:0"), 4, "GPU"),
    (("profile", SUPERNET, "-n", "1", "--engine", "warp"), 2, "warp"),
    (("search", SUPERNET, "--objective", "speed"), 2, "no objective 'speed'"),
    (("search", SUPERNET, "--objective", "latency_ms<="), 2, "no objective"),
    (("search", SUPERNET, "--tactic", "magic"), 2, "no tactic 'magic'"),
    (("search", SUPERNET, "--config", "0000"), 2, "No configuration id starts with"),
    (("search", "ofa_resnet50"), 2, "top-1 predictor"),
    (("search", SUPERNET, "--algorithm", "magic"), 2, "no algorithm 'magic'"),
    (("search", SUPERNET, "--predictor", "magic"), 2, "no predictor 'magic'"),
    (("search", SUPERNET, "--seed", "-1"), 2, "--seed"),
    (("profile", SUPERNET, "-n", "99999999999"), 2, "Cannot draw"),
    (("profile", SUPERNET, "--device", "tpu"), 2, "is no device"),
    (("front", "latest"), 3, "no store"),
    (("query", "SELECT 1"), 3, "no store"),
]


@pytest.mark.parametrize(("args", "status", "sentence"), CASES, ids=lambda value: str(value)[:40])
def test_one_sentence_and_a_status(latbase, args, status, sentence):
    done = latbase.run(*args, status=status)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    if latbase.store.exists():  # what was refused leaves nothing behind
        assert latbase.query("SELECT search_id FROM search") == []


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("DELETE FROM measurement", "found DELETE"),
        ("SELECT 1; DROP TABLE subnet", "found SELECT, DROP"),
        ("WITH x AS (SELECT 1) INSERT INTO subnet SELECT * FROM x", "found INSERT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT nonsense FROM latency", "nonsense"),
    ],
)
def test_a_query_only_reads(profiled, sql, sentence):
    assert sentence in profiled.run("query", sql, status=3).stderr


def test_a_file_that_is_no_store_is_left_alone(latbase):
    latbase.store.write_text("shopping list")
    done = latbase.run("query", "SELECT 1", status=3)
    assert "no latency store" in done.stderr or "not a" in done.stderr
    assert latbase.store.read_text() == "shopping list"


def test_unknown_search_is_said(profiled):
    assert "No search id starts with" in profiled.run("front", "ffff", status=2).stderr
