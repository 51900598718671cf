"""What no meter counted is missing in the books, the metric, the table and the job, and never zero.

The walk publishes once with everything known, then takes inputs away and publishes again over what stood there. What
rests on an absent input must be gone, and no other number may have become zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from sunward.cli import status as table
from sunward.cluster.access.api import ours
from sunward.cluster.access.times import format_time
from sunward.cluster.containment import Containment
from sunward.cluster.settling.settlement import Settler
from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Metered, Window
from sunward.domain.nodes import BatterySpec, MeterFacts, NodeSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.telemetry.metrics import Metrics
from sunward.telemetry.reporter import TelemetryReporter
from support import figures
from support.loop.store import Store
from support.planning import (
    NOW,
    InProcessSolver,
    a_job,
    a_node,
    a_snapshot,
    a_zone,
    an_assignment,
    measured,
    relay,
    some_meters,
)
from support.store_api import StoreApi

SILENT = Absent(cause=Cause(Reason.DATA_MISSING), source="test")
BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)
KEY = "default/mnist"
PERIOD = timedelta(seconds=300)
PASS = timedelta(seconds=10)
LATER = NOW + PERIOD + timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The inputs of a settlement that can be absent."""

    sun_load: bool = True
    sun_harvest: bool = True
    battery_at_start: bool = True
    battery_at_end: bool = True
    sun_awake_to_the_end: bool = True
    harvest_readings: bool = True
    shade_load: bool = True
    dirty_grid: bool = True
    making_stated: bool = True

    @property
    def settle_delay_seconds(self) -> float:
        """After that the last samples of a period are in."""
        return 10.0

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        """What the passes see is in `snapshot`."""
        return {}

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        """What the counters on the nodes added."""
        gaps = () if self.sun_awake_to_the_end else ((end - timedelta(seconds=60), end),)
        sun = Metered(
            load=Window(watt_hours=0.4, gaps=gaps) if self.sun_load else None,
            harvest=Window(watt_hours=0.1, gaps=gaps) if self.sun_harvest else None,
        )
        shade = Metered(load=Window(watt_hours=0.3) if self.shade_load else None, harvest=None)
        return {"sun": sun, "shade": shade}

    def snapshot(self, now: datetime) -> Snapshot:
        """What a pass sees: two nodes, one with sun and a battery, and a job that works on both."""
        begun, over = now < NOW + PERIOD / 3, now > NOW + 2 * PERIOD / 3
        has_charge = (self.battery_at_start or not begun) and (self.battery_at_end or not over)
        charge = measured(0.5 + 0.01 * (now - NOW) / PERIOD, at=now) if has_charge else SILENT
        harvest = measured(1.2, at=now) if self.harvest_readings else SILENT
        job = a_job(
            homes=("sun", "shade"),
            last_round=int((now - NOW) / PERIOD * 10) if now > NOW else 0,
            assignments=tuple(an_assignment(KEY, f"shard-{name}", name, name) for name in ("sun", "shade")),
        )
        made = {"embodied_grams": 30_000.0} if self.making_stated else {}
        zones = {"CLEAN": a_zone("CLEAN", 24.0), "DIRTY": a_zone("DIRTY", 610.0 if self.dirty_grid else SILENT)}
        return a_snapshot(
            a_node(
                "sun",
                battery=BATTERY,
                harvest_nameplate_watts=10.0,
                meters=some_meters(harvest=harvest, battery=charge),
                embodied_grams=30_000.0,
            ),
            a_node("shade", grid_zone="DIRTY", meters=some_meters(harvest=SILENT, battery=SILENT), **made),
            jobs=[job],
            intensities=zones,
            taken_at=now,
        )


def rows(node: str, *names: str) -> set[str]:
    """Where figures of a node's row stand."""
    return {f"plan/nodes/{node}/{name}" for name in names}


ENERGIES = {
    *("load", "grid", "fedIn", "transferred", "received", "lost"),
    *("harvest", "harvestUsed", "harvestSent", "harvestStored", "harvestCurtailed"),
}
TOTAL_ENERGY = {f"plan/totals/{what}MicrowattHours" for what in ENERGIES}
ACTUAL = {"plan/totals/locationBasedMicrogramsCO2e", "plan/totals/avoidedMicrogramsCO2e", "table/plan-1/settled mg"}
MARKET = {"plan/totals/marketBasedMicrogramsCO2e", "metric/sunward_emissions_co2e_grams_total{market}"}
BASELINE = {"plan/totals/baselineMicrogramsCO2e", "plan/totals/avoidedMicrogramsCO2e"}
SAVINGS = {
    "metric/sunward_emissions_co2e_grams_total{location}",
    "metric/sunward_baseline_emissions_co2e_grams_total{}",
}
MAKING = {"plan/totals/embodiedMicrogramsCO2e"}
STAGES = ("Preparation", "Development", "Application", "Recycling")
JOB = {
    *(f"job/stages/{stage}/energyMicrowattHours" for stage in STAGES),
    *(f"job/stages/{stage}/emissionsMicrogramsCO2e" for stage in STAGES),
    "job/embodiedMicrogramsCO2e",
    "job/energyMicrowattHours",
    "job/emissionsMicrogramsCO2e",
    "job/baselineEmissionsMicrogramsCO2e",
    "job/avoidedEmissionsMicrogramsCO2e",
}
WHOLE = TOTAL_ENERGY | ACTUAL | MARKET | BASELINE | SAVINGS | JOB
BALANCE = (
    "harvestUsedMicrowattHours",
    "harvestSentMicrowattHours",
    "harvestStoredMicrowattHours",
    "harvestCurtailedMicrowattHours",
    "receivedMicrowattHours",
    "chargedMicrowattHours",
    "dischargedMicrowattHours",
    "batterySentMicrowattHours",
    "gridMicrowattHours",
    "intensityMilligramsPerKilowattHour",
    "locationBasedMicrogramsCO2e",
    "marketBasedMicrogramsCO2e",
    "baselineMicrogramsCO2e",
    "closingErrorPartsPerMillion",
)
UNBALANCED = WHOLE | MAKING | rows("sun", *BALANCE)
OF_A_SETTLEMENT: Mapping[str, set[str]] = {
    "sun_load": UNBALANCED | rows("sun", "loadMicrowattHours", "harvestMicrowattHours"),
    "sun_harvest": UNBALANCED | rows("sun", "harvestMicrowattHours"),
    "battery_at_start": UNBALANCED,
    "battery_at_end": UNBALANCED,
    "shade_load": WHOLE | MAKING | rows("shade", *BALANCE, "loadMicrowattHours", "harvestMicrowattHours"),
    "dirty_grid": ACTUAL
    | MARKET
    | BASELINE
    | SAVINGS
    | JOB
    | rows(
        "shade",
        "intensityMilligramsPerKilowattHour",
        "locationBasedMicrogramsCO2e",
        "marketBasedMicrogramsCO2e",
        "baselineMicrogramsCO2e",
    ),
}


async def settled(counted: Counted, *, relays: bool = False) -> figures.Figures:
    """Every number that is told of a period with these inputs. Relays stand in front of both nodes, or of none."""
    store, metrics = Store(), Metrics()
    spec = {"periodStart": format_time(NOW), "periodEnd": format_time(NOW + PERIOD)}
    labels = {"app.kubernetes.io/managed-by": "sunward"}
    store.create(ours("energyplans"), {"metadata": {"name": "plan-1", "labels": labels}, "spec": spec})
    store.create(
        ours("trainingjobs", namespace="default"), {"metadata": {"name": "mnist", "uid": a_job().spec.uid}, "spec": {}}
    )
    settler = Settler(
        StoreApi(store),
        counted,
        InProcessSolver(),
        TelemetryReporter(metrics),
        Containment(lambda: NOW, lambda *_: None),
    )
    for count in range(-1, round(PERIOD / PASS) + 2):
        now = NOW + count * PASS
        power = {name: relay(True, watts=3.6, at=now) for name in ("sun", "shade")} if relays else {}
        settler.remember(counted.snapshot(now), power)
    await settler.settle(counted.snapshot(LATER), "plan-2")
    plan = store.get(ours("energyplans", "plan-1"))
    job = store.get(ours("trainingjobs", "mnist", namespace="default"))
    objects = {"plan": plan["status"]["settlement"], "job": job["status"]}
    numbers = {where.lstrip("/"): number for where, number in figures.of_object(objects).items()}
    cells = figures.of_table(table.PLAN_COLUMNS, table.plans({"energyplans": [plan]}))
    counters = {
        where: number
        for where, number in figures.of_metrics(metrics).items()
        if "emissions_co2e" in where and number != 0  # a counter begins at zero
    }
    return (
        numbers
        | {f"table/{where}": number for where, number in cells.items()}
        | {f"metric/{where}": number for where, number in counters.items()}
    )


@pytest.mark.parametrize("absent", sorted(OF_A_SETTLEMENT))
async def test_what_no_meter_counted_is_nowhere_a_number(absent: str) -> None:
    before, after = await settled(Counted()), await settled(replace(Counted(), **{absent: False}))
    assert "job/unaccountedPeriods" not in before
    assert after["job/unaccountedPeriods"] == 1
    figures.assert_only_missing(before, after, OF_A_SETTLEMENT[absent])


async def test_where_nothing_states_the_making_of_a_machine_no_sum_of_it_is_given() -> None:
    before, after = await settled(Counted()), await settled(Counted(making_stated=False))
    figures.assert_only_missing(before, after, MAKING | {"job/embodiedMicrogramsCO2e"})


async def test_without_an_idea_of_the_harvest_while_a_node_was_off_there_is_no_baseline() -> None:
    half = replace(Counted(), sun_awake_to_the_end=False)
    before = await settled(half, relays=True)
    after = await settled(replace(half, harvest_readings=False), relays=True)
    gone = BASELINE | SAVINGS | JOB | rows("sun", "baselineMicrogramsCO2e")
    figures.assert_only_missing(before, after, gone)


@pytest.mark.parametrize("counted", [Counted(), replace(Counted(), sun_awake_to_the_end=False)])
async def test_with_everything_metered_every_number_is_there(counted: Counted) -> None:
    before = await settled(counted, relays=not counted.sun_awake_to_the_end)
    assert WHOLE | MAKING | rows("sun", *BALANCE) | rows("shade", *BALANCE) <= set(before)


async def test_of_a_period_without_any_reading_nothing_is_known() -> None:
    nothing = Counted(**dict.fromkeys(Counted.__dataclass_fields__, False))
    assert await settled(nothing) == {"job/unaccountedPeriods": 1, "plan/seal/index": 1}
