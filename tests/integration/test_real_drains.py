"""Some rows of the drain table on a real control plane; `make fault-drain` has all of them."""

from __future__ import annotations

import pytest

from fault_injection.drain import side_by_side
from support.guards.drain_table import CASES

QUICK = (
    "two PDBs",
    "bare pod after cordon",
    "same-name respawn",
    "pod after cordon",
    "foreign cordon",
    "unplaceable pod",
)


@pytest.mark.cluster
def test_drains_that_fail_at_once_hit_the_right_pod_or_never_begin() -> None:
    wrong, _ = side_by_side([case for case in CASES if case.name in QUICK])
    assert wrong == []
