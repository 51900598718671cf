"""What holds for every plan, whatever the cluster looks like."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunward.domain.jobs import DataMobility, JobView
from sunward.domain.measurement import Absent, Quality
from sunward.domain.nodes import ExportRule, NodeRecord, NodeView, PowerOverride, PowerState, Role, SleepSpec
from sunward.domain.plans import DecisionKind, Plan
from sunward.domain.policy import Budgets, PoolKind, PoolSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.compile import unusable
from sunward.planning.decide import plan
from sunward.planning.eligibility import sleep_obstacles
from sunward.planning.validate import still_valid
from support.planning import (
    LONG_AGO,
    NOW,
    InProcessSolver,
    a_job,
    a_node,
    a_policy,
    a_snapshot,
    a_worker_pod,
    some_facts,
    some_forecasts,
    some_meters,
    some_progress,
)
from support.planning import measured as reading

NAMES = tuple(f"n{index}" for index in range(5))
METERS = (
    some_meters(),
    some_meters(Absent(reason=Reason.DATA_MISSING, source="test")),
    some_meters(reading(2.7, at=NOW - timedelta(minutes=9))),
    some_meters(reading(2.7, quality=Quality.SUSPECT)),
    some_meters(harvest=Absent(reason=Reason.DATA_STALE, source="test")),
)
FAST = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
    override = draw(st.sampled_from([None] * 6 + ["Awake", "Asleep"]))
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


def planned(snapshot: Snapshot, previous: Plan | None = None) -> Plan:
    harvest: dict[str, Any] = {node.name: (0.3,) * snapshot.policy.horizon_periods for node in snapshot.nodes}
    forecasts = some_forecasts(snapshot, harvest=harvest)
    return plan(snapshot, forecasts, solver=InProcessSolver("greedy"), previous=previous)


def same_decisions(one: Plan, other: Plan) -> bool:
    return (dict(one.awake), one.jobs, one.hold) == (dict(other.awake), other.jobs, other.hold)


@FAST
@given(snapshots())
def test_nobody_is_newly_put_to_sleep_who_may_not(snapshot: Snapshot) -> None:
    made = planned(snapshot)
    for node in snapshot.nodes:
        if node.record.power_state is PowerState.AWAKE and not made.awake[node.name]:
            assert sleep_obstacles(node, snapshot) == ()
            assert made.hold is None


@FAST
@given(snapshots())
def test_every_shard_gets_exactly_its_batches_from_nodes_that_can_work(snapshot: Snapshot) -> None:
    made = planned(snapshot)
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


@FAST
@given(snapshots())
def test_data_stay_where_they_must(snapshot: Snapshot) -> None:
    sites = {node.name: node.spec.site for node in snapshot.nodes}
    jobs_by_key = {job.spec.key: job for job in snapshot.jobs}
    for directive in planned(snapshot).jobs:
        job = jobs_by_key[directive.job]
        done = dict(job.progress.offloaded_batches_by_shard) if job.progress else {}
        moved = [row for row in directive.assignments if row.node != row.from_node]
        for row in moved:
            assert job.spec.data_mobility is not DataMobility.NEVER
            assert job.spec.data_mobility is DataMobility.ANYWHERE or sites[row.node] == sites[row.from_node]
            limit = job.spec.maximum_offload_ratio * job.spec.batches_per_shard
            assert done.get(row.shard, 0.0) + row.batches <= limit + 1e-6
            assert snapshot.policy.offload_tasks


@FAST
@given(snapshots())
def test_a_job_that_is_over_or_must_wait_does_not_run(snapshot: Snapshot) -> None:
    directives = {directive.job: directive for directive in planned(snapshot).jobs}
    for job in snapshot.jobs:
        spent = job.spec.emissions_budget_grams is not None and job.emissions_grams >= job.spec.emissions_budget_grams
        if job.finished is not None:
            assert job.spec.key not in directives
        elif job.spec.suspend or spent:
            assert not directives[job.spec.key].run


@FAST
@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_jobs_does_not_matter(snapshot: Snapshot, random: Any) -> None:
    shuffled_nodes, shuffled_jobs = list(snapshot.nodes), list(snapshot.jobs)
    random.shuffle(shuffled_nodes)
    random.shuffle(shuffled_jobs)
    shuffled = replace(snapshot, nodes=tuple(shuffled_nodes), jobs=tuple(shuffled_jobs))
    one, other = planned(snapshot), planned(shuffled)
    assert same_decisions(one, other)
    assert one.input_digest == other.input_digest
    assert one.decisions == other.decisions


@FAST
@given(snapshots())
def test_the_same_input_gives_the_same_plan_and_a_second_look_changes_nothing(snapshot: Snapshot) -> None:
    first = planned(snapshot)
    assert same_decisions(first, planned(snapshot))
    assert same_decisions(first, planned(snapshot, previous=first))


@FAST
@given(snapshots())
def test_a_plan_holds_against_the_snapshot_it_was_made_from(snapshot: Snapshot) -> None:
    made = planned(snapshot)
    valid, dropped = still_valid(made, snapshot)
    assert valid == made, dropped


@FAST
@given(snapshots())
def test_every_node_and_job_gets_a_decision_with_a_sentence(snapshot: Snapshot) -> None:
    made = planned(snapshot)
    subjects = [decision.subject for decision in made.decisions if decision.kind is not DecisionKind.TRANSFER]
    expected = [node.name for node in snapshot.nodes] + [directive.job for directive in made.jobs]
    assert set(expected) <= set(subjects)
    assert all(decision.message for decision in made.decisions)


@FAST
@given(snapshots(), snapshots())
def test_against_another_snapshot_a_plan_only_becomes_safer(old: Snapshot, fresh: Snapshot) -> None:
    valid, _ = still_valid(planned(old), fresh)
    by_name = {node.name: node for node in fresh.nodes}
    for name, awake in valid.awake.items():
        if by_name[name].record.power_state is PowerState.AWAKE and not awake:
            assert sleep_obstacles(by_name[name], fresh) == ()
    for directive in valid.jobs:
        for row in directive.assignments:
            assert unusable(by_name[row.node], fresh) is None
