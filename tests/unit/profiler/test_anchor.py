import math
from pathlib import Path

import pytest

from latbase.profiler.anchor import (
    SESSION_SD,
    Anchor,
    anchored,
    read_anchors,
    scale_of,
    write_anchors,
)
from latbase.profiler.ledger import PROCESS_SD, Estimate


def anchor(subnet_id: str, level_ms: float, error: float = 0.002) -> Anchor:
    return Anchor(subnet_id=subnet_id, level_ms=level_ms, error=error, at=1.0)


def found(ms: float, error: float = 0.003) -> Estimate:
    return Estimate(level=math.log(ms), error=error, drift=0.0, visits=40)


def test_the_first_session_is_the_scale():
    references = {"r": found(10.0), "s": found(20.0)}
    scale = scale_of((), references)
    assert scale.shift == 0.0
    anchors = anchored((), references, scale=scale, at=1.0)
    assert [one.level_ms for one in anchors] == pytest.approx([10.0, 20.0])
    assert [one.error for one in anchors] == [0.003, 0.003]


def test_a_slower_session_is_scaled_by_the_mean_over_its_references():
    anchors = (anchor("r", 10.0), anchor("s", 20.0), anchor("gone", 5.0))
    scale = scale_of(anchors, {"r": found(11.0), "s": found(20.0), "new": found(7.0)})
    assert scale.shift == pytest.approx(-math.log(1.1) / 2)
    assert scale.offset_percent == pytest.approx(100 * (math.sqrt(1.1) - 1))


def test_more_references_carry_the_scale_more_firmly():
    names = "abcd"
    errors = [
        scale_of(
            [anchor(name, 10.0) for name in names[:count]],
            {name: found(10.0) for name in names[:count]},
        ).error
        for count in (1, 4)
    ]
    assert errors[0] == pytest.approx(math.sqrt(0.003**2 + 0.002**2 + 2 * PROCESS_SD**2))
    assert errors[1] == pytest.approx(errors[0] / 2)


def test_a_reference_that_comes_later_takes_its_place_on_the_scale_of_the_first():
    known = (anchor("r", 10.0),)
    references = {"r": found(11.0), "s": found(22.0)}
    scale = scale_of(known, references)
    anchors = anchored(known, references, scale=scale, at=2.0)
    assert anchors[0] == known[0]
    assert anchors[1].subnet_id == "s"
    assert anchors[1].level_ms == pytest.approx(20.0)
    assert anchors[1].error > scale.error
    assert anchored(anchors, references, scale=scale, at=3.0) == anchors


def test_a_scale_without_its_references_takes_no_new_ones():
    known = (anchor("r", 10.0),)
    references = {"s": found(22.0)}
    scale = scale_of(known, references)
    assert anchored(known, references, scale=scale, at=2.0) == known


def test_a_scale_without_its_references_does_not_know_how_far_off_the_host_is():
    scale = scale_of((anchor("r", 10.0),), {"s": found(22.0)})
    assert scale.offset_percent is None
    assert scale.error > SESSION_SD
    first = scale_of((), {"s": found(22.0)})
    assert first.offset_percent == 0
    assert first.error < SESSION_SD


def test_an_anchor_without_an_error_is_none(tmp_path: Path):
    path = tmp_path / "a.json"
    write_anchors(path, (anchor("r", 15.0), anchor("s", 16.0, math.inf)))
    assert read_anchors(path) == (anchor("r", 15.0),)


def test_anchors_come_back_as_they_went(tmp_path: Path):
    anchors = (anchor("r", 15.0), anchor("s", 16.0))
    path = tmp_path / "scale" / "a.json"
    assert read_anchors(path) == ()
    write_anchors(path, anchors)
    assert read_anchors(path) == anchors
    path.write_text("{")
    assert read_anchors(path) == ()


def test_a_file_of_a_single_anchor_still_holds(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text('{"subnet_id": "r", "level_ms": 15.0, "error": 0.002, "at": 1.0}')
    assert read_anchors(path) == (anchor("r", 15.0),)
