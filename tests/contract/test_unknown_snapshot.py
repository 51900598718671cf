"""What no meter, provider or coordinator says now is missing in the object, the metric and the table, and never zero.

The walk publishes once with everything known, then takes inputs away and publishes again over what stood there. What
rests on an absent input must be gone, and no other number may have become zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sunward.cli import status as table
from sunward.cluster.objects.learned import learned
from sunward.cluster.reporting import job_figures, node_figures, plan_objects, report
from sunward.cluster.reporting.bounds import Omitted
from sunward.domain.cause import Cause
from sunward.domain.jobs import JobPhase
from sunward.domain.measurement import Absent, Quality, Series
from sunward.domain.nodes import BatterySpec, NodeRecord
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.telemetry.metrics import Metrics
from support import figures
from support.loop.store import Body, merged
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_plan,
    a_snapshot,
    a_zone,
    measured,
    some_meters,
    some_progress,
)

SILENT = Absent(cause=Cause(Reason.DATA_MISSING), source="test")
BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)
KEY = "default/mnist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The inputs of a snapshot that can be absent; None is absent."""

    power_watts: float | None = 3.5
    harvest_watts: float | None = 4.5
    battery_ratio: float | None = 0.5
    grams_per_kilowatt_hour: float | None = 24.0
    workers: tuple[str, ...] | None = ("sun",)
    emitted_grams: float | None = 2.0
    is_zone_known: bool = True
    forecast: tuple[float, ...] | None = (30.0, 40.0)
    relay_watts: float | None = 3.4
    is_relay_heard: bool = True

    def power(self) -> PowerReading | None:
        """What the node's relay says, which may have no meter or be silent."""
        return PowerReading(is_on=True, watts=self.relay_watts, time=a_while_ago()) if self.is_relay_heard else None

    def snapshot(self, node: Body) -> Snapshot:
        """A node with all meters and a job that trains there."""
        readings = (self.power_watts, self.harvest_watts, self.battery_ratio)
        meters = some_meters(*(SILENT if one is None else measured(one, at=a_while_ago()) for one in readings))
        grams = self.grams_per_kilowatt_hour
        zone = replace(
            a_zone("CLEAN", SILENT if grams is None else measured(grams, at=a_while_ago())),
            forecast_grams_per_kilowatt_hour=None if self.forecast is None else a_series(self.forecast),
        )
        told: dict[str, Any] = {"phase": JobPhase.TRAINING, "round": 3, "workers": self.workers, "batches_done": 300}
        progress = None if self.workers is None else some_progress(**told)
        record = NodeRecord(learned=learned(node.get("learned") or {}))
        return a_snapshot(
            a_node("sun", meters=meters, battery=BATTERY, harvest_nameplate_watts=10.0, record=record),
            jobs=[a_job(progress=progress, last_round=3, emissions_grams=self.emitted_grams, homes=("sun",))],
            intensities={"CLEAN": zone} if self.is_zone_known else {},
        )


def a_series(values: tuple[float, ...]) -> Series:
    """A provider's forecast by the hour."""
    hour = timedelta(hours=1)
    return Series(start=NOW, step=hour, values=values, issued_at=NOW, quality=Quality.FORECAST, source="test")


def a_while_ago() -> datetime:
    """When the samples were taken: their age is a number too."""
    return NOW - timedelta(seconds=5)


POWER = {"node/power/milliwatts", "plan/nodes/sun/powerAgeSeconds", "table/sun/power W"}
HARVEST = {"node/harvest/milliwatts", "plan/nodes/sun/harvestAgeSeconds", "table/sun/harvest W"}
CHARGE = {
    "node/battery/chargePercent",
    "node/battery/storedMilliwattHours",
    "plan/nodes/sun/batteryAgeSeconds",
}
GRID = {
    "node/intensity/milligramsPerKilowattHour",
    "plan/zones/CLEAN/milligramsPerKilowattHour",
    "plan/zones/CLEAN/ageSeconds",
    "table/sun/g/kWh",
    "metric/sunward_grid_intensity_grams_per_kilowatt_hour{CLEAN,test,average-lifecycle}",
}
FORECAST = {"metric/sunward_grid_intensity_forecast_grams_per_kilowatt_hour{CLEAN,test,average-lifecycle}"}
OF_A_SNAPSHOT: Mapping[str, tuple[Any, set[str]]] = {
    "power_watts": (None, POWER),
    "harvest_watts": (None, HARVEST),
    "battery_ratio": (None, CHARGE),
    "grams_per_kilowatt_hour": (None, GRID),
    "is_zone_known": (False, GRID | FORECAST),
    "forecast": (None, FORECAST),
    "workers": (None, {"job/workers", f"table/{KEY}/workers"}),
    "relay_watts": (None, {"node/relay/milliwatts"}),
    "is_relay_heard": (False, {"node/relay/milliwatts"}),
    "emitted_grams": (None, {"budget/grams"}),
}


def published(seen: Seen, over: Body, metrics: Metrics) -> tuple[Body, figures.Figures]:
    """The objects after a pass with these inputs, and every number that is then told."""
    old_node, old_job = over.get("node", {}), over.get("job", {})
    snapshot = seen.snapshot(old_node)
    node, job = snapshot.nodes[0], snapshot.jobs[0]
    written = {
        "node": {
            **report.node_status(node, snapshot, (), None, None, old_node, NOW),
            **node_figures.figures(node, snapshot, seen.power(), (), None, old_node),
        },
        "job": {
            **report.job_status(job, None, None, old_job, NOW),
            **job_figures.figures(job, None, snapshot.nodes, old_job, NOW),
        },
        "plan": plan_objects.inputs(a_plan(), snapshot, Omitted()),
    }
    objects = {what: merged(over.get(what, {}), status) for what, status in written.items()}
    metrics.observed(snapshot)
    told = {
        **figures.of_object(objects),
        **figures.of_table(table.NODE_COLUMNS, table.nodes({"energynodes": [an_object("sun", objects["node"])]})),
        **figures.of_table(table.JOB_COLUMNS, table.jobs({"trainingjobs": [an_object("mnist", objects["job"])]})),
    }
    numbers = {where.lstrip("/") if where.startswith("/") else f"table/{where}": n for where, n in told.items()}
    numbers |= {f"metric/{where}": number for where, number in figures.of_metrics(metrics).items()}
    return objects, numbers | spent(objects["job"])


def spent(job: Body) -> figures.Figures:
    """The grams that the condition about the budget names."""
    message = next(c["message"] for c in job["conditions"] if c["type"] == "BudgetExceeded")
    return {"budget/grams": float(message.split(" ")[0])} if message[0].isdigit() else {}


def an_object(name: str, status: Body) -> Body:
    """What `sunward status` reads."""
    spec = {"gridZone": "CLEAN", "rounds": 10}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec, "status": status}


@given(st.sets(st.sampled_from(sorted(OF_A_SNAPSHOT)), min_size=1))
def test_what_nobody_measured_is_nowhere_a_number(absent: set[str]) -> None:
    metrics = Metrics()
    objects, before = published(Seen(), {}, metrics)
    _, after = published(Seen(**{name: OF_A_SNAPSHOT[name][0] for name in absent}), objects, metrics)
    figures.assert_only_missing(before, after, {where for name in absent for where in OF_A_SNAPSHOT[name][1]})


def test_every_number_that_a_snapshot_can_lose_is_known_to_the_walk() -> None:
    _, before = published(Seen(), {}, Metrics())
    walked = {where for _, gone in OF_A_SNAPSHOT.values() for where in gone}
    left = {where for where, number in before.items() if number != 0} - walked
    known = {"job/round", "metric/sunward_leader{}", "metric/sunward_node_power_state{sun,Awake}"}
    kept = {"job/batchesDone", "node/learned/busyMilliwatts", "node/learned/observations/busy"}
    assert left - known - kept == set()  # what was counted or learned stays true while its source is silent
