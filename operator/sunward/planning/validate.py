"""A plan against a fresh snapshot: what no longer holds is dropped, with the reason, and the rest is carried out.

Solving takes time, and the world does not wait. Dropping is always towards safety: a node stays awake, a shard goes
home, a job that is over is left alone. Nothing new is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment, JobView
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.plans import Decision, DecisionKind, JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.compile import unusable
from sunward.planning.jobs.assign import at_home
from sunward.planning.sleep.eligibility import sleep_obstacles


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """One part of a plan that is not carried out."""

    subject: str
    cause: Cause


def still_valid(plan: Plan, fresh: Snapshot) -> tuple[Plan, tuple[Dropped, ...]]:
    """The plan less what *fresh* no longer supports. A plan that still holds comes back equal."""
    dropped: list[Dropped] = []
    nodes = {node.name: node for node in fresh.nodes}
    jobs = _jobs(plan, fresh, nodes, dropped)
    awake = _awake(plan, fresh, nodes, jobs, dropped)
    transfers = tuple(t for t in plan.transfers if _known(t.from_node, t.to_node, nodes, dropped, t.pool))
    if not dropped:
        return plan, ()
    valid = replace(
        plan,
        awake=awake,
        jobs=jobs,
        transfers=transfers,
        decisions=_decisions(plan, awake, nodes, dropped),
        sleeps=tuple(sleep for sleep in plan.sleeps if sleep.start > plan.start or not awake.get(sleep.node, True)),
    )
    return valid, tuple(dropped)


def _jobs(
    plan: Plan, fresh: Snapshot, nodes: Mapping[str, NodeView], dropped: list[Dropped]
) -> tuple[JobDirective, ...]:
    present = {job.spec.key: job for job in fresh.jobs}
    kept: list[JobDirective] = []
    for directive in plan.jobs:
        job = present.get(directive.job)
        if job is None or job.finished is not None:
            message = f"{directive.job} was deleted or has ended"
            dropped.append(Dropped(subject=directive.job, cause=Cause(Reason.NO_LONGER_HOLDS, message)))
        elif directive.run and job.spec.suspend:
            dropped.append(Dropped(subject=directive.job, cause=Cause(Reason.SUSPENDED, "it was suspended")))
            kept.append(_paused(directive, Cause(Reason.SUSPENDED, "suspended by its spec")))
        else:
            kept.append(_with_workers_that_work(directive, job, fresh, nodes, dropped))
    return tuple(kept)


def _with_workers_that_work(
    directive: JobDirective, job: JobView, fresh: Snapshot, nodes: Mapping[str, NodeView], dropped: list[Dropped]
) -> JobDirective:
    """Shards with a worker that broke go home whole; those without a home that works wait."""
    broken = {
        row.node: refusal for row in directive.assignments if (refusal := _refusal(row.node, nodes, fresh)) is not None
    }
    if not broken:
        return directive
    for name, why in sorted(broken.items()):
        dropped.append(Dropped(subject=directive.job, cause=why.prefixed(f"{name} cannot work: ")))
    hurt = {row.shard for row in directive.assignments if row.node in broken}
    rows: list[Assignment] = [row for row in directive.assignments if row.shard not in hurt]
    shards = [s for s in job.spec.shards if s.name in hurt and _refusal(s.node, nodes, fresh) is None]
    rows += at_home(job, shards)
    if len({row.node for row in rows}) < job.spec.minimum_workers:
        message = f"fewer than {job.spec.minimum_workers} nodes can work"
        return _paused(directive, Cause(Reason.WAITING_FOR_QUORUM, message))
    message = f"{directive.cause.message}; {', '.join(sorted(hurt))} moved away from {', '.join(sorted(broken))}"
    return replace(
        directive,
        assignments=tuple(sorted(rows, key=lambda row: (row.shard, row.node))),
        cause=Cause(directive.cause.reason, message),
    )


def _paused(directive: JobDirective, cause: Cause) -> JobDirective:
    return JobDirective(job=directive.job, run=False, cause=cause)


def _awake(
    plan: Plan,
    fresh: Snapshot,
    nodes: Mapping[str, NodeView],
    jobs: tuple[JobDirective, ...],
    dropped: list[Dropped],
) -> dict[str, bool]:
    """No node sleeps that fresh data no longer allow to, or that got work back."""
    working = {row.node for directive in jobs for row in directive.assignments}
    awake: dict[str, bool] = {}
    for name, wanted in plan.awake.items():
        node = nodes.get(name)
        if node is None:
            dropped.append(Dropped(subject=name, cause=Cause(Reason.NODE_MISSING, "its EnergyNode no longer exists")))
            continue
        obstacles = () if wanted else sleep_obstacles(node, fresh)
        if obstacles:
            dropped.append(Dropped(subject=name, cause=obstacles[0].cause))
        elif name in working and not wanted:
            message = "work was moved back to the node"
            dropped.append(Dropped(subject=name, cause=Cause(Reason.WORK_PLANNED, message)))
        awake[name] = wanted or bool(obstacles) or name in working
    return awake


def _refusal(name: str, nodes: Mapping[str, NodeView], fresh: Snapshot) -> Cause | None:
    node = nodes.get(name)
    return Cause(Reason.NODE_MISSING, "its EnergyNode no longer exists") if node is None else unusable(node, fresh)


def _known(sender: str, receiver: str, nodes: Mapping[str, NodeView], dropped: list[Dropped], pool: str) -> bool:
    missing = [name for name in (sender, receiver) if name not in nodes]
    dropped.extend(
        Dropped(subject=pool, cause=Cause(Reason.NODE_MISSING, f"EnergyNode {name} no longer exists"))
        for name in missing
    )
    return not missing


def _decisions(
    plan: Plan, awake: Mapping[str, bool], nodes: Mapping[str, NodeView], dropped: list[Dropped]
) -> tuple[Decision, ...]:
    """The plan's decisions, with those about dropped nodes said anew."""
    reasons = {drop.subject: drop for drop in dropped}
    decisions: list[Decision] = []
    for decision in plan.decisions:
        drop = reasons.get(decision.subject)
        if drop is None:
            decisions.append(decision)
        elif decision.subject in nodes and awake.get(decision.subject):
            asleep = nodes[decision.subject].record.power_state is PowerState.ASLEEP
            kind = DecisionKind.WAKE if asleep else DecisionKind.KEEP_AWAKE
            cause = drop.cause.prefixed(f"{decision.subject} is not put to sleep: ")
            decisions.append(Decision(kind=kind, subject=decision.subject, cause=cause))
        elif decision.kind in (DecisionKind.ASSIGN, DecisionKind.PAUSE):
            cause = drop.cause.prefixed("changed after planning: ")
            decisions.append(Decision(kind=DecisionKind.HOLD, subject=decision.subject, cause=cause))
    return tuple(decisions)
