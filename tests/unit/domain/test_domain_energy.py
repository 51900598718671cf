"""Energy of a period: what meters counted, and what a machine bears of its making."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sunward.domain.energy import MeteredNode
from sunward.domain.errors import InvalidInput
from sunward.domain.nodes import BatterySpec
from support.planning import a_node

BATTERY = BatterySpec(
    capacity_watt_hours=20.0,
    charge_efficiency=0.95,
    discharge_efficiency=0.9,
    maximum_charge_watts=10.0,
    maximum_discharge_watts=10.0,
)
SPEC = a_node(battery=BATTERY, embodied_grams=30_000.0, embodied_lifetime_days=1460.0).spec


def metered(*, load: float = 5.0, stored_change: float = 0.0) -> MeteredNode:
    return MeteredNode(spec=SPEC, load_watt_hours=load, stored_change_watt_hours=stored_change)


@pytest.mark.parametrize(("change", "charge", "discharge"), [(1.9, 2.0, 0.0), (-2.0, 0.0, 1.8), (0.0, 0.0, 0.0)])
def test_battery_flows_explain_the_change_that_was_measured(change: float, charge: float, discharge: float) -> None:
    node = metered(stored_change=change)
    assert (node.charge_watt_hours, node.discharge_watt_hours) == pytest.approx((charge, discharge))


def test_a_battery_gives_no_more_than_the_node_drew() -> None:
    assert metered(load=1.0, stored_change=-2.0).discharge_watt_hours == 1.0


def test_a_machine_bears_its_making_over_its_life() -> None:
    assert SPEC.embodied_grams_per_hour == pytest.approx(0.8562, abs=1e-4)
    assert replace(SPEC, embodied_grams=None).embodied_grams_per_hour is None
    with pytest.raises(InvalidInput, match="lifetime_days"):
        replace(SPEC, embodied_lifetime_days=0.0)
