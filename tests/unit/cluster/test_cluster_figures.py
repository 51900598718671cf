"""Figures of nodes and jobs beside their readings: each is what it claims to be, and absent where it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.times import format_time
from sunward.cluster.objects import records
from sunward.cluster.objects.learned import draw_patch, learned, wake_patch
from sunward.cluster.reporting import job_figures, node_figures, policy_report
from sunward.cluster.training.jobs import JobObjects
from sunward.domain.cause import Cause
from sunward.domain.estimate import Estimate
from sunward.domain.eviction import EvictionSettings, LimitSource, known_settings
from sunward.domain.jobs import JobCost, JobView
from sunward.domain.nodes import Learned, NodeRecord, NodeView, PowerState, SleepSpec
from sunward.domain.plans import JobDirective, PlannedSleep
from sunward.domain.pods import PodFacts
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason
from sunward.domain.steps import PowerReading
from sunward.planning.guards.drain import BlockingPod
from support.loop.store import merged
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_plan,
    a_pod,
    a_policy,
    a_snapshot,
    an_assignment,
    measured,
    relay,
    some_facts,
    some_meters,
    some_progress,
)
from support.statuses import SILENT, a_record

MINUTE = timedelta(minutes=1)
KEY = "default/mnist"
SERVER = EvictionSettings(source=LimitSource.NODE_ARGS)


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (relay(True, watts=3.2), {"output": "On", "milliwatts": 3200, "time": format_time(NOW), "reason": None}),
        (
            PowerReading(is_on=False, watts=None, time=NOW),
            {"output": "Off", "milliwatts": None, "time": format_time(NOW), "reason": None},
        ),
        (None, {"output": "Unknown", "milliwatts": None, "time": None, "reason": "DriverFailed"}),
    ],
)
def test_a_relay_is_shown_as_it_answers(power: PowerReading | None, expected: Mapping[str, Any]) -> None:
    assert node_figures.relay(a_node(), power) == expected


@pytest.mark.parametrize("driver", ["None", "CordonOnly"])
def test_a_node_without_a_relay_shows_none(driver: str) -> None:
    node = a_node(sleep=SleepSpec(driver=driver))
    assert node_figures.relay(node, relay(True)) is None
    assert "relay" not in node_figures.last_seen(node, None)


def test_what_is_silent_keeps_the_time_at_which_it_was_last_heard() -> None:
    loud = a_node(facts=some_facts(heartbeat_at=NOW), meters=some_meters(harvest=measured(1.0, at=NOW + MINUTE)))
    silent = a_node(has_facts=False, meters=some_meters(SILENT, SILENT, SILENT))
    before = node_figures.last_seen(loud, relay(True))
    assert before == {"sensors": format_time(NOW + MINUTE), "kubelet": format_time(NOW), "relay": format_time(NOW)}
    assert merged(before, node_figures.last_seen(silent, None)) == before


@pytest.mark.parametrize(
    ("state", "expected"),
    [(PowerState.ASLEEP, 5), (PowerState.POWER_OFF_REQUESTED, 5), (PowerState.AWAKE, None), (PowerState.BOOTING, None)],
)
def test_a_node_that_is_down_says_when_the_plan_wakes_it(state: PowerState, expected: int | None) -> None:
    sleeps = (
        PlannedSleep(node="pi-02", start=NOW, until=NOW + MINUTE),
        PlannedSleep(node="pi-01", start=NOW, until=NOW + 5 * MINUTE),
        PlannedSleep(node="pi-01", start=NOW + 9 * MINUTE, until=None),
    )
    found = node_figures.next_wake(a_node(record=NodeRecord(power_state=state)), a_plan(sleeps=sleeps))
    assert found == (None if expected is None else format_time(NOW + expected * MINUTE))


def test_without_a_planned_wake_none_is_promised() -> None:
    node = a_node(record=NodeRecord(power_state=PowerState.ASLEEP))
    assert node_figures.next_wake(node, None) is None
    assert node_figures.next_wake(node, a_plan(sleeps=(PlannedSleep(node="pi-01", start=NOW, until=None),))) is None


def draining(*pods: PodFacts) -> NodeView:
    return a_node(record=a_record(PowerState.DRAINING), pods=pods)


def test_a_drain_counts_the_pods_that_left_and_those_that_stay() -> None:
    old: Any = {}
    for left in ((3, 0), (3, 0), (1, 2), (2, 2), (0, 4)):
        count, evicted = left
        pods = [a_pod(f"web-{number}", is_terminating=number == 0) for number in range(count)]
        old = {"drain": node_figures.drain(draining(*pods), (), old)}
        assert (old["drain"]["pending"], old["drain"]["evicted"]) == (count, evicted)
        assert old["drain"]["startedAt"] == format_time(NOW)


def test_a_drain_names_who_holds_it_up_and_why() -> None:
    bare, refused = a_pod("bare", owner_kind=None), a_pod("web-1")
    why = BlockingPod(pod=refused, cause=Cause(Reason.DRAIN_BLOCKED, "a budget forbids it"))
    found = node_figures.drain(draining(bare, refused), (why,), {})
    assert found is not None
    assert [(row["pod"], row["uid"], row["reason"]) for row in found["blockedBy"] or ()] == [
        ("default/bare", "uid-bare", "UnevictablePod"),
        ("default/web-1", "uid-web-1", "DrainBlocked"),
    ]


@pytest.mark.parametrize("state", [state for state in PowerState if state not in node_figures.DRAINS])
def test_a_drain_that_is_over_leaves_nothing(state: PowerState) -> None:
    assert node_figures.drain(a_node(record=a_record(state)), (), {"drain": {"pending": 2}}) is None


FIGURES = st.builds(
    Estimate,
    mean=st.integers(0, 10**6).map(float),
    spread=st.integers(0, 10**4).map(float),
    observations=st.integers(1, 10**6),
)


@given(
    st.builds(
        Learned,
        idle_watts=FIGURES | st.none(),
        busy_watts=FIGURES | st.none(),
        wake_seconds=FIGURES | st.none(),
        observed_at=st.just(NOW),
    )
)
def test_what_was_learned_survives_the_way_through_the_status(known: Learned) -> None:
    status = merged(merged({}, draw_patch(known)), wake_patch(known))
    assert learned(status) == known  # type: ignore[arg-type]  # the store's dictionary


def test_a_record_leaves_the_draws_alone_and_a_report_the_wakes() -> None:
    record = a_record(PowerState.AWAKE)
    assert records.node_record({"status": {"learned": records.record_patch(record)["learned"]}}).learned == Learned(
        wake_seconds=record.learned.wake_seconds
    )
    assert "wakeMilliseconds" not in draw_patch(record.learned)


def figures_of(job: JobView, old: Any = None, *, run: bool = True, rows: tuple[Any, ...] = ()) -> Any:
    rows = rows or (an_assignment(KEY, "a", "pi-01", "pi-01", 30), an_assignment(KEY, "b", "pi-01", "pi-02", 20))
    directive = JobDirective(job=KEY, run=run, cause=Cause(Reason.AT_HOME), assignments=rows if run else ())
    figure = Estimate(mean=1.0, spread=0.0, observations=4)
    known = Learned(idle_watts=replace(figure, mean=2.0), busy_watts=replace(figure, mean=5.6))
    nodes = [a_node("pi-01", record=NodeRecord(learned=known)), a_node("pi-02")]
    return job_figures.figures(job, directive, nodes, old or {}, NOW)


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (a_job(progress=some_progress(round=4, round_seconds=20.0), last_round=4), 6 * 20.0),
        (a_job(progress=some_progress(round=4), last_round=4), 6 * 30 * 0.5),
        (a_job(progress=None, last_round=9), 1 * 30 * 0.5),
        (a_job(progress=some_progress(), cost=JobCost()), None),
        (a_job(progress=some_progress(round_seconds=1e9), rounds=10**9), None),
    ],
    ids=["as the last round took", "as stated", "silent", "nothing known", "beyond the calendar"],
)
def test_a_job_is_done_at_the_pace_that_is_known(job: JobView, seconds: float | None) -> None:
    expected = None if seconds is None else format_time(NOW + timedelta(seconds=seconds))
    assert figures_of(job)["estimatedCompletionTime"] == expected


def test_a_job_that_waits_or_is_over_has_no_end_in_sight() -> None:
    job = a_job(progress=some_progress(round=4, round_seconds=20.0), coordinator_node="hub")
    assert figures_of(job, run=False)["estimatedCompletionTime"] is None
    over = figures_of(replace(job, finished=Reason.ROUNDS_COMPLETE))
    assert (over["estimatedCompletionTime"], over["coordinator"]) == (None, None)


def test_a_coordinator_is_named_with_its_pod_and_its_newest_checkpoint() -> None:
    progress = some_progress(round=3, checkpoint_at=NOW, batches_done=150)
    found = figures_of(a_job(progress=progress, coordinator_node="hub", ready_workers=2))
    assert found["coordinator"] == {"node": "hub", "pod": "mnist-coordinator"}
    assert found["lastCheckpoint"] == {"round": 3, "time": format_time(NOW)}
    assert (found["batchesDone"], found["readyWorkers"]) == (150, 2)


def test_what_a_silent_coordinator_last_said_stays() -> None:
    assert not {"batchesDone", "lastCheckpoint"} & figures_of(a_job(progress=None)).keys()


def test_each_round_is_one_observation_of_what_a_batch_costs() -> None:
    rows = (an_assignment(KEY, "a", "pi-01", "pi-01"), an_assignment(KEY, "a", "pi-01", "pi-02"))
    status: Any = {}
    for number, seconds in ((1, 0.5), (1, 9.0), (2, 0.7)):
        progress = some_progress(round=number, seconds_per_batch=(("pi-01", seconds), ("pi-03", 1.0)))
        job = a_job(progress=progress, last_round=number, assignments=rows)
        status = {"round": number, "learnedCosts": figures_of(job, status)["learnedCosts"]}
    (row,) = status["learnedCosts"]
    assert (row["node"], row["microsecondsPerBatch"], row["observations"]) == ("pi-01", 600_000, 2)
    assert row["microwattHoursPerBatch"] == round((5.6 - 2.0) * 0.6 / 3600 * 1e6)


def test_costs_of_nodes_that_no_longer_work_stay() -> None:
    old = {"round": 3, "learnedCosts": [{"node": "pi-09", "microsecondsPerBatch": 1, "observations": 2}]}
    assert figures_of(a_job(progress=None, last_round=3), old)["learnedCosts"] == old["learnedCosts"]


def pod(name: str, *, ready: bool, component: str = "worker", uid: str = "") -> dict[str, Any]:
    labels = {"sunward.dev/job": "mnist", "sunward.dev/component": component}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    owner = {"kind": "TrainingJob", "name": "mnist", "uid": uid or a_job().spec.uid}
    metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
    return {"metadata": metadata, "status": {"conditions": conditions}}


def test_only_ready_worker_pods_of_the_job_count() -> None:
    pods = [
        pod("a", ready=True),
        pod("b", ready=False),
        pod("c", ready=True, component="coordinator"),
        pod("d", ready=True, uid="another job of that name"),
        {"metadata": {"name": "e"}},
    ]
    objects = JobObjects(
        pods={body["metadata"]["name"]: body for body in pods}, services={}, config_maps={}, network_policies={}
    )
    assert objects.ready_workers(a_job().spec) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"policy": a_policy(mode=OperatingMode.DRY_RUN)}, Reason.DRY_RUN),
        ({"policy": a_policy(sleep=False)}, Reason.SLEEP_DISABLED),
        ({"operator_started_at": NOW - timedelta(seconds=59)}, Reason.WARMING_UP),
        ({"data_hold": Cause(Reason.PIPELINE_SUSPECT, "half of the meters disagree")}, Reason.PIPELINE_SUSPECT),
    ],
)
def test_the_policy_says_why_nothing_sleeps(changes: Mapping[str, Any], reason: Reason | None) -> None:
    hold: Any = policy_report.policy_status(a_snapshot(**changes), a_plan(), {}, NOW)["hold"]
    assert (hold["active"], hold["reason"]) == (reason is not None, reason)


def test_a_hold_keeps_the_time_at_which_it_began_for_as_long_as_its_reason() -> None:
    dry, warm = a_snapshot(policy=a_policy(mode=OperatingMode.DRY_RUN)), a_snapshot()
    old: Any = {}
    for minutes, snapshot, since in ((0, dry, 0), (1, dry, 0), (2, warm, None), (3, dry, 3)):
        old = policy_report.policy_status(snapshot, a_plan(), old, NOW + minutes * MINUTE)
        assert old["hold"]["since"] == (None if since is None else format_time(NOW + since * MINUTE))


def test_the_policy_counts_nodes_without_an_energy_node_and_knows_the_last_wake() -> None:
    nodes = [a_node(f"pi-0{n}", record=NodeRecord(awake_since=NOW - n * MINUTE)) for n in (1, 2)]
    snapshot = a_snapshot(*nodes, a_node("gone", has_facts=False), total_nodes=5)
    status: Any = policy_report.policy_status(snapshot, a_plan(made_at=NOW - MINUTE), {}, NOW)
    assert status["nodes"]["unmanaged"] == 3
    assert (status["lastWakeTime"], status["lastPlanTime"]) == (format_time(NOW - MINUTE),) * 2


@pytest.mark.parametrize(
    ("controllers", "expected"),
    [
        (known_settings((), None), {"nodes": 6, "from": "Default"}),
        (known_settings((), 0.95), {"nodes": 11, "from": "Policy"}),
        (
            known_settings((EvictionSettings(source=LimitSource.NODE_ARGS), None), 0.95),
            {"nodes": 6, "from": "NodeArgs"},
        ),
    ],
)
def test_the_policy_says_how_many_nodes_may_sleep_and_by_whose_word(controllers: Any, expected: Any) -> None:
    snapshot = a_snapshot(a_node(), total_nodes=12, controllers=controllers)
    status: Any = policy_report.policy_status(snapshot, a_plan(), {}, NOW)
    assert status["sleepLimit"] == expected
