"""Every reason has a producer in the product and a line on the operations page."""

from __future__ import annotations

import re

import pytest

from sunward.domain.reasons import Reason
from support import product

PAGE = product.ROOT / "docs" / "operations.md"
DEFINED_IN = product.PRODUCT / "domain" / "reasons.py"


def produced() -> set[str]:
    """Names of the members of Reason that the product refers to outside the enumeration, other than to compare."""
    return {
        name
        for name, all_of in product.references().items()
        if any(one.of == "Reason" and one.path != DEFINED_IN and not one.is_compared for one in all_of)
    }


def test_every_reason_has_a_producer() -> None:
    assert sorted(reason.name for reason in Reason if reason.name not in produced()) == []


def test_every_reason_has_a_row_on_the_operations_page_and_every_row_a_reason() -> None:
    cells = re.findall(r"^\| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    rows = {word for cell in cells for word in re.findall(r"`([A-Z][A-Za-z]+)`", cell)}
    assert {reason.value for reason in Reason} - rows == set()
    assert rows - {reason.value for reason in Reason} == set()


@pytest.mark.parametrize("name", ["CONTROL_PLANE", "DATA_STALE"])
def test_the_scan_finds_reasons_that_are_surely_produced(name: str) -> None:
    assert name in produced()
