"""The same facts give the same id everywhere; different facts or kinds do not."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latbase.identity import ID_LENGTH, canonical_json, content_id

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
facts = st.dictionaries(st.text(), json_values)


@given(facts)
def test_order_of_keys_does_not_matter(value):
    backwards = dict(reversed(value.items()))
    assert content_id("thing", value) == content_id("thing", backwards)


@given(facts)
def test_kinds_are_kept_apart(value):
    assert content_id("thing", value) != content_id("other", value)


@given(facts, facts)
def test_ids_agree_exactly_when_the_json_agrees(one, two):
    same = canonical_json(one) == canonical_json(two)
    assert (content_id("thing", one) == content_id("thing", two)) is same


def test_id_is_the_same_in_another_process_with_another_hash_seed():
    code = (
        "from latbase.identity import content_id; print(content_id('k', {'b': [1, 2.5], 'a': 'é'}))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert printed == {content_id("k", {"a": "é", "b": [1, 2.5]})}
    assert len(printed.pop()) == ID_LENGTH


def test_nan_has_no_id():
    with pytest.raises(ValueError, match="JSON"):
        content_id("thing", {"x": float("nan")})
