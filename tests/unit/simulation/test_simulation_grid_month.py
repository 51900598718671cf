"""Four weeks with grid data as a free account gets them: nodes sleep as often as with the true values."""

from __future__ import annotations

import pytest

from sunward.domain.policy import SleepOn
from sunward.simulation.world import intensity_traces
from support.grid.month import slept

ZONES = {name: intensity_traces()[name].values for name in ("us-ciso", "us-erco")}
DAYS = 28


def test_with_a_free_account_nodes_sleep_as_often_as_with_true_values() -> None:
    truth, _ = slept(ZONES, DAYS, SleepOn.ESTIMATED, perfect=True)
    found, account = slept(ZONES, DAYS, SleepOn.ESTIMATED, perfect=False)

    assert truth.times >= DAYS
    assert found.hours == pytest.approx(truth.hours, rel=0.1)
    assert found.times == pytest.approx(truth.times, rel=0.1)
    assert account.refused > 50
    assert account.hammered == 0


def test_where_only_measurements_count_a_free_account_puts_no_node_to_sleep() -> None:
    assert slept(ZONES, 2, SleepOn.MEASURED, perfect=False)[0].times == 0
    assert slept(ZONES, 2, SleepOn.MEASURED, perfect=True)[0].times > 0
