"""A node's whole way down and up again on machines in memory, with every way in which it can go wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from sunward.domain.nodes import PowerState
from sunward.domain.policy import Budgets
from sunward.domain.steps import Act, Step
from support.fake_cluster import QUICK, Crash, FakeCluster, some_pods
from support.planning import a_policy

SLEEP_FOUR = {"pi-01": True, "pi-02": True, "pi-03": True, "pi-04": False}
ALL_AWAKE = dict.fromkeys(SLEEP_FOUR, True)


def state_of_four(steps: tuple[Step, ...]) -> PowerState:
    return next(step.record.power_state for step in steps if step.node == "pi-04")


def power_acts(cluster: FakeCluster, node: str = "pi-04") -> list[Act]:
    return [act for name, act, _, _ in cluster.power_log if name == node]


def test_a_node_sleeps_and_wakes_with_one_power_action_each() -> None:
    cluster = FakeCluster()
    cluster.machines["pi-04"].pods = some_pods(3)
    cluster.run(SLEEP_FOUR, passes=6)
    machine = cluster.machines["pi-04"]
    assert (machine.record.power_state, machine.relay_on, machine.unschedulable) == (PowerState.ASLEEP, False, True)
    assert machine.pods == []
    cluster.run(ALL_AWAKE, passes=12)
    assert (machine.record.power_state, machine.relay_on, machine.unschedulable) == (PowerState.AWAKE, True, False)
    assert not machine.mark
    assert not machine.taint
    assert power_acts(cluster) == [Act.POWER_OFF, Act.POWER_ON]


def test_when_nothing_changes_nothing_is_written() -> None:
    cluster = FakeCluster()
    cluster.run(SLEEP_FOUR, passes=8)
    writes = cluster.writes
    cluster.run(SLEEP_FOUR, passes=30)
    assert cluster.writes == writes


def test_a_crash_before_any_write_converges_without_a_second_power_action() -> None:
    reference = FakeCluster()
    reference.machines["pi-04"].pods = some_pods(2)
    reference.run(SLEEP_FOUR, passes=8)
    reference.run(ALL_AWAKE, passes=12)
    assert reference.writes >= 10
    for point in range(1, reference.writes + 1):
        cluster = FakeCluster(crash_at=point)
        cluster.machines["pi-04"].pods = some_pods(2)
        for wish, passes in ((SLEEP_FOUR, 20), (ALL_AWAKE, 20)):
            try:
                cluster.run(wish, passes=passes)
            except Crash:
                cluster.restart()
                cluster.tick()
                cluster.run(wish, passes=passes)
            expected = PowerState.AWAKE if wish is ALL_AWAKE else PowerState.ASLEEP
            assert cluster.states()["pi-04"] is expected, f"crash before write {point}"
        assert power_acts(cluster) == [Act.POWER_OFF, Act.POWER_ON], f"crash before write {point}"
        tokens = [token for *_, token in cluster.power_log]
        assert tokens == sorted(tokens)


def test_a_pod_that_does_not_end_rolls_the_drain_back_at_its_timeout() -> None:
    cluster = FakeCluster(policy=a_policy(budgets=replace(QUICK, drain_timeout_seconds=60.0, dwell_seconds=600.0)))
    machine = cluster.machines["pi-04"]
    machine.pods = some_pods(1)
    machine.stuck_pods = {"web-0"}
    seen = [state_of_four(cluster.run(SLEEP_FOUR)) for _ in range(9)]
    assert PowerState.DRAINING in seen
    assert seen[-1] is PowerState.AWAKE
    assert not machine.unschedulable
    assert power_acts(cluster) == []


def test_a_lost_request_to_cut_the_power_is_sent_again_under_the_same_operation() -> None:
    cluster = FakeCluster()
    cluster.machines["pi-04"].relay_listens = False
    cluster.run(SLEEP_FOUR, passes=3)
    assert power_acts(cluster) == [Act.POWER_OFF]
    cluster.machines["pi-04"].relay_listens = True
    cluster.run(SLEEP_FOUR, passes=4)
    assert cluster.states()["pi-04"] is PowerState.ASLEEP
    assert len({operation for _, _, operation, _ in cluster.power_log}) == 1


def test_a_silent_relay_gets_no_second_request_and_ends_with_the_power_on() -> None:
    cluster = FakeCluster()
    cluster.run(SLEEP_FOUR, passes=3)

    def fall_silent(c: FakeCluster) -> None:
        if c.states()["pi-04"] is PowerState.POWER_OFF_REQUESTED:
            c.machines["pi-04"].relay_silent = True

    cluster.on_pass = fall_silent
    cluster.run(SLEEP_FOUR, passes=10)
    assert power_acts(cluster) == [Act.POWER_OFF]
    cluster.run({**ALL_AWAKE}, passes=40)
    assert power_acts(cluster)[:2] == [Act.POWER_OFF, Act.POWER_ON]
    assert cluster.machines["pi-04"].relay_on


def test_a_node_that_never_boots_is_tried_three_times_and_then_left_to_people() -> None:
    cluster = FakeCluster()
    cluster.run(SLEEP_FOUR, passes=6)
    cluster.machines["pi-04"].boots = False
    cluster.run(ALL_AWAKE, passes=3 * 31 + 200)
    assert cluster.states()["pi-04"] is PowerState.DEGRADED
    assert power_acts(cluster).count(Act.POWER_ON) == 3
    assert cluster.machines["pi-04"].unschedulable
    cluster.machines["pi-04"].boots = True
    cluster.run(ALL_AWAKE, passes=3)
    assert cluster.states()["pi-04"] is PowerState.AWAKE
    assert not cluster.machines["pi-04"].unschedulable


def test_a_relay_that_lies_about_being_off_never_makes_a_running_node_count_as_asleep_for_long() -> None:
    cluster = FakeCluster()
    machine = cluster.machines["pi-04"]
    machine.relay_listens = False

    def lie(c: FakeCluster) -> None:
        machine.relay_lies_off = c.states()["pi-04"] is PowerState.POWER_OFF_REQUESTED

    cluster.on_pass = lie
    cluster.run(SLEEP_FOUR, passes=12)
    assert cluster.states()["pi-04"] is not PowerState.ASLEEP  # its meter still shows 2.7 W


def test_a_node_switched_off_by_hand_is_found_and_woken_when_it_is_wanted() -> None:
    cluster = FakeCluster()
    cluster.machines["pi-04"].switch(False, cluster.now)
    cluster.run(SLEEP_FOUR, passes=8)
    assert cluster.states()["pi-04"] is PowerState.ASLEEP
    assert power_acts(cluster) == []
    cluster.run(ALL_AWAKE, passes=8)
    assert cluster.states()["pi-04"] is PowerState.AWAKE


def test_an_awake_node_that_is_cut_by_hand_is_found_once_kubernetes_agrees() -> None:
    cluster = FakeCluster()
    cluster.machines["pi-04"].switch(False, cluster.now)
    cluster.run(ALL_AWAKE, passes=5)
    assert cluster.states()["pi-04"] is PowerState.AWAKE  # the Node still counts as Ready
    cluster.run(ALL_AWAKE)
    assert cluster.states()["pi-04"] is PowerState.ASLEEP
    cluster.run(ALL_AWAKE, passes=8)
    assert cluster.states()["pi-04"] is PowerState.AWAKE


def test_a_node_switched_on_by_hand_is_taken_back_without_a_power_action() -> None:
    cluster = FakeCluster()
    cluster.run(SLEEP_FOUR, passes=8)
    cluster.machines["pi-04"].switch(True, cluster.now)
    cluster.run(ALL_AWAKE | {"pi-04": True}, passes=8)
    assert cluster.states()["pi-04"] is PowerState.AWAKE
    assert power_acts(cluster) == [Act.POWER_OFF]


def test_a_cordon_by_others_in_the_middle_survives_our_roll_back() -> None:
    cluster = FakeCluster()
    machine = cluster.machines["pi-04"]
    machine.pods = some_pods(1)
    machine.stuck_pods = {"web-0"}
    cluster.run(SLEEP_FOUR, passes=3)
    assert cluster.states()["pi-04"] is PowerState.DRAINING
    machine.mark = False  # somebody took the cordon over
    cluster.run(SLEEP_FOUR, passes=3)
    assert cluster.states()["pi-04"] is PowerState.AWAKE
    assert machine.unschedulable
    assert not machine.taint


def test_somebody_who_uncordons_a_draining_node_gets_it_back() -> None:
    cluster = FakeCluster()
    machine = cluster.machines["pi-04"]
    machine.pods = some_pods(1)
    machine.stuck_pods = {"web-0"}
    cluster.run(SLEEP_FOUR, passes=3)
    machine.unschedulable = False
    step = next(step for step in cluster.run(SLEEP_FOUR) if step.node == "pi-04")
    assert step.record.power_state is PowerState.AWAKE
    assert step.act is Act.UNCORDON


@pytest.mark.parametrize("state", [PowerState.CORDONED, PowerState.DRAINING])
def test_data_that_go_bad_on_the_way_down_bring_the_node_back(state: PowerState) -> None:
    cluster = FakeCluster()
    machine = cluster.machines["pi-04"]
    machine.pods = some_pods(1)
    machine.stuck_pods = {"web-0"}
    while cluster.states()["pi-04"] is not state:
        cluster.run(SLEEP_FOUR)
    cluster.measured = False
    cluster.run(SLEEP_FOUR, passes=3)
    assert cluster.states()["pi-04"] is PowerState.AWAKE
    assert not machine.unschedulable


def test_only_one_node_is_in_transition_and_half_stay_up_when_all_are_told_to_sleep() -> None:
    cluster = FakeCluster(names=tuple(f"pi-{i:02d}" for i in range(1, 9)))
    for _ in range(60):
        cluster.run(dict.fromkeys(cluster.names, False))
        states = list(cluster.states().values())
        assert sum(state.in_transition for state in states) <= 1
        assert sum(state is PowerState.ASLEEP or state.in_transition for state in states) <= 4
    assert sum(state is PowerState.ASLEEP for state in cluster.states().values()) == 4


def test_wakes_are_spaced_so_that_machines_do_not_start_together() -> None:
    cluster = FakeCluster(names=tuple(f"pi-{i:02d}" for i in range(1, 9)))
    cluster.run(dict.fromkeys(cluster.names, False), passes=60)
    woken: list[tuple[str, float]] = []
    start = cluster.now

    def note(c: FakeCluster) -> None:
        for name, act, _, _ in c.power_log:
            if act is Act.POWER_ON and name not in dict(woken):
                woken.append((name, (c.now - start).total_seconds()))

    cluster.on_pass = note
    cluster.run(dict.fromkeys(cluster.names, True), passes=60)
    times = [moment for _, moment in woken]
    assert len(times) == 4
    assert min(later - sooner for sooner, later in pairwise(times)) >= 30.0


def test_the_second_chance_of_a_node_waits_for_the_dwell_time() -> None:
    policy = a_policy(budgets=Budgets(dwell_seconds=600.0, warm_up_seconds=0.0, drain_timeout_seconds=30.0))
    cluster = FakeCluster(policy=policy)
    machine = cluster.machines["pi-04"]
    machine.pods = some_pods(1)
    machine.stuck_pods = {"web-0"}
    cordons = 0
    for _ in range(50):
        step = next(step for step in cluster.run(SLEEP_FOUR) if step.node == "pi-04")
        cordons += step.act is Act.CORDON and step.changed
    assert cordons == 1
    assert cluster.now - machine.record.last_transition_at < timedelta(seconds=600)  # type: ignore[operator]
