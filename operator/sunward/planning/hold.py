"""When data are too bad to decide by: everything stays as it is, no node newly sleeps, those needed may wake."""

from __future__ import annotations

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.planning.compile import known_nodes, working_nodes
from sunward.planning.guards.rules_data import SUSPECT_SHARE, issue_of, suspect_share
from sunward.planning.jobs.admission import Waiting, split
from sunward.planning.jobs.assign import at_home, running
from sunward.planning.jobs.facts import covers, moves_allowed
from sunward.planning.sleep.eligibility import sleep_obstacles
from sunward.planning.stability import Pattern

DOWN = (PowerState.ASLEEP, PowerState.POWER_OFF_REQUESTED)


def hold_reason(snapshot: Snapshot, forecasts: Forecasts) -> Cause | None:
    """Why nothing may be decided now, or None."""
    if snapshot.data_hold is not None:
        return snapshot.data_hold
    if not snapshot.sensors_available:
        return Cause(Reason.DATA_UNAVAILABLE, "the metrics store does not respond")
    share = suspect_share(snapshot, snapshot.taken_at)
    if share > SUSPECT_SHARE:
        message = f"{share:.0%} of the running nodes have no trusted meter; the metrics pipeline is suspected"
        return Cause(Reason.PIPELINE_SUSPECT, message)
    if not any(forecasts.intensity_grams_per_kilowatt_hour.values()):
        return Cause(Reason.DATA_MISSING, "no grid zone has an intensity")
    return _no_fresh_zone(snapshot)


def sleep_hold(snapshot: Snapshot, plan: Plan) -> Cause | None:
    """Why no node is put to sleep at present, whichever it is; None where a plan may."""
    if plan.hold is not None or snapshot.data_hold is not None:
        return plan.hold or snapshot.data_hold
    if snapshot.policy.mode is not OperatingMode.ACTIVE:
        return Cause(Reason.DRY_RUN, "the policy's mode is DryRun")
    if not snapshot.policy.sleep:
        return Cause(Reason.SLEEP_DISABLED, "the policy sets sleep: false")
    running = (snapshot.taken_at - snapshot.operator_started_at).total_seconds()
    wait = snapshot.policy.budgets.warm_up_seconds
    if running < wait:
        return Cause(Reason.WARMING_UP, f"the operator has just started; nodes may be put to sleep after {wait:.0f} s")
    return None


def _no_fresh_zone(snapshot: Snapshot) -> Cause | None:
    limits = snapshot.policy.staleness
    zones = {node.spec.grid_zone for node in snapshot.nodes}
    doubts = [
        issue_of(zone.now_grams_per_kilowatt_hour, snapshot.taken_at, limits.intensity_seconds, limits, zone.zone)
        for name, zone in sorted(snapshot.intensities.items())
        if name in zones
    ]
    if not zones or None in doubts:
        return None
    first = next((refusal for refusal in doubts if refusal is not None), None)
    return first or Cause(Reason.DATA_MISSING, "no grid zone has an intensity")


def held_pattern(snapshot: Snapshot) -> Pattern:
    """Everything as it is. Jobs go on where they run; a job or shard that runs nowhere runs at home."""
    jobs = standing_jobs(snapshot)
    needed = {row.node for directive in jobs for row in directive.assignments}
    awake = {node.name: node.name in needed or stays_awake(node, snapshot) for node in snapshot.nodes}
    return Pattern(awake=awake, jobs=jobs)


def stays_awake(node: NodeView, snapshot: Snapshot) -> bool:
    """Whether a node that is left alone is awake: what has begun to sleep but still has power comes back, and what
    may no longer be asleep wakes."""
    return node.record.power_state not in DOWN or bool(sleep_obstacles(node, snapshot))


def standing_jobs(snapshot: Snapshot) -> tuple[JobDirective, ...]:
    """Directives without a plan: what runs goes on, the rest runs at home; nothing is moved for its emissions."""
    known = known_nodes(snapshot)
    workers = working_nodes(known, snapshot)
    period = snapshot.policy.planning_period_seconds
    planned, waiting = split(snapshot, workers, known)
    directives = []
    for job, shards in planned:
        able = [shard for shard in shards if shard.node in workers]
        rows = job.assignments
        goes_on = bool(rows) and covers(rows, job, shards, workers) and moves_allowed(rows, job, period)
        rows = rows if goes_on else at_home(job, able)
        if len({row.node for row in rows}) >= job.spec.minimum_workers:
            directives.append(running(job, rows, at_risk=False))
        else:
            message = "too few home nodes of its shards can work now"
            waiting.append(Waiting(job=job, cause=Cause(Reason.WAITING_FOR_NODE, message)))
    return (*directives, *(paused(entry) for entry in waiting))


def paused(entry: Waiting) -> JobDirective:
    """The directive of a job that waits."""
    return JobDirective(job=entry.job.spec.key, run=False, cause=entry.cause)
