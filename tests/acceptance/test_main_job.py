"""From nothing to a front, killed on the way, all by the commands of the README."""

import json
import time

import pytest

from tests.acceptance.conftest import SMALL, SUPERNET

pytestmark = pytest.mark.slow


def spooled(latbase) -> int:
    return sum(path.stat().st_size for path in latbase.state.glob("spool/*.jsonl"))


def test_a_killed_profile_continues_and_repeats_nothing(latbase):
    command = ("profile", SUPERNET, "-n", "5", *SMALL)
    killed = latbase.start(*command)
    deadline = time.monotonic() + 120
    while spooled(latbase) < 3000 and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)  # wait for samples on disk, as a person would before pulling the plug
    killed.kill()
    assert killed.wait() == -9
    before = spooled(latbase)
    assert before >= 3000

    (row,) = latbase.json(*command)
    assert row["known_before"] + row["measured"] == 5
    (count,) = latbase.query(
        "SELECT count(*) AS n, count(DISTINCT subnet_id) AS subnets, min(len(samples)) AS samples "
        "FROM measurement WHERE metric = 'latency_ms'"
    )
    assert (count["n"], count["subnets"]) == (5, 5)
    assert count["samples"] >= 8

    (row,) = latbase.json(*command)
    assert (row["known_before"], row["measured"]) == (5, 0)


def test_more_sub_networks_of_the_same_seed_continue_the_first_ones(profiled):
    (row,) = profiled.json("profile", SUPERNET, "-n", "12", *SMALL)
    assert (row["known_before"], row["measured"]) == (12, 0)


def test_every_measurement_says_what_it_is(profiled):
    rows = profiled.query("SELECT * FROM measurement WHERE metric = 'latency_ms'")
    assert len(rows) == 16
    for row in rows:
        low, high = row["interval"]
        assert 0 < low <= row["value"] <= high
        assert row["verdict"] in {"stable", "unstable", "disturbed"}
        assert bool(row["reasons"]) is (row["verdict"] != "stable")
        assert len(row["samples"]) == len(row["cpu_samples"]) >= 8


def test_latency_is_measured_where_it_was_and_predicted_where_not(profiled):
    configuration = profiled.json("configs")[0]["configuration_id"]
    rows = profiled.json("latency", SUPERNET, "--config", configuration[:6])
    assert {row["source"] for row in rows} == {"measured"}
    other = json.dumps({"ks": [3] * 20, "e": [3] * 20, "d": [2] * 5})
    (row,) = profiled.json("latency", SUPERNET, "--network", other)
    assert row["source"] == "predicted"
    assert 0 < row["latency_ms"] < 2 * max(each["latency_ms"] for each in rows)
    assert row["spread_ms"] > 0


def test_a_predictor_is_scored_on_held_out_rows_and_kept(profiled):
    (row,) = profiled.json("predictor", SUPERNET)
    assert row["n_train"] == 16
    assert -1 <= row["tau"] <= 1
    (kept,) = profiled.query("SELECT kendall_tau, n_train FROM predictor")
    assert kept == {"kendall_tau": row["tau"], "n_train": 16}


def test_a_search_measures_its_front_here(profiled, tmp_path):
    latbase = profiled.copied(tmp_path)
    members = latbase.json("search", SUPERNET, "--evaluations", "24", *SMALL)
    top1 = [member["values"]["top1"] for member in members]
    latency = [member["values"]["latency_ms"] for member in members]
    assert top1 == sorted(top1, reverse=True)
    assert latency == sorted(latency, reverse=True)
    for member in members:
        assert member["sources"] == {"top1": "predicted", "latency_ms": "measured"}
    stored = {
        row["subnet_id"]: row["latency_ms"]
        for row in latbase.query("SELECT subnet_id, latency_ms FROM latency")
    }
    assert [stored[member["subnet_id"]] for member in members] == latency

    (search,) = latbase.json("searches")
    assert (search["status"], search["evaluations"]) == ("finished", 24)
    assert search["on_front"] == len(members)
    assert len(latbase.query("SELECT * FROM front")) == len(members)

    picture, page = tmp_path / "front.png", tmp_path / "front.html"
    text = latbase.run(
        "front", search["search_id"][:8], "--png", str(picture), "--html", str(page)
    ).stdout
    assert "top1 (predicted)" in text
    assert "latency_ms (measured)" in text
    assert picture.read_bytes().startswith(b"\x89PNG")
    html = page.read_text()
    assert members[0]["subnet_id"]
    assert "http://" not in html.split("<script")[0]
    assert "top1 (predicted)" in html


EVALUATIONS = 150
ANALYTIC = (
    *("search", SUPERNET, "--objective", "top1", "--objective", "macs"),
    *("--evaluations", str(EVALUATIONS)),
)
PATH = """
    SELECT position, subnet_id, "values", on_front FROM evaluation ORDER BY position
"""


def test_a_killed_search_resumes_to_the_same_end(latbase, tmp_path):
    killed = latbase.start(*ANALYTIC)
    log = latbase.store.with_name("latency.duckdb.wal")
    while not (log.exists() and log.stat().st_size > 30_000):
        assert killed.poll() is None, "it finished before it was killed"
        time.sleep(0.005)  # the log grows with every batch of evaluations
    killed.kill()
    killed.wait()
    assert 0 < len(latbase.query("SELECT position FROM evaluation")) < EVALUATIONS
    assert "Continuing the unfinished search" in latbase.run(*ANALYTIC).stderr

    (tmp_path / "whole").mkdir()
    whole = type(latbase)(tmp_path / "whole")
    whole.run(*ANALYTIC)
    assert latbase.query(PATH) == whole.query(PATH)
