"""Why is this node awake, why does that job wait: plan and snapshot as lines for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobView
from sunward.domain.measurement import Absent, Reading
from sunward.domain.nodes import NodeView
from sunward.domain.plans import Plan
from sunward.domain.snapshot import Snapshot
from sunward.planning.sleep.eligibility import sleep_obstacles


def explain(subject: str, snapshot: Snapshot, plan: Plan | None) -> tuple[str, ...]:
    """Lines about a node or a job (`namespace/name`, or the name where it is the only one).

    Without a plan, what is known without one. Raises InvalidInput when nothing has that name.
    """
    node = snapshot.node(subject)
    if node is not None:
        return tuple(_node(node, snapshot, plan))
    jobs = [job for job in snapshot.jobs if subject in (job.spec.key, job.spec.name)]
    if len(jobs) == 1:
        return tuple(_job(jobs[0], snapshot, plan))
    if jobs:
        keys = ", ".join(sorted(job.spec.key for job in jobs))
        raise InvalidInput(subject, f"names more than one job: say which of {keys}")
    known = ", ".join(sorted([*(n.name for n in snapshot.nodes), *(j.spec.key for j in snapshot.jobs)]))
    raise InvalidInput(subject, f"is no EnergyNode and no TrainingJob; there are: {known or 'none'}")


def _node(node: NodeView, snapshot: Snapshot, plan: Plan | None) -> Iterable[str]:
    record, now = node.record, snapshot.taken_at
    yield f"{node.name} is {record.power_state}{_since(record.last_transition_at, now)}"
    if record.last_transition_reason is not None:
        yield f"last transition: {record.last_transition_reason}"
    if record.operation is not None:
        left = (record.operation.deadline - now).total_seconds()
        yield f"under way: {record.operation.intent}, try {record.operation.attempt}, {left:.0f} s left"
    yield from _decisions(node.name, plan)
    obstacles = sleep_obstacles(node, snapshot)
    yield "may sleep: yes" if not obstacles else "may sleep: no"
    yield from (f"  {obstacle.reason}: {obstacle.message}" for obstacle in obstacles)
    yield from _work(node.name, plan)
    yield f"power: {_reading(node.meters.power_watts, 'W', now)}"
    if node.spec.harvest_nameplate_watts is not None:
        yield f"harvest: {_reading(node.meters.harvest_watts, 'W', now)}"
    if node.spec.battery is not None:
        yield f"battery: {_reading(node.meters.battery_ratio, 'of its capacity', now)}"
    zone = snapshot.intensities.get(node.spec.grid_zone)
    reading = "no source knows it" if zone is None else _reading(zone.now_grams_per_kilowatt_hour, "g/kWh", now)
    yield f"grid zone {node.spec.grid_zone}: {reading}"


def _job(job: JobView, snapshot: Snapshot, plan: Plan | None) -> Iterable[str]:
    spec, progress = job.spec, job.progress
    yield f"{spec.key}: round {job.last_round} of {spec.rounds}"
    if job.finished is not None:
        yield f"over: {job.finished}"
    if progress is None:
        yield "its coordinator does not answer"
    elif progress.accuracy_percent is not None:
        yield f"accuracy {progress.accuracy_percent:.1f} %"
    if spec.deadline is not None:
        yield f"deadline in {(spec.deadline - snapshot.taken_at).total_seconds():.0f} s"
    yield from _decisions(spec.key, plan)
    rows = [row for entry in (plan.jobs if plan else ()) if entry.job == spec.key for row in entry.assignments]
    yield from (
        f"  {row.shard} of {row.from_node}: {row.batches} batches a round on {row.node}"
        for row in sorted(rows, key=lambda row: (row.shard, row.node))
    )
    if plan is not None and plan.emissions_by_mode_grams:
        modes = ", ".join(f"{mode} {grams:.3g} g" for mode, grams in plan.emissions_by_mode_grams.items())
        yield f"all nodes over the horizon of {plan.name}: {modes}"


def _decisions(subject: str, plan: Plan | None) -> Iterable[str]:
    if plan is None:
        yield "no plan yet"
        return
    if plan.hold is not None:
        yield f"{plan.name} holds everything: {plan.hold.reason}"
    for decision in plan.decisions:
        if decision.subject == subject:
            yield f"{plan.name}: {decision.kind} ({decision.reason}): {decision.message}"


def _work(node: str, plan: Plan | None) -> Iterable[str]:
    rows = [row for entry in (plan.jobs if plan else ()) for row in entry.assignments]
    for row in rows:
        if row.node == node:
            yield f"works on {row.shard} of {row.job}: {row.batches} batches a round"
        elif row.from_node == node:
            yield f"its {row.shard} of {row.job}: {row.batches} batches a round on {row.node}"


def _reading(reading: Reading, unit: str, now: datetime) -> str:
    if isinstance(reading, Absent):
        return f"none ({reading.reason}{': ' + reading.detail if reading.detail else ''})"
    return f"{reading.value:.3g} {unit}, {reading.quality}, {reading.age(now).total_seconds():.0f} s old"


def _since(moment: datetime | None, now: datetime) -> str:
    return "" if moment is None else f" since {(now - moment).total_seconds():.0f} s"
