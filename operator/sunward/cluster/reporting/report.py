"""Snapshot and plan -> status and conditions of EnergyNodes and TrainingJobs. Pure: returns what should stand there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sunward import __version__
from sunward.cluster.access.times import format_time
from sunward.cluster.objects import conditions
from sunward.cluster.objects.conditions import Condition
from sunward.cluster.objects.crd_types import (
    EnergyNodeStatus,
    EnergyNodeStatusBattery,
    EnergyNodeStatusIntensity,
    EnergyNodeStatusPower,
    EnergyPolicyStatus,
    StatusCondition,
    TrainingJobStatus,
)
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobView
from sunward.domain.measurement import Absent, Measurement, Reading
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.policy import Mode
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.data_quality.verdict import NodeVerdict, Use
from sunward.planning.guards.case import Obstacle
from sunward.planning.jobs.directives import job_over

Body = dict[str, Any]


def node_status(
    node: NodeView,
    snapshot: Snapshot,
    obstacles: tuple[Obstacle, ...],
    verdict: NodeVerdict | None,
    plan: Plan | None,
    old: EnergyNodeStatus,
    now: datetime,
) -> EnergyNodeStatus:
    """Readings and conditions of an EnergyNode; the record of the state machine is written elsewhere."""
    zone = snapshot.intensities.get(node.spec.grid_zone)
    unknown = Absent(reason=Reason.UNKNOWN_ZONE, source="")
    status: EnergyNodeStatus = {
        "observedGeneration": node.generation,
        "power": _milliwatts(node.meters.power_watts),
        "harvest": _milliwatts(node.meters.harvest_watts),
        "battery": _battery(node),
        "intensity": _intensity(unknown if zone is None else zone.now_grams_per_kilowatt_hour),
        "conditions": conditions.merge(
            old.get("conditions"), _node_conditions(node, obstacles, verdict), now, node.generation
        ),
    }
    if not old.get("powerState"):
        status["powerState"] = node.record.power_state.value
    if plan is not None:
        status["currentPlan"] = plan.name
    return status


def _node_conditions(node: NodeView, obstacles: tuple[Obstacle, ...], verdict: NodeVerdict | None) -> list[Condition]:
    state = node.record.power_state
    ready = node.facts is not None and node.facts.ready
    asleep = state is PowerState.ASLEEP
    degraded = state is PowerState.DEGRADED
    return [
        Condition(
            type="Ready",
            status=ready or asleep,
            reason=Reason.ASLEEP if asleep else Reason.AWAKE if ready else Reason.NODE_NOT_READY,
            message="asleep by plan" if asleep else "" if ready else "the Kubernetes node is not Ready",
        ),
        _sensors(node, verdict),
        Condition(
            type="Sleepable",
            status=not obstacles,
            reason=obstacles[0].reason if obstacles else Reason.LOWER_EMISSIONS,
            message="; ".join(f"{o.reason}: {o.message}" for o in obstacles[:5]) or "nothing speaks against it",
        ),
        Condition(
            type="Asleep",
            status=asleep,
            reason=(node.record.last_transition_reason or Reason.AWAKE) if not asleep else Reason.ASLEEP,
            message=f"since {format_time(node.record.asleep_since)}" if asleep else str(state),
        ),
        Condition(
            type="Degraded",
            status=degraded,
            reason=Reason.DEGRADED if degraded else Reason.AWAKE,
            message="three wakes failed: see the operations page" if degraded else "",
        ),
    ]


def _sensors(node: NodeView, verdict: NodeVerdict | None) -> Condition:
    """What the data ladder says of the node's meters; the worst finding speaks."""
    if node.record.power_state is PowerState.ASLEEP:
        return Condition(
            type="SensorsFresh", status=None, reason=Reason.ASLEEP, message="the exporter sleeps with the node"
        )
    if verdict is None:
        return Condition(type="SensorsFresh", status=None, reason=Reason.DATA_MISSING, message="not judged yet")
    if verdict.use is Use.USE:
        return Condition(type="SensorsFresh", status=True, reason=Reason.DATA_FRESH, message="")
    worst = next(finding for finding in verdict.findings if finding.use is verdict.use)
    return Condition(type="SensorsFresh", status=False, reason=worst.reason, message=worst.message)


def _milliwatts(reading: Reading) -> EnergyNodeStatusPower:
    if not isinstance(reading, Measurement):
        return {
            "milliwatts": None,
            "time": None,
            "quality": "Missing",
            "source": reading.source,
            "reason": str(reading.reason),
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
            "time": None,
            "quality": "Missing",
            "source": reading.source,
            "reason": str(reading.reason),
        }
    return {
        "chargePercent": round(100 * min(1.0, max(0.0, reading.value))),
        "time": format_time(reading.time),
        "quality": reading.quality.value,
        "source": reading.source,
        "reason": None,
    }


def _intensity(reading: Reading) -> EnergyNodeStatusIntensity:
    if not isinstance(reading, Measurement):
        return {
            "milligramsPerKilowattHour": None,
            "time": None,
            "quality": "Missing",
            "source": reading.source or None,
            "reason": str(reading.reason),
        }
    return {
        "milligramsPerKilowattHour": round(reading.value * 1000),
        "time": format_time(reading.time),
        "quality": reading.quality.value,
        "source": reading.source,
        "reason": None,
    }


def job_status(
    job: JobView, directive: JobDirective | None, plan: Plan | None, old: TrainingJobStatus, now: datetime
) -> TrainingJobStatus:
    """Progress and conditions of a TrainingJob."""
    progress = job.progress
    over = job_over(job)
    status: TrainingJobStatus = {
        "observedGeneration": job.generation,
        "round": job.last_round,
        "workers": _workers(job, over),
        "selector": f"sunward.dev/job={job.spec.name},sunward.dev/component=worker",
        "conditions": conditions.merge(
            old.get("conditions"), _job_conditions(job, directive, over, now), now, job.generation
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
    job: JobView, directive: JobDirective | None, over: Reason | None, now: datetime
) -> list[Condition]:
    running = over is None and job.progress is not None and job.progress.phase in ("training", "aggregating")
    reason, message = _why(job, directive, over)
    late = over is None and job.spec.deadline is not None and now >= job.spec.deadline
    risky = directive is not None and directive.reason is Reason.DEADLINE_AT_RISK
    spent = _budget_spent(job)
    return [
        Condition(
            type="Planned",
            status=None if directive is None else directive.run,
            reason=directive.reason if directive else Reason.PROGRESS_UNKNOWN,
            message=directive.message if directive else "no plan has seen the job yet",
        ),
        Condition(type="Running", status=running, reason=Reason.RUNNING if running else reason, message=message),
        Condition(
            type="Paused",
            status=over is None and directive is not None and not directive.run,
            reason=reason,
            message=message,
        ),
        Condition(
            type="DeadlineAtRisk",
            status=late or risky,
            reason=Reason.DEADLINE_MISSED if late else Reason.DEADLINE_AT_RISK if risky else Reason.PLANNED,
            message=f"deadline {format_time(job.spec.deadline)}" if job.spec.deadline else "no deadline",
        ),
        Condition(
            type="BudgetExceeded",
            status=spent,
            reason=Reason.BUDGET_EXCEEDED if spent else Reason.PLANNED,
            message=f"{_spent(job)} so far, budget {_budget(job)}",
        ),
        Condition(
            type="Complete",
            status=over in (Reason.ROUNDS_COMPLETE, Reason.TARGET_REACHED),
            reason=over or reason,
            message=_completion(job, over),
        ),
    ]


def _why(job: JobView, directive: JobDirective | None, over: Reason | None) -> tuple[Reason, str]:
    if over is not None:
        return over, _completion(job, over)
    if directive is not None and not directive.run:
        return directive.reason, directive.message
    if job.progress_fault is not None:
        return Reason.PROGRESS_UNKNOWN, f"its coordinator's answer cannot be read: {job.progress_fault}"
    if job.progress is None:
        return Reason.PROGRESS_UNKNOWN, "its coordinator has not answered yet"
    if job.progress.phase == "waiting":
        return Reason.WAITING_FOR_QUORUM, f"{len(job.progress.workers)} of at least {job.spec.minimum_workers} workers"
    return Reason.RUNNING, f"round {job.progress.round} of {job.spec.rounds}, {job.progress.phase}"


def _budget_spent(job: JobView) -> bool:
    budget, spent = job.spec.emissions_budget_grams, job.emissions_grams
    return budget is not None and spent is not None and spent >= budget


def _spent(job: JobView) -> str:
    return "nothing settled" if job.emissions_grams is None else f"{job.emissions_grams:.3f} g"


def _budget(job: JobView) -> str:
    budget = job.spec.emissions_budget_grams
    return "none" if budget is None else f"{budget:.3f} g"


def _completion(job: JobView, over: Reason | None) -> str:
    accuracy = job.progress.accuracy_percent if job.progress else None
    reached = "" if accuracy is None else f", accuracy {accuracy:.2f} %"
    return f"round {job.last_round} of {job.spec.rounds}{reached}" if over else f"round {job.last_round}"


def conditions_changed(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[StatusCondition]:
    """Conditions whose status changed: each is worth an event.

    What is said of a node for the first time stands in its status alone, unless its object cannot be used: the events
    of hundreds of nodes at once would drown the API server and tell nothing new.
    """
    before = {c["type"]: c["status"] for c in old.get("conditions") or ()}
    changed: list[StatusCondition] = [c for c in new.get("conditions") or () if before.get(c["type"]) != c["status"]]
    if kind == "energynodes" and not before:
        return [c for c in changed if c["reason"] == Reason.INVALID_SPEC]
    return changed


def invalid_status(
    kind: str, why: InvalidInput, old: EnergyNodeStatus | TrainingJobStatus, generation: int, now: datetime
) -> EnergyNodeStatus:
    """What stands at an object that the API server let through and that cannot be used."""
    type_ = "Ready" if kind == "EnergyNode" else "Planned"
    said = Condition(type=type_, status=False, reason=Reason.INVALID_SPEC, message=str(why))
    return {
        "observedGeneration": generation,
        "conditions": conditions.merge(old.get("conditions"), [said], now, generation),
    }


def policy_status(snapshot: Snapshot, plan: Plan, old: EnergyPolicyStatus, now: datetime) -> EnergyPolicyStatus:
    """What the owner wants to know at a glance: the plan in force, who sleeps, and whether anything is held."""
    states = [node.record.power_state for node in snapshot.nodes]
    active = snapshot.policy.mode is Mode.ACTIVE
    hold = plan.hold
    generation = snapshot.policy.observed_generation
    seen = [
        Condition(
            type="Ready",  # the policy is in force; installers wait for this, so a hold must not deny it
            status=True,
            reason=hold.reason if hold else Reason.PLANNED if active else Reason.DRY_RUN,
            message=hold.message if hold else "plans and acts" if active else "plans only: set spec.mode to Active",
        ),
        Condition(
            type="DataAvailable",
            status=snapshot.sensors_available,
            reason=Reason.DATA_FRESH if snapshot.sensors_available else Reason.DATA_UNAVAILABLE,
            message="",
        ),
        Condition(
            type="Holding",
            status=hold is not None,
            reason=hold.reason if hold else Reason.PLANNED,
            message=hold.message if hold else "",
        ),
    ]
    return {
        "observedGeneration": generation,
        "operatorVersion": __version__,
        "currentPlan": plan.name,
        "nextPlanTime": format_time(plan.end),
        "nodes": {
            "total": len(states),
            "awake": states.count(PowerState.AWAKE),
            "asleep": states.count(PowerState.ASLEEP),
            "inTransition": sum(state.in_transition for state in states),
            "degraded": states.count(PowerState.DEGRADED),
        },
        "conditions": conditions.merge(old.get("conditions"), seen, now, generation),
    }


def worth_writing(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the difference is more than a newer figure of about the same size.

    Readings change with every sample; they are written together with something that matters: a condition, another
    plan, a round. So a quiet cluster is not written to.
    """
    return conditions.changed(_essence(old), _essence(new))


def _essence(status: Mapping[str, Any]) -> Body:
    conditions_ = [
        {key: condition.get(key) for key in ("type", "status", "reason", "observedGeneration")}
        for condition in status.get("conditions") or ()
    ]
    qualities = {what: (status.get(what) or {}).get("quality") for what in ("power", "harvest", "battery", "intensity")}
    kept = (
        "observedGeneration",
        "powerState",
        "currentPlan",
        "plan",
        "round",
        "workers",
        "selector",
        "completionTime",
        "assignments",
    )
    return {
        **{key: status[key] for key in kept if key in status},
        "nodes": status.get("nodes"),
        "conditions": conditions_,
        "qualities": qualities,
    }
