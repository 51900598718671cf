"""JSON of other programs gives finite numbers, or one short line of why not."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.foreign_json import parse_foreign_json

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_plain_values_are_read_as_they_were_written(value: object) -> None:
    assert parse_foreign_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "1e999 is beyond every number"),
        ("[-1e999]", "-1e999 is beyond every number"),
        (f"[{'9' * 301}]", "9... is beyond every number"),
        (f"[{'9' * 5000}]", "9... is beyond every number"),
        ("[" * 100_000, "it is nested too deeply"),
        ("", "Expecting value"),
        ("{", "Expecting property name"),
    ],
)
def test_what_cannot_be_reckoned_with_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as found:
        parse_foreign_json(text)
    assert why in str(found.value)
    assert len(str(found.value)) < 100


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parse_foreign_json(b"\xff")


def test_every_number_that_is_read_is_finite_as_a_float() -> None:
    assert math.isfinite(float(parse_foreign_json("9" * 300)))
    assert parse_foreign_json("1e-999") == 0.0
