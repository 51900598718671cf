"""Everything the operator writes is declared in the definitions: the API server would silently drop what is not."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from sunward.accounting.ledger import MissingNode, close
from sunward.cluster.objects import records
from sunward.cluster.reporting import plan_objects, report
from sunward.domain.cause import Cause
from sunward.domain.jobs import JobPhase
from sunward.domain.measurement import Absent
from sunward.domain.nodes import BatterySpec, Intent, NodeRecord, Operation, PowerState
from sunward.domain.plans import (
    Decision,
    DecisionKind,
    JobDirective,
    Plan,
    PlanStatus,
    SolverName,
    SolverReport,
    Transfer,
)
from sunward.domain.policy import OperatingMode, PoolKind
from sunward.domain.reasons import Reason
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import judge
from sunward.planning.decide import plan_name
from sunward.planning.guards.case import Blocker
from support import crds
from support.accounting import CLEAN, DIRTY, QUARTER_HOUR, flow, node_period
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_snapshot,
    a_zone,
    an_assignment,
    some_meters,
    some_progress,
)

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)
SILENT = Absent(cause=Cause(Reason.DATA_STALE, "the last sample is old"), source="sunward_node")


def part(kind: str, *path: str) -> crds.Manifest:
    """The schema below some properties of a kind, closed against anything undeclared."""
    definition = next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == kind)
    declared = copy.deepcopy(crds.schema_of(definition))
    for name in path:
        declared = declared["properties"][name]
    for _, child in crds.nodes_of_schema(declared):
        if "properties" in child:
            child["additionalProperties"] = False
    return declared


def without_removals(value: Any) -> Any:
    """A merge patch without its nulls, which remove fields."""
    if isinstance(value, dict):
        return {name: without_removals(child) for name, child in value.items() if child is not None}
    return [without_removals(child) for child in value] if isinstance(value, list) else value


def assert_declared(kind: str, value: Any, *path: str) -> None:
    """The value fits the closed schema."""
    jsonschema.validate(without_removals(value), part(kind, *path))


def a_plan(**changes: Any) -> Plan:
    """A plan with one of everything."""
    row = an_assignment("default/mnist", "a", "pi-01", "pi-02")
    plan = Plan(
        name=plan_name(NOW),
        start=NOW,
        period=timedelta(seconds=20),
        awake={"pi-01": True, "pi-02": False},
        jobs=(
            JobDirective(job="default/mnist", run=True, cause=Cause(Reason.MOVED_TO_CLEANER_NODE), assignments=(row,)),
        ),
        transfers=(
            Transfer(
                pool="roof",
                from_node="pi-01",
                to_node="pi-02",
                sent_watt_hours=0.01,
                received_watt_hours=0.0095,
                kind=PoolKind.PHYSICAL,
            ),
        ),
        decisions=(
            Decision(kind=DecisionKind.SLEEP, subject="pi-02", cause=Cause(Reason.NO_WORK_PLANNED, "m" * 2000)),
        ),
        solver=SolverReport(
            solver=SolverName.EXACT,
            status=PlanStatus.OPTIMAL,
            objective_grams=1.25,
            lower_bound_grams=1.2,
            relative_gap=0.04,
            solve_seconds=0.2,
        ),
        emissions_by_mode_grams={"none": 3.0, "det": 2.5, "dat": 2.0, "deta": 1.25},
        prices={"roof": 0.001},
        input_digest="sha256:" + "0" * 64,
    )
    return replace(plan, **changes)


UNPLANNED = (
    SolverReport(status=PlanStatus.HELD, cause=Cause(Reason.DATA_UNAVAILABLE, "the metrics store does not answer")),
    SolverReport(status=PlanStatus.INFEASIBLE, cause=Cause(Reason.PLAN_INFEASIBLE, "no plan meets every limit")),
)


@pytest.mark.parametrize("state", list(PowerState))
def test_the_record_of_the_state_machine(state: PowerState) -> None:
    operation = Operation(
        id="6f2a5a52",
        intent=Intent.SLEEP,
        reason=Reason.NO_WORK_PLANNED,
        started_at=NOW,
        deadline=NOW + timedelta(seconds=300),
        attempt=2,
        fencing_token=7,
    )
    record = NodeRecord(
        power_state=state,
        operation=operation,
        cordoned_by_us=True,
        awake_since=NOW,
        asleep_since=NOW,
        next_attempt_at=NOW,
        sleep_times=(NOW,) * 60,
    )
    assert_declared("EnergyNode", records.record_patch(record), "status")


@pytest.mark.parametrize("meters", [some_meters(), some_meters(power=SILENT, harvest=SILENT, battery=SILENT)])
@pytest.mark.parametrize("zone", [24.0, SILENT])
def test_the_status_of_an_energy_node(meters: Any, zone: Any) -> None:
    node = a_node(meters=meters, battery=BATTERY, harvest_nameplate_watts=10.0)
    snapshot = a_snapshot(node, intensities={"CLEAN": a_zone("CLEAN", zone)})
    obstacles = (Blocker(guard="dwell", cause=Cause(Reason.DWELL_TIME, "12 s of 600 s")),)
    judged = judge(snapshot, ReadingHistory().after(snapshot)).nodes[node.name]
    for verdict in (None, judged):
        status = report.node_status(node, snapshot, obstacles, verdict, a_plan(), {}, NOW)
        assert_declared("EnergyNode", status, "status")


@pytest.mark.parametrize("phase", list(JobPhase))
@pytest.mark.parametrize("old", [{}, {"startTime": "2026-06-21T11:00:00Z"}])
def test_the_status_of_a_training_job(phase: JobPhase, old: dict[str, Any]) -> None:
    progress = some_progress(phase=phase, round=3, accuracy_percent=93.71, workers=("pi-01", "pi-02"))
    job = a_job(progress=progress, deadline=NOW - timedelta(seconds=1), emissions_budget_grams=1.0, last_round=3)
    plan = a_plan()
    status = report.job_status(job, plan.jobs[0], plan, old, NOW)
    assert_declared("TrainingJob", status, "status")


@pytest.mark.parametrize("mode", list(OperatingMode))
@pytest.mark.parametrize("solver", [a_plan().solver, *UNPLANNED])
def test_a_plan_and_its_status(mode: OperatingMode, solver: SolverReport) -> None:
    nodes = (a_node("pi-01"), a_node("pi-02", meters=some_meters(power=SILENT)))
    snapshot = a_snapshot(*nodes, jobs=[a_job()])
    snapshot = replace(snapshot, policy=replace(snapshot.policy, mode=mode))
    plan = a_plan(solver=solver)
    body = plan_objects.plan_object(plan, snapshot.policy)
    assert_declared("EnergyPlan", body["spec"], "spec")
    status = plan_objects.plan_status(plan, snapshot, {Reason.NO_LONGER_HOLDS: 2}, {}, NOW)
    assert_declared("EnergyPlan", status, "status")


@pytest.mark.parametrize("status", list(PlanStatus))
def test_every_way_a_plan_can_come_about(status: PlanStatus) -> None:
    plan = a_plan()
    cause = None if status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE) else Cause(Reason.SOLVER_FALLBACK, "m" * 2000)
    plan = replace(plan, solver=replace(plan.solver, status=status, cause=cause, relative_gap=-1e-9))
    written = plan_objects.plan_status(plan, a_snapshot(), {}, {}, NOW)
    assert_declared("EnergyPlan", written["solution"], "status", "solution")
    assert written["solution"]["status"] == status.value


@pytest.mark.parametrize("factors", [(CLEAN, DIRTY), ()])
def test_a_settlement(factors: tuple[Any, ...]) -> None:
    nodes = [node_period("pi-01", load=1.0, harvest=2.0), node_period("pi-02", load=1.0)]
    flows = [flow("pi-01", sent=0.0), flow("pi-02", drawn=0.0)]
    missing = [MissingNode(node="pi-03", cause=Cause(Reason.DATA_MISSING, "no energy reading covers the whole period"))]
    ledger = close(QUARTER_HOUR, nodes, flows, factors, missing=missing)
    plan = a_plan()
    written = plan_objects.settlement_status(
        ledger, plan.transfers, {"pi-01": 0.5}, {"dirty": 560.0}, "none mode with metered loads", NOW
    )
    assert_declared("EnergyPlan", written, "status", "settlement")


def test_a_job_that_is_accounted_for() -> None:
    figures = {
        "energyMicrowattHours": 17_000,
        "emissionsMicrogramsCO2e": 9_000,
        "baselineEmissionsMicrogramsCO2e": 8_000,
        "avoidedEmissionsMicrogramsCO2e": -1_000,
        "accountedUntil": "2026-06-21T12:00:00.000000Z",
        "unaccountedPeriods": 1,
    }
    assert_declared("TrainingJob", figures, "status")
