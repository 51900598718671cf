"""The space of clusters that plans are tried on, and what must hold for every plan whatever the cluster looks like.

`snapshots()` are clusters whose data are sound or plainly absent. `situations()` are clusters with anything in them
that a meter, a provider or a person can bring about: no node, NaN where text spelled it, below zero, far too much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from sunward.domain.cause import Cause
from sunward.domain.jobs import DataMobility, JobView
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import (
    BatterySpec,
    ExportRule,
    MeterFacts,
    NodeRecord,
    NodeView,
    OverridePower,
    PowerOverride,
    PowerState,
    Role,
    SleepSpec,
)
from sunward.domain.plans import DecisionKind, Plan
from sunward.domain.policy import Budgets, PoolKind, PoolSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.forecasting.expect import RememberingForecaster
from sunward.planning.compile import unusable
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import cleaned, judge
from sunward.planning.decide import plan
from sunward.planning.guards.rules_work import holds_shard
from sunward.planning.sleep.eligibility import sleep_obstacles
from sunward.planning.validate import still_valid
from sunward.sources.samples import strict_float
from support.planning import (
    LONG_AGO,
    NOW,
    InProcessSolver,
    a_job,
    a_node,
    a_policy,
    a_profile,
    a_snapshot,
    a_worker_pod,
    a_zone,
    some_facts,
    some_forecasts,
    some_meters,
    some_progress,
)
from support.planning import measured as reading

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)
NAMES = tuple(f"n{index}" for index in range(5))
METERS = (
    some_meters(),
    some_meters(Absent(cause=Cause(Reason.DATA_MISSING), source="test")),
    some_meters(reading(2.7, at=NOW - timedelta(minutes=9))),
    some_meters(reading(2.7, quality=Quality.SUSPECT)),
    some_meters(harvest=Absent(cause=Cause(Reason.DATA_STALE), source="test")),
)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> NodeView:
    state = draw(st.sampled_from([PowerState.AWAKE] * 4 + list(PowerState)))
    down = state in (PowerState.ASLEEP, PowerState.WAKE_REQUESTED)
    ours = state not in (PowerState.AWAKE, PowerState.DEGRADED)
    facts = some_facts(
        name,
        ready=not down and draw(st.integers(0, 9)) > 0,
        unschedulable=ours or draw(st.integers(0, 9)) == 0,
        has_our_cordon_mark=ours,
        is_control_plane=draw(st.integers(0, 9)) == 0,
        is_managed=draw(st.integers(0, 9)) > 0,
    )
    since = draw(st.sampled_from([None, LONG_AGO, NOW - timedelta(seconds=60)]))
    record = NodeRecord(power_state=state, asleep_since=since if down else None, last_transition_at=since)
    override = draw(st.sampled_from([None] * 6 + list(OverridePower)))
    return a_node(
        name,
        record=record,
        facts=facts,
        has_facts=draw(st.integers(0, 19)) > 0,
        meters=draw(st.sampled_from([METERS[0]] * 5 + list(METERS))),
        pods=draw(st.sampled_from([(), (a_worker_pod(node=name),)])),
        grid_zone=draw(st.sampled_from(["CLEAN", "DIRTY", "NOWHERE"])),
        site=draw(st.sampled_from(["roof", "barn", None])),
        role=draw(st.sampled_from([Role.WORKER] * 4 + [Role.ALWAYS_ON])),
        harvest_nameplate_watts=draw(st.sampled_from([None, 10.0])),
        export_rule=draw(st.sampled_from(list(ExportRule))),
        override=None if override is None else PowerOverride(power=override, until=None, reason="test"),
        sleep=SleepSpec(driver=draw(st.sampled_from(["Shelly", "Shelly", "None"])), minimum_awake_seconds=60.0),
    )


@st.composite
def jobs(draw: st.DrawFn, name: str) -> JobView:
    homes = draw(st.lists(st.sampled_from((*NAMES, "gone")), min_size=1, max_size=4, unique=True))
    holders = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    done = draw(st.integers(0, 10))
    shards = tuple(f"shard-{home}" for home in homes)
    progress = some_progress(
        round=done,
        cached_shards=tuple((holder, shards) for holder in holders),
        offloaded_batches_by_shard=tuple((shard, draw(st.sampled_from([0.0, 100.0, 400.0]))) for shard in shards),
        seconds_per_batch=tuple((home, 0.4) for home in homes[:2]),
    )
    return a_job(
        name,
        homes=homes,
        progress=draw(st.sampled_from([progress, progress, None])),
        data_mobility=draw(st.sampled_from(list(DataMobility))),
        maximum_offload_ratio=draw(st.sampled_from([0.0, 0.5, 1.0])),
        minimum_workers=draw(st.integers(1, 3)),
        suspend=draw(st.integers(0, 9)) == 0,
        deadline=draw(st.sampled_from([None, NOW + timedelta(minutes=20), NOW + timedelta(days=1), NOW])),
        finished=draw(st.sampled_from([None] * 6 + [Reason.JOB_FAILED])),
        emissions_budget_grams=draw(st.sampled_from([None, 5.0])),
        emissions_grams=draw(st.sampled_from([0.0, 6.0])),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    count = draw(st.integers(1, len(NAMES)))
    policy = a_policy(
        horizon_periods=4,
        share_energy=draw(st.booleans()),
        offload_tasks=draw(st.booleans()),
        sleep=draw(st.booleans()),
        shift_in_time=draw(st.booleans()),
        pools=(
            PoolSpec(name="roof", kind=PoolKind.PHYSICAL, efficiency=0.95, site="roof"),
            PoolSpec(name="all", kind=PoolKind.CONTRACTUAL, efficiency=1.0),
        ),
        budgets=Budgets(minimum_awake_nodes=draw(st.integers(0, 2)), dwell_seconds=30.0),
    )
    return a_snapshot(
        *(draw(nodes(name)) for name in NAMES[:count]),
        jobs=[draw(jobs(name)) for name in ("a", "b")[: draw(st.integers(0, 2))]],
        policy=policy,
        operator_node=draw(st.sampled_from([None, "n0"])),
        sensors_available=draw(st.integers(0, 9)) > 0,
        unmanaged_not_ready_nodes=draw(st.integers(0, 2)),
    )


SPELLED = (
    "NaN",
    "+Inf",
    "-Inf",
    "inf",
    "",
    "12,5",
    "0x10",
    "-3",
    "-0.0",
    "0",
    "1e-320",
    "2.7",
    "1e6",
    "1e18",
    "1.7e308",
)
"""What meters and providers have been seen to say."""


@st.composite
def hostile_readings(draw: st.DrawFn) -> Reading:
    """A reading as the sources make one of a text: what is no finite number never becomes a measurement."""
    value = strict_float(draw(st.sampled_from(SPELLED)))
    if value is None:
        return Absent(cause=Cause(Reason.NOT_A_NUMBER, "the sample is not a finite number"), source="test")
    age = draw(st.sampled_from([0.0, 30.0, 600.0, -30.0, -600.0, 1e8]))
    quality = draw(st.sampled_from([Quality.MEASURED] * 4 + list(Quality)))
    return Measurement(value=value, time=NOW - timedelta(seconds=age), quality=quality, source="test")


@st.composite
def hostile_nodes(draw: st.DrawFn, name: str) -> NodeView:
    """A node whose meters and whose spec may say anything that the types allow."""
    node = draw(nodes(name))
    meters = node.meters
    if draw(st.integers(0, 5)) == 0:
        power, harvest, battery = (draw(hostile_readings()) for _ in range(3))
        meters = MeterFacts(power_watts=power, harvest_watts=harvest, battery_ratio=battery)
    watts = draw(st.sampled_from([0.0, 1e-9, 2.7, 1e6]))
    spec = replace(
        node.spec,
        power=a_profile(idle_watts=watts, busy_watts=watts * 2, asleep_watts=draw(st.sampled_from([0.0, 0.1, 1e7]))),
        battery=draw(st.sampled_from([None, None, BATTERY])),
        harvest_nameplate_watts=draw(st.sampled_from([None, 10.0, 0.0, 1e9])),
    )
    return replace(node, spec=spec, meters=meters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a pass of the operator has in its hands when it plans: judged data and expectations."""

    snapshot: Snapshot
    forecasts: Forecasts


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A cluster of any content, with its data judged and its future expected as the loop does it."""
    snapshot = draw(snapshots())
    if draw(st.integers(0, 2)) > 0:
        chosen = [draw(hostile_nodes(node.name)) for node in snapshot.nodes if draw(st.integers(0, 9)) > 0]
        zones: dict[str, ZoneIntensity] = {
            name: a_zone(name, draw(hostile_readings()) if draw(st.integers(0, 3)) == 0 else 24.0)
            for name in draw(st.sampled_from([("CLEAN", "DIRTY")] * 3 + [("CLEAN",), ()]))
        }
        total = draw(st.sampled_from([len(chosen), 0, 10**6]))
        snapshot = replace(snapshot, nodes=tuple(chosen), intensities=zones, total_nodes=total)
    return as_the_loop_sees(snapshot)


def as_the_loop_sees(snapshot: Snapshot) -> Situation:
    """Judge the data and make the forecasts, as a pass does before it plans."""
    verdict = judge(snapshot, ReadingHistory().after(snapshot))
    usable = cleaned(snapshot, verdict)
    return Situation(snapshot=usable, forecasts=RememberingForecaster()(usable, usable.taken_at))


def planned(snapshot: Snapshot, previous: Plan | None = None) -> Plan:
    """A plan under a flat forecast."""
    harvest: dict[str, Any] = {node.name: (0.3,) * snapshot.policy.horizon_periods for node in snapshot.nodes}
    return planned_under(snapshot, some_forecasts(snapshot, harvest=harvest), previous)


def planned_under(snapshot: Snapshot, forecasts: Forecasts, previous: Plan | None = None) -> Plan:
    """A plan by the rule-based solver."""
    return plan(snapshot, forecasts, solver=InProcessSolver("greedy"), previous=previous)


Property = Callable[[Snapshot, Plan], None]
"""Raises AssertionError when the plan breaks it."""


def nobody_newly_sleeps_who_may_not(snapshot: Snapshot, made: Plan) -> None:
    """A node that is awake stays so where anything forbids its sleep, and always when nothing is decided."""
    for node in snapshot.nodes:
        if node.record.power_state is PowerState.AWAKE and not made.awake[node.name]:
            assert sleep_obstacles(node, snapshot) == ()
            assert made.hold is None


def every_shard_gets_its_batches_from_nodes_that_can_work(snapshot: Snapshot, made: Plan) -> None:
    """Whole shards, by nodes that are awake in the plan and usable."""
    by_name = {node.name: node for node in snapshot.nodes}
    specs = {job.spec.key: job.spec for job in snapshot.jobs}
    for directive in made.jobs:
        given_to: dict[str, int] = defaultdict(int)
        for row in directive.assignments:
            given_to[row.shard] += row.batches
            assert row.batches > 0
            assert made.awake[row.node]
            assert unusable(by_name[row.node], snapshot) is None
        assert set(given_to.values()) <= {specs[directive.job].steps_per_round}
        assert directive.run is bool(directive.assignments)


def data_stay_where_they_must(snapshot: Snapshot, made: Plan) -> None:
    """Mobility, site and share of a shard that may leave its home."""
    sites = {node.name: node.spec.site for node in snapshot.nodes}
    jobs_by_key = {job.spec.key: job for job in snapshot.jobs}
    for directive in made.jobs:
        job = jobs_by_key[directive.job]
        done = dict(job.progress.offloaded_batches_by_shard) if job.progress else {}
        for row in (row for row in directive.assignments if row.node != row.from_node):
            assert job.spec.data_mobility is not DataMobility.NEVER
            assert job.spec.data_mobility is DataMobility.ANYWHERE or sites[row.node] == sites[row.from_node]
            limit = job.spec.maximum_offload_ratio * job.spec.batches_per_shard
            assert done.get(row.shard, 0.0) + row.batches <= limit + 1e-6
            assert snapshot.policy.offload_tasks


def jobs_that_are_over_or_must_wait_do_not_run(snapshot: Snapshot, made: Plan) -> None:
    """Finished, suspended, and out of emissions budget."""
    directives = {directive.job: directive for directive in made.jobs}
    for job in snapshot.jobs:
        spent = job.spec.emissions_budget_grams is not None and job.emissions_grams >= job.spec.emissions_budget_grams
        if job.finished is not None:
            assert job.spec.key not in directives
        elif job.spec.suspend or spent:
            assert not directives[job.spec.key].run


def the_plan_holds_against_its_own_snapshot(snapshot: Snapshot, made: Plan) -> None:
    """Nothing is dropped when nothing changed."""
    valid, dropped = still_valid(made, snapshot)
    assert valid == made, dropped


def everybody_gets_a_decision_with_a_sentence(snapshot: Snapshot, made: Plan) -> None:
    """Every node, every job."""
    subjects = [decision.subject for decision in made.decisions if decision.kind is not DecisionKind.TRANSFER]
    expected = [node.name for node in snapshot.nodes] + [directive.job for directive in made.jobs]
    assert set(expected) <= set(subjects)
    assert all(decision.cause.message for decision in made.decisions)


def who_must_hand_over_a_shard_is_awake(snapshot: Snapshot, made: Plan) -> None:
    """Work can only move when its data can: a home whose shard another node is yet to copy is wanted awake."""
    jobs_by_key = {job.spec.key: job for job in snapshot.jobs}
    asked = [(directive.job, row) for directive in made.jobs for row in directive.assignments]
    for key, row in asked:
        if row.node != row.from_node and not holds_shard(jobs_by_key[key], row.node, row.shard):
            assert made.awake.get(row.from_node, True), row


PROPERTIES: tuple[Property, ...] = (
    nobody_newly_sleeps_who_may_not,
    every_shard_gets_its_batches_from_nodes_that_can_work,
    data_stay_where_they_must,
    jobs_that_are_over_or_must_wait_do_not_run,
    the_plan_holds_against_its_own_snapshot,
    everybody_gets_a_decision_with_a_sentence,
    who_must_hand_over_a_shard_is_awake,
)


def same_decisions(one: Plan, other: Plan) -> bool:
    """Whether two plans ask for the same."""
    return (dict(one.awake), one.jobs, one.hold) == (dict(other.awake), other.jobs, other.hold)
