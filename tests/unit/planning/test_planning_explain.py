"""Explanations answer what and why, and say so when there is nothing to explain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sunward.domain.errors import InvalidInput
from sunward.domain.measurement import Absent
from sunward.domain.nodes import BatterySpec, NodeRecord, Operation, PowerState, Role
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.decide import plan
from sunward.planning.explain import explain
from support.planning import NOW, InProcessSolver, a_job, a_node, a_snapshot, measured, some_forecasts, some_meters
from support.planning import some_progress as progress_of

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=9.0, maximum_discharge_watts=9.0)
MISSING = Absent(reason=Reason.DATA_MISSING, source="test", detail="no series")


def a_cluster() -> Snapshot:
    operation = Operation(
        id="x", intent="Wake", reason=Reason.WAKE_REQUESTED, started_at=NOW, deadline=NOW + timedelta(seconds=90)
    )
    waking = NodeRecord(
        power_state=PowerState.BOOTING,
        operation=operation,
        last_transition_at=NOW - timedelta(seconds=12),
        last_transition_reason=Reason.BOOTING,
    )
    return a_snapshot(
        a_node("clean", role=Role.ALWAYS_ON, harvest_nameplate_watts=10.0, battery=BATTERY),
        a_node("dirty", grid_zone="DIRTY", meters=some_meters(MISSING)),
        a_node("lost", grid_zone="NOWHERE", record=waking),
        jobs=[
            a_job(
                homes=("clean", "dirty"),
                progress=progress_of(accuracy_percent=91.24),
                deadline=NOW + timedelta(hours=9),
            )
        ],
    )


def a_plan(snapshot: Snapshot) -> Plan:
    return plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver("greedy"), previous=None)


def text(subject: str, snapshot: Snapshot, made: Plan | None) -> str:
    return "\n".join(explain(subject, snapshot, made))


def test_a_node_tells_its_state_decision_obstacles_work_and_readings() -> None:
    snapshot = a_cluster()
    told = text("clean", replace(snapshot, nodes=(*snapshot.nodes,)), a_plan(replace(snapshot, nodes=snapshot.nodes)))
    for part in ("clean is Awake", "KeepAwake", "AlwaysOn: its role is AlwaysOn", "power: 2.7 W, Measured, 0 s old"):
        assert part in told
    for part in ("harvest: 5 W", "battery: 0.5 of its capacity", "grid zone CLEAN: 24 g/kWh"):
        assert part in told


def test_an_operation_under_way_is_told_with_the_time_it_has_left() -> None:
    told = text("lost", a_cluster(), None)
    assert "lost is Booting since 12 s" in told
    assert "under way: Wake, try 1, 90 s left" in told
    assert "grid zone NOWHERE: no source knows it" in told
    assert "no plan yet" in told


def test_a_missing_reading_is_told_with_its_reason() -> None:
    assert "power: none (DataMissing: no series)" in text("dirty", a_cluster(), None)


def test_a_job_tells_its_progress_its_rows_and_the_alternatives() -> None:
    snapshot = a_snapshot(
        a_node("clean"),
        a_node("dirty", grid_zone="DIRTY"),
        jobs=a_cluster().jobs,
    )
    told = text("mnist", snapshot, a_plan(snapshot))
    for part in ("round 0 of 10", "accuracy 91.2 %", "deadline in 32400 s", "Assign (", "shard-clean of clean: 50"):
        assert part in told
    assert "none " in told
    assert "deta " in told


def test_a_node_tells_who_works_on_its_data() -> None:
    snapshot = a_snapshot(a_node("clean"), a_node("dirty", grid_zone="DIRTY"), jobs=a_cluster().jobs)
    made = plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver(), previous=None)
    assert "its shard-dirty of default/mnist: 50 batches a round on clean" in text("dirty", snapshot, made)
    assert "works on shard-dirty of default/mnist: 50 batches a round" in text("clean", snapshot, made)


def test_a_hold_is_told_before_anything_else() -> None:
    snapshot = replace(a_cluster(), sensors_available=False)
    assert "holds everything: DataUnavailable" in text("dirty", snapshot, a_plan(snapshot))


def test_a_job_that_is_over_or_silent_says_so() -> None:
    over = a_snapshot(jobs=[a_job(progress=None, finished=Reason.TARGET_REACHED, last_round=7)])
    told = text("default/mnist", over, None)
    assert "round 7 of 10" in told
    assert "over: TargetReached" in told
    assert "its coordinator does not answer" in told


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="clean, default/mnist, dirty, lost"):
        explain("pi-99", a_cluster(), None)


def test_a_name_that_two_jobs_share_asks_which_one() -> None:
    twins = a_snapshot(jobs=[a_job(), a_job(namespace="lab")])
    with pytest.raises(InvalidInput, match="default/mnist, lab/mnist"):
        explain("mnist", twins, None)
    assert explain("lab/mnist", twins, None)[0].startswith("lab/mnist")


def test_readings_carry_their_age() -> None:
    node = a_node(meters=some_meters(measured(3.0, at=NOW - timedelta(seconds=42))))
    assert "power: 3 W, Measured, 42 s old" in text("pi-01", a_snapshot(node), None)
