"""Every data fault, many times over: the node never sleeps on it, the reason shows within a minute, and it passes."""

from __future__ import annotations

import pytest

from support.faults.data_faults import FAULTS, play


def test_the_table_has_a_fault_for_every_row() -> None:
    assert len(FAULTS) == 22


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_never_lets_a_node_sleep_always_shows_and_always_passes(name: str, seed: int) -> None:
    assert play(name, seed).violations == ()
