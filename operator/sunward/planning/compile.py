"""Snapshot and forecasts -> planning problem, and the way back from its rows to the cluster.

Choices that the format leaves to us:
- A node that cannot be used (broken, missing, degraded, cordoned by others without a worker of ours) is left out, so
  that no plan can count on it; shards that live there wait. It still counts against the number of sleeping nodes.
- A node that must stay asleep or that a person holds asleep stays in, but can work on nothing.
- A node with a doubtful meter works and draws as its profile says; it may not sleep and its harvest counts as none.
- A zone without a forecast takes the worst intensity of the others: unknown is never attractive.
- Batteries act by themselves, so they are let down to their reserve; one without a reading is left out.
- The format knows one export rule for all: surplus-only as soon as one node of a pool asks for it.
- Data of a job that must stay on their site are planned as one job per site.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sunward.domain.cause import Cause
from sunward.domain.measurement import Measurement
from sunward.domain.nodes import NodeView, OverridePower, PowerState
from sunward.domain.policy import PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import Battery, ExportRule, Network, Node, Policy, Problem
from sunward.planning.guards.budgets import asleep_room
from sunward.planning.guards.case import Blocker, Case
from sunward.planning.guards.drain import is_our_worker
from sunward.planning.guards.registry import GUARDS, Guards
from sunward.planning.guards.rules_data import sensor_issue
from sunward.planning.guards.rules_node import foreign_cordon, wants
from sunward.planning.guards.rules_time import sleeps_left
from sunward.planning.jobs.admission import Waiting, split
from sunward.planning.jobs.compile_jobs import errand, problem_jobs
from sunward.planning.jobs.parts import SECONDS_PER_GIGABYTE, Horizon, JobPart, parts_of
from sunward.planning.jobs.room import with_room
from sunward.planning.pools import energy_pools, export_rule
from sunward.planning.sleep.eligibility import sleep_obstacles

LOOK_AHEAD_PERIODS = 2
"""How far a plan looks when no job may wait: work is then fixed to its period, and what is left to foresee is whether
a node is needed again right after it went to sleep. The whole horizon would cost seconds and change nothing now."""

LONGEST_WAKE_SHARE = 0.5
"""A wake that takes longer than half a period is planned as half a period: else no plan could ever wake the node."""

PASSING = frozenset({"waking", "warm-up", "minimum-awake-time", "dwell-time"})
"""Guards that keep a node awake for minutes. A plan that looks far counts on them in its first period only."""

NETWORK = Network(
    send_watt_hours_per_gigabyte=0.5,
    receive_watt_hours_per_gigabyte=0.5,
    seconds_per_gigabyte=SECONDS_PER_GIGABYTE,
    transit_watt_hours_per_gigabyte=4.0,
    transit_intensity_grams_per_kilowatt_hour=400.0,
)
"""Assumed cost of moving data at 50 Mbit/s between sites; the same figures as in the example of the file format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A problem with what is needed to read its solution.

    `left_out` are nodes that no plan may use, with the reason; `obstacles` tell why a node may not sleep.
    """

    problem: Problem
    horizon: Horizon
    parts: tuple[JobPart, ...]
    waiting: tuple[Waiting, ...]
    left_out: Mapping[str, Cause]
    workers: Mapping[str, NodeView]
    obstacles: Mapping[str, tuple[Blocker, ...]]


def compile_problem(
    snapshot: Snapshot, forecasts: Forecasts, *, relaxed: bool = False, free: bool = False, guards: Guards = GUARDS
) -> Compiled:
    """The planning problem of a snapshot. `relaxed` gives up minimum asleep times and deadlines that do not fit, `free`
    lets every job do its work in any period, for models that want no more of it.

    Raises ValueError when no zone has a forecast: then there is nothing to plan by, and the caller holds.
    """
    known = known_nodes(snapshot)
    work = _work(snapshot, known, forecasts, relaxed=relaxed, free=free)
    horizon, workers, parts = work.horizon, work.workers, work.parts
    obstacles = {node.name: sleep_obstacles(node, snapshot, guards=guards) for node in snapshot.nodes}
    intensity = _intensity(known, forecasts, horizon)
    passing = _passing(known, snapshot, obstacles, horizon, guards) if work.may_wait else {}
    nodes = tuple(
        _node(
            node,
            snapshot,
            forecasts,
            horizon,
            must_be_awake=bool(obstacles[name]) and name not in passing,
            looks_far=work.may_wait,
        )
        for name, node in known.items()
    )
    specs = {name: node.spec for name, node in known.items()}
    pools = energy_pools(snapshot.policy.pools, specs)
    problem = Problem(
        period_seconds=horizon.period.total_seconds(),
        intensity_grams_per_kilowatt_hour=intensity,
        harvest_intensity_grams_per_kilowatt_hour=0.0,
        nodes=nodes,
        energy_pools=pools,
        jobs=(
            *(
                entry
                for part in parts
                for entry in problem_jobs(part, parts, with_room(part.job, workers, snapshot), horizon)
            ),
            *(errand(name) for name, is_held in passing.items() if is_held),
        ),
        network=NETWORK,
        policy=_policy(snapshot.policy, export_rule(specs, pools), asleep_room(snapshot)),
    )
    check_problem(problem)
    return Compiled(
        problem=problem,
        horizon=horizon,
        parts=parts,
        waiting=work.waiting,
        left_out={node.name: why for node in snapshot.nodes if (why := unusable(node, snapshot))},
        workers=workers,
        obstacles=obstacles,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What there is to do, by whom, and how far ahead it has to be looked."""

    horizon: Horizon
    workers: Mapping[str, NodeView]
    parts: tuple[JobPart, ...]
    waiting: tuple[Waiting, ...]
    may_wait: bool


def _work(
    snapshot: Snapshot, known: Mapping[str, NodeView], forecasts: Forecasts, *, relaxed: bool, free: bool
) -> _Work:
    """As far ahead as the forecasts reach where a job may wait for a better hour, else over the next periods only."""
    if free or (snapshot.policy.shift_in_time and not relaxed):
        ahead = horizon_of(forecasts, may_wait=True)
        far = _work_within(snapshot, known, ahead, may_wait=True, relaxed=False, free=free)
        if far.may_wait or free:
            return far
    return _work_within(snapshot, known, horizon_of(forecasts, may_wait=False), may_wait=False, relaxed=relaxed)


def _work_within(
    snapshot: Snapshot,
    known: Mapping[str, NodeView],
    horizon: Horizon,
    *,
    may_wait: bool,
    relaxed: bool,
    free: bool = False,
) -> _Work:
    """Nodes that must stay asleep for a while work later in a plan that looks far."""
    workers = working_nodes(known, snapshot, relaxed=relaxed or may_wait)
    planned, waiting = split(snapshot, workers, known)
    parts = parts_of(
        planned,
        known,
        workers,
        horizon,
        may_wait=may_wait,
        fit_deadlines=relaxed,
        free=free,
        shifts=snapshot.policy.shift_in_time,
    )
    waits = any(part.may_wait for part in parts)
    return _Work(horizon=horizon, workers=workers, parts=parts, waiting=tuple(waiting), may_wait=waits)


def _passing(
    known: Mapping[str, NodeView],
    snapshot: Snapshot,
    obstacles: Mapping[str, tuple[Blocker, ...]],
    horizon: Horizon,
    guards: Guards,
) -> dict[str, bool]:
    """Nodes that may not sleep now and, as far as is known, may in the next period; and whether most of this period
    passes before they may."""
    held: dict[str, bool] = {}
    middle = snapshot.taken_at + horizon.period / 2
    for name, node in known.items():
        names = {blocker.guard for blocker in obstacles[name]}
        if names and names <= PASSING:
            then = {blocker.guard for blocker in sleep_obstacles(node, snapshot, now=middle, guards=guards)}
            held[name] = bool(names & then)
    return held


def horizon_of(forecasts: Forecasts, *, may_wait: bool) -> Horizon:
    """The grid to plan on: what the intensity forecasts cover, cut short when nothing may wait.

    Raises ValueError when there is no forecast.
    """
    lengths = {len(values) for values in forecasts.intensity_grams_per_kilowatt_hour.values()}
    if not lengths or min(lengths) == 0:
        raise ValueError("no grid zone has a forecast")
    periods = min(lengths) if may_wait else min(LOOK_AHEAD_PERIODS, *lengths)
    return Horizon(start=forecasts.start, period=forecasts.period, periods=periods)


def known_nodes(snapshot: Snapshot) -> dict[str, NodeView]:
    """Nodes that a plan may count on, in name order."""
    ordered = sorted(snapshot.nodes, key=lambda node: node.name)
    return {node.name: node for node in ordered if unusable(node, snapshot) is None}


def working_nodes(known: Mapping[str, NodeView], snapshot: Snapshot, *, relaxed: bool = False) -> dict[str, NodeView]:
    """Those of them that may be given work in this period."""
    return {name: node for name, node in known.items() if _may_work(node, snapshot, relaxed=relaxed)}


def unusable(node: NodeView, snapshot: Snapshot) -> Cause | None:
    """Why no plan may count on a node at all."""
    facts, state = node.facts, node.record.power_state
    if facts is None or not facts.exists:
        return Cause(Reason.NODE_MISSING, f"Kubernetes has no Node named {node.spec.node_name}; correct spec.nodeName")
    if state is PowerState.DEGRADED:
        return Cause(Reason.DEGRADED, "the node did not wake")
    if state in (PowerState.AWAKE, PowerState.CORDONED, PowerState.DRAINING) and not facts.ready:
        return Cause(Reason.NODE_NOT_READY, "the node is not Ready")
    cordon = foreign_cordon(Case(node=node, snapshot=snapshot, now=snapshot.taken_at))
    if cordon is not None and not any(is_our_worker(pod) and not pod.is_terminating for pod in node.pods):
        return cordon
    return None


def _may_work(node: NodeView, snapshot: Snapshot, *, relaxed: bool) -> bool:
    """Whether a plan may give a node work in this period."""
    if wants(Case(node=node, snapshot=snapshot, now=snapshot.taken_at), OverridePower.ASLEEP):
        return False
    return relaxed or not must_stay_asleep(node, snapshot)


def must_stay_asleep(node: NodeView, snapshot: Snapshot) -> bool:
    """Within its minimum asleep time, which ends early only when there is no plan without the node."""
    since = node.record.asleep_since
    if node.record.power_state is not PowerState.ASLEEP or since is None:
        return False
    return (snapshot.taken_at - since).total_seconds() < node.spec.sleep.minimum_asleep_seconds


def _intensity(
    nodes: Mapping[str, NodeView], forecasts: Forecasts, horizon: Horizon
) -> Mapping[str, tuple[float, ...]]:
    given = forecasts.intensity_grams_per_kilowatt_hour
    worst = tuple(max(values[t] for values in given.values()) for t in range(horizon.periods))
    zones = sorted({node.spec.grid_zone for node in nodes.values()}) or sorted(given)
    return {zone: tuple(given[zone][: horizon.periods]) if zone in given else worst for zone in zones}


def _node(
    node: NodeView,
    snapshot: Snapshot,
    forecasts: Forecasts,
    horizon: Horizon,
    *,
    must_be_awake: bool,
    looks_far: bool,
) -> Node:
    spec, period = node.spec, horizon.period.total_seconds()
    return Node(
        name=node.name,
        grid_zone=spec.grid_zone,
        idle_watts=spec.power.idle_watts,
        asleep_watts=min(spec.power.asleep_watts, spec.power.idle_watts),
        can_sleep=not must_be_awake,
        initially_awake=node.record.power_state not in (PowerState.ASLEEP, PowerState.POWER_OFF_REQUESTED),
        wake_watt_hours=spec.power.wake_watt_hours,
        wake_seconds=_wake_seconds(node, snapshot, period, looks_far=looks_far),
        minimum_awake_periods=max(1, math.ceil(spec.sleep.minimum_awake_seconds / period)),
        minimum_asleep_periods=max(1, math.ceil(spec.sleep.minimum_asleep_seconds / period)),
        harvest_watt_hours=_harvest(node, snapshot, forecasts, horizon),
        maximum_export_ratio=spec.maximum_export_ratio,
        storage_gigabytes=spec.storage_gigabytes,
        embodied_grams_per_hour=spec.embodied_grams_per_hour or 0.0,  # what is not stated weighs on no decision
        battery=_battery(node, snapshot),
        maximum_sleeps=sleeps_left(node, snapshot.taken_at) if looks_far else None,
    )


def _wake_seconds(node: NodeView, snapshot: Snapshot, period: float, *, looks_far: bool) -> float:
    """Time from the beginning of a period to the first work in it. Where a plan looks far, a node that must stay asleep
    for a while works later in this period, and not never."""
    boot = min(node.spec.power.wake_seconds, LONGEST_WAKE_SHARE * period)
    since = node.record.asleep_since
    if not looks_far or since is None or not must_stay_asleep(node, snapshot):
        return boot
    slept = (snapshot.taken_at - since).total_seconds()
    return min(period, boot + node.spec.sleep.minimum_asleep_seconds - slept)


def _harvest(node: NodeView, snapshot: Snapshot, forecasts: Forecasts, horizon: Horizon) -> tuple[float, ...]:
    """The forecast; nothing where the node runs and its meter cannot be trusted, or where it has no source."""
    nothing = (0.0,) * horizon.periods
    values = tuple(forecasts.harvest_watt_hours.get(node.name, ())[: horizon.periods])
    if node.spec.harvest_nameplate_watts is None or len(values) < horizon.periods:
        return nothing
    runs = node.record.power_state is PowerState.AWAKE
    issue = sensor_issue(node.meters.harvest_watts, snapshot.taken_at, snapshot.policy.staleness, "harvest")
    return nothing if runs and issue is not None else values


def _battery(node: NodeView, snapshot: Snapshot) -> Battery | None:
    spec, reading = node.spec.battery, node.meters.battery_ratio
    issue = sensor_issue(reading, snapshot.taken_at, snapshot.policy.staleness, "battery")
    if spec is None or issue is not None or not isinstance(reading, Measurement):
        return None
    stored = min(1.0, max(0.0, reading.value)) * spec.capacity_watt_hours
    reserve = min(stored, spec.reserve_ratio * spec.capacity_watt_hours)
    return Battery(
        initial_watt_hours=stored,
        capacity_watt_hours=spec.capacity_watt_hours,
        minimum_watt_hours=reserve,
        final_watt_hours=reserve,
        charge_efficiency=spec.charge_efficiency,
        discharge_efficiency=spec.discharge_efficiency,
        maximum_charge_watts=spec.maximum_charge_watts,
        maximum_discharge_watts=spec.maximum_discharge_watts,
        wear_grams_per_watt_hour=0.0,
        charge_from_grid=spec.charge_from_grid,
        exportable=spec.exportable and not spec.charge_from_grid,
    )


def _policy(spec: PolicySpec, rule: ExportRule, asleep_limit: int) -> Policy:
    return Policy(
        share_energy=spec.share_energy,
        offload_tasks=spec.offload_tasks,
        sleep=spec.sleep,
        shift_in_time=True,  # whether a job may wait is settled job by job: see compile_jobs.problem_jobs
        partial_period_sleep=False,
        export_rule=rule,
        maximum_asleep_nodes=asleep_limit,
        include_embodied=spec.include_embodied,
    )
