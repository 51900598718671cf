"""Snapshot and plan -> status and conditions of EnergyNodes and TrainingJobs. Pure: returns what should stand there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sunward.cluster.access.times import format_time
from sunward.cluster.objects import conditions
from sunward.cluster.objects.conditions import Condition
from sunward.cluster.objects.crd_types import (
    EnergyNodeStatus,
    EnergyNodeStatusBattery,
    EnergyNodeStatusIntensity,
    EnergyNodeStatusPower,
    StatusCondition,
    TrainingJobStatus,
)
from sunward.cluster.reporting import job_updates
from sunward.cluster.reporting.node_figures import basis_name
from sunward.domain.cause import Cause
from sunward.domain.jobs import JobPhase, JobView
from sunward.domain.measurement import Absent, Measurement, Reading
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity
from sunward.planning.data_quality.verdict import NodeVerdict, Use
from sunward.planning.guards import pending
from sunward.planning.guards.case import Blocker
from sunward.planning.jobs.directives import job_over

APPLIED = "Applied"
PENDING_LIMIT = 3


def node_status(
    node: NodeView,
    snapshot: Snapshot,
    obstacles: tuple[Blocker, ...],
    verdict: NodeVerdict | None,
    plan: Plan | None,
    old: EnergyNodeStatus,
    now: datetime,
    *,
    fault: Cause | None = None,
) -> EnergyNodeStatus:
    """Readings and conditions of an EnergyNode; the record of the state machine is written elsewhere.

    `fault` is why its next step could not be taken.
    """
    status: EnergyNodeStatus = {
        "observedGeneration": node.generation,
        "power": _milliwatts(node.meters.power_watts),
        "harvest": _milliwatts(node.meters.harvest_watts),
        "battery": _battery(node),
        "intensity": _intensity(node.spec.grid_zone, snapshot.intensities.get(node.spec.grid_zone)),
        "conditions": conditions.merge(
            old.get("conditions"),
            [*_node_conditions(node, snapshot, obstacles, verdict), *_applied(fault, old.get("conditions"))],
            now,
            node.generation,
        ),
    }
    if not old.get("powerState"):
        status["powerState"] = node.record.power_state.value
    if plan is not None:
        status["currentPlan"] = plan.name
    return status


def _applied(fault: Cause | None, old: Sequence[StatusCondition] | None) -> list[Condition]:
    """Whether what was decided for an object was carried out; said of an object from its first failure on."""
    if fault is None and not any(condition["type"] == APPLIED for condition in old or ()):
        return []
    return [Condition(type=APPLIED, status=fault is None, cause=fault or Cause(Reason.PLANNED, "carried out"))]


def _node_conditions(
    node: NodeView, snapshot: Snapshot, obstacles: tuple[Blocker, ...], verdict: NodeVerdict | None
) -> list[Condition]:
    state = node.record.power_state
    is_ready = node.facts is not None and node.facts.ready
    return [
        Condition(
            type="Ready", status=is_ready or state is PowerState.ASLEEP, cause=_why_ready(node, is_ready=is_ready)
        ),
        _sensors(node, verdict),
        Condition(type="Sleepable", status=not obstacles, cause=_why_sleepable(obstacles)),
        Condition(type="Asleep", status=state is PowerState.ASLEEP, cause=_why_asleep(node, snapshot)),
        Condition(
            type="Degraded",
            status=state is PowerState.DEGRADED,
            cause=_why_degraded(snapshot) if state is PowerState.DEGRADED else Cause(Reason.AWAKE),
        ),
    ]


def _why_ready(node: NodeView, *, is_ready: bool) -> Cause:
    if node.record.power_state is PowerState.ASLEEP:
        return Cause(Reason.ASLEEP, "powered off as planned")
    return Cause(Reason.AWAKE) if is_ready else Cause(Reason.NODE_NOT_READY, "the Kubernetes node is not Ready")


def _why_degraded(snapshot: Snapshot) -> Cause:
    """A node is degraded after one attempt for each pause that the policy lists, and after one if it lists none."""
    attempts = max(1, len(snapshot.policy.budgets.wake_retry_seconds))
    return Cause(Reason.DEGRADED, f"the node did not wake (failed attempts: {attempts}); see the operations page")


def _why_sleepable(obstacles: tuple[Blocker, ...]) -> Cause:
    """The first obstacle's reason; the message names up to five."""
    if not obstacles:
        return Cause(Reason.LOWER_EMISSIONS, "no blockers")
    return Cause(obstacles[0].cause.reason, "; ".join(str(obstacle.cause) for obstacle in obstacles[:5]))


def _why_asleep(node: NodeView, snapshot: Snapshot) -> Cause:
    record = node.record
    if record.power_state is PowerState.ASLEEP:
        return Cause(
            Reason.ASLEEP, "; ".join([f"since {format_time(record.asleep_since)}", *_waiting_in_vain(snapshot)])
        )
    return Cause(record.last_transition_reason or Reason.AWAKE, str(record.power_state))


def _waiting_in_vain(snapshot: Snapshot) -> list[str]:
    """Pods that wait for a node and that no node would take, so that none is woken for them; up to three."""
    found = sorted(pending.misfits(snapshot).items())
    return [f"pod {name} is pending and fits on no node: {why}" for name, why in found[:PENDING_LIMIT]]


def _sensors(node: NodeView, verdict: NodeVerdict | None) -> Condition:
    """What the data ladder says of the node's meters; the worst finding speaks."""
    if node.record.power_state is PowerState.ASLEEP:
        return Condition(
            type="SensorsFresh", status=None, cause=Cause(Reason.ASLEEP, "the exporter sleeps with the node")
        )
    if verdict is None:
        return Condition(type="SensorsFresh", status=None, cause=Cause(Reason.DATA_MISSING, "not evaluated yet"))
    if verdict.use is Use.USE:
        return Condition(type="SensorsFresh", status=True, cause=Cause(Reason.DATA_FRESH))
    worst = next(finding for finding in verdict.findings if finding.use is verdict.use)
    return Condition(type="SensorsFresh", status=False, cause=worst.cause)


def _milliwatts(reading: Reading) -> EnergyNodeStatusPower:
    if not isinstance(reading, Measurement):
        return {
            "milliwatts": None,
            "time": None,
            "quality": "Missing",
            "source": reading.source,
            "reason": str(reading.cause.reason),
        }
    return {
        "milliwatts": round(reading.value * 1000),
        "time": format_time(reading.time),
        "quality": reading.quality.value,
        "source": reading.source,
        "reason": None,
    }


def _battery(node: NodeView) -> EnergyNodeStatusBattery | None:
    reading = node.meters.battery_ratio
    if node.spec.battery is None:
        return None
    if not isinstance(reading, Measurement):
        return {
            "chargePercent": None,
            "storedMilliwattHours": None,
            "time": None,
            "quality": "Missing",
            "source": reading.source,
            "reason": str(reading.cause.reason),
        }
    ratio = min(1.0, max(0.0, reading.value))
    return {
        "chargePercent": round(100 * ratio),
        "storedMilliwattHours": round(1000 * ratio * node.spec.battery.capacity_watt_hours),
        "time": format_time(reading.time),
        "quality": reading.quality.value,
        "source": reading.source,
        "reason": None,
    }


def _intensity(name: str, zone: ZoneIntensity | None) -> EnergyNodeStatusIntensity:
    unknown = Absent(cause=Cause(Reason.UNKNOWN_ZONE), source="")
    reading = unknown if zone is None else zone.now_grams_per_kilowatt_hour
    if not isinstance(reading, Measurement):
        return {
            "zone": name,
            "basis": None,
            "milligramsPerKilowattHour": None,
            "time": None,
            "quality": "Missing",
            "source": reading.source or None,
            "reason": str(reading.cause.reason),
        }
    return {
        "zone": name,
        "basis": basis_name(zone.basis if zone else None),
        "milligramsPerKilowattHour": round(reading.value * 1000),
        "time": format_time(reading.time),
        "quality": reading.quality.value,
        "source": reading.source,
        "reason": None,
    }


def job_status(
    job: JobView,
    directive: JobDirective | None,
    plan: Plan | None,
    old: TrainingJobStatus,
    now: datetime,
    *,
    fault: Cause | None = None,
) -> TrainingJobStatus:
    """Progress and conditions of a TrainingJob; `fault` is why it cannot be carried out at present."""
    progress = job.progress
    over = job_over(job)
    status: TrainingJobStatus = {
        "observedGeneration": job.generation,
        "round": job.last_round,
        "workers": _workers(job, over),
        "selector": f"sunward.dev/job={job.spec.name},sunward.dev/component=worker",
        "conditions": conditions.merge(
            old.get("conditions"),
            [*_job_conditions(job, directive, over, fault, now), *_applied(fault, old.get("conditions"))],
            now,
            job.generation,
        ),
    }
    if progress is not None:
        status["dataSet"] = progress.data_set
        if progress.accuracy_percent is not None:
            status["accuracyPercent"] = int(progress.accuracy_percent)
            status["accuracyPartsPerMillion"] = round(progress.accuracy_percent * 10_000)
    if directive is not None and plan is not None and over is None:
        status["assignments"] = [
            {"shard": row.shard, "fromNode": row.from_node, "node": row.node, "batches": row.batches}
            for row in directive.assignments
        ]
        status["plan"] = plan.name
    if over is not None and not old.get("completionTime"):
        status["completionTime"], status["assignments"] = format_time(now), []
    if job.last_round or progress is not None:
        status["startTime"] = old.get("startTime") or format_time(now)
    return status


def _workers(job: JobView, over: Reason | None) -> int | None:
    """How many train now; None while the coordinator is silent."""
    if over is not None:
        return 0
    return None if job.progress is None else len(job.progress.workers)


def _job_conditions(
    job: JobView, directive: JobDirective | None, over: Reason | None, fault: Cause | None, now: datetime
) -> list[Condition]:
    running = over is None and job.progress is not None and job.progress.phase.is_working
    is_faulty = fault is not None and over is None and not running
    why = fault if fault is not None and is_faulty else _why(job, directive, over)
    doubt = _doubt(job) if over is None and not is_faulty else None
    spent = _budget_spent(job)
    return [
        Condition(
            type="Planned",
            status=None if directive is None else directive.run,
            cause=directive.cause if directive else Cause(Reason.PROGRESS_UNKNOWN, "no plan includes the job yet"),
        ),
        Condition(
            type="Running", status=running, cause=doubt or (Cause(Reason.RUNNING, why.message) if running else why)
        ),
        Condition(type="Paused", status=over is None and directive is not None and not directive.run, cause=why),
        _deadline(job, directive, over, now),
        Condition(
            type="BudgetExceeded",
            status=spent,
            cause=Cause(
                Reason.BUDGET_EXCEEDED if spent else Reason.PLANNED, f"{_spent(job)} so far, budget {_budget(job)}"
            ),
        ),
        Condition(
            type="Complete",
            status=over in (Reason.ROUNDS_COMPLETE, Reason.TARGET_REACHED),
            cause=Cause(over or why.reason, _completion(job, over)),
        ),
        *job_updates.conditions_of(job),
    ]


def _deadline(job: JobView, directive: JobDirective | None, over: Reason | None, now: datetime) -> Condition:
    deadline = job.spec.deadline
    message = "no deadline" if deadline is None else f"deadline {format_time(deadline)}"
    late = over is None and deadline is not None and now >= deadline
    risky = directive is not None and directive.cause.reason is Reason.DEADLINE_AT_RISK
    reason = Reason.DEADLINE_MISSED if late else Reason.DEADLINE_AT_RISK if risky else Reason.PLANNED
    return Condition(type="DeadlineAtRisk", status=late or risky, cause=Cause(reason, message))


def _why(job: JobView, directive: JobDirective | None, over: Reason | None) -> Cause:
    if over is not None:
        return Cause(over, _completion(job, over))
    if directive is not None and not directive.run:
        return directive.cause
    if job.progress_fault is not None:
        return Cause(Reason.PROGRESS_UNKNOWN, f"the coordinator's response cannot be read: {job.progress_fault}")
    if job.progress is None:
        return Cause(Reason.PROGRESS_UNKNOWN, "the coordinator has not responded yet")
    if job.progress.phase is JobPhase.WAITING:
        have, need = len(job.progress.workers), job.spec.minimum_workers
        return Cause(Reason.WAITING_FOR_QUORUM, f"{have} of at least {need} workers")
    return Cause(Reason.RUNNING, f"round {job.progress.round} of {job.spec.rounds}, {job.progress.phase}")


def _doubt(job: JobView) -> Cause | None:
    """What the coordinator says of nodes, where the operator's own records do not bear it out."""
    if not job.unconfirmed_nodes or job.progress is None:
        return None
    names = ", ".join(job.unconfirmed_nodes[:5])
    more = len(job.unconfirmed_nodes) - 5
    return Cause(
        Reason.CLAIM_NOT_CONFIRMED,
        f"the coordinator's word does not keep {names}{f' and {more} more' if more > 0 else ''} awake: no assignment"
        " has named these nodes for several rounds, or no worker of the job runs there",
    )


def _budget_spent(job: JobView) -> bool:
    budget, spent = job.spec.emissions_budget_grams, job.emissions_grams
    return budget is not None and spent is not None and spent >= budget


def _spent(job: JobView) -> str:
    return "no settled emissions" if job.emissions_grams is None else f"{job.emissions_grams:.3f} g"


def _budget(job: JobView) -> str:
    budget = job.spec.emissions_budget_grams
    return "none" if budget is None else f"{budget:.3f} g"


def _completion(job: JobView, over: Reason | None) -> str:
    accuracy = job.progress.accuracy_percent if job.progress else None
    reached = "" if accuracy is None else f", accuracy {accuracy:.2f} %"
    return f"round {job.last_round} of {job.spec.rounds}{reached}" if over else f"round {job.last_round}"


def invalid_status(
    kind: str, why: Cause, old: EnergyNodeStatus | TrainingJobStatus, generation: int, now: datetime
) -> EnergyNodeStatus:
    """What stands at an object that the API server let through and that cannot be used."""
    types = ("Ready",) if kind == "EnergyNode" else ("Planned", "Running")
    said = [Condition(type=type_, status=False, cause=why) for type_ in types]
    return {
        "observedGeneration": generation,
        "conditions": conditions.merge(old.get("conditions"), said, now, generation),
    }
