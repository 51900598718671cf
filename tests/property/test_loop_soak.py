"""An operator that is disturbed for days keeps nothing of them, and the suite would see it if it did."""

from __future__ import annotations

import pytest

from fault_injection.in_memory import soak
from support.faults.outcome import Options
from support.loop.soak import Kept


def test_one_operator_lives_through_disturbed_days_without_growing() -> None:
    found = soak.run(Options(seed=1))
    assert found.violations == []
    assert found.counts["evenings"] == soak.DAYS
    assert found.counts["failures_in_between"] > 0, "nothing disturbed it"


@pytest.mark.parametrize(("field", "value"), [("objects", 1600), ("files", 10), ("threads", 13)])
def test_growth_of_any_kind_is_a_violation(field: str, value: int) -> None:
    evening = {"objects": 1000, "files": 9, "threads": 3}
    evenings = [Kept(**evening), Kept(**evening), Kept(**{**evening, field: value})]
    assert len(soak.growth(evenings)) == 1
    assert soak.growth(evenings[:2]) == []
