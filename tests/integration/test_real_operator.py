"""The operator as a process with its own rights before a real API server: short forms of the fault-injection suites."""

from __future__ import annotations

import random
import time

import pytest

from fault_injection import leaders, restarts
from support.real.audit_process import audited
from support.real.cluster import RealWorld, real_cluster
from support.real.objects import policy

pytestmark = pytest.mark.cluster
QUIET_SECONDS = 8.0


def test_machines_sleep_and_wake_and_then_nothing_is_written() -> None:
    with real_cluster(nodes=3, policy=policy(planningPeriodSeconds=3600)) as world:
        with audited(world) as audit:
            _sleep_and_wake(world)
        assert audit.violations() == []


def _sleep_and_wake(world: RealWorld) -> None:
    operator = world.operator("a")
    operator.start()
    operator.wait_ready()
    world.deploy("web", 3)
    world.allow_asleep(1)
    world.wait_asleep(1)
    world.wait(lambda: len(world.running_pods("web")) == 3, 30.0, "the pods of the sleeper run elsewhere")
    # Until then Ready may date from before the sleep, and a node that wakes has to wait for a whole minute to pass.
    world.wait(lambda: world.not_ready() == world.asleep(), 60.0, "the sleeper is not Ready")
    world.allow_asleep(0)
    world.wait_asleep(0)
    world.wait(lambda: not world.marked() and not world.not_ready(), 30.0, "all Ready, no mark left")
    assert _writes_after_settling(world) == []
    assert [(one["on"], one["was_on"]) for one in world.journal.switches()] == [(False, True), (True, False)]


def _writes_after_settling(world: RealWorld) -> list[str]:
    """What is written in the seconds after a pause of five; the operator's Lease does not count."""

    def writes() -> list[str]:
        kinds = [write["objectRef"]["resource"] for write in world.operator_writes()]
        return [kind for kind in kinds if kind != "leases"]

    seen = (len(writes()), time.monotonic())

    def is_settled() -> bool:
        nonlocal seen
        if len(writes()) != seen[0]:
            seen = (len(writes()), time.monotonic())
        return time.monotonic() - seen[1] > 5.0

    world.wait(is_settled, 60.0, "nothing is written for five seconds")
    before = len(writes())
    time.sleep(QUIET_SECONDS)  # what is looked at is that nothing happens
    return writes()[before:]


def test_restarts_lose_no_job_and_switch_nothing_twice() -> None:
    with real_cluster(nodes=4, policy=restarts.desired_policy()) as world:
        with audited(world) as audit:
            # The suite's own limit is a figure for a machine that does nothing else.
            storm = restarts.stormed(world, random.Random(1), 3, decision_limit_seconds=60.0)
        found = [line for line in audit.violations() if f" {restarts.RATE} " not in line]
        assert [*storm.violations, *found] == []


def test_a_stand_by_takes_over_and_switches_nothing_twice() -> None:
    with real_cluster(nodes=3, policy=restarts.desired_policy()) as world:
        with audited(world) as audit:
            contest = leaders.contested(world, random.Random(1), 2, ahead=0.0)
        assert len(contest.seconds) == 2
        assert [*contest.violations, *audit.violations()] == []
