"""The real loop with silent meters, an API server that fails, and a second operator."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from sunward.cluster.access.api import ApiError
from sunward.cluster.access.lease import DURATION_SECONDS
from sunward.cluster.loop import RETRY_SECONDS, STANDBY_CYCLE_SECONDS
from sunward.domain.errors import SourceUnavailable
from support.loop.auditor import Auditor
from support.loop.crash import converge, misses, one_sleeper
from support.loop.process import Hook, Process, run
from support.loop.world import TICK, World, add_job, override

FAULTY_SECONDS = 100.0
LEASES = "/apis/coordination.k8s.io/v1/namespaces/sunward-system/leases"
FAULTS = (409, 422, 429, 500, 503, 0)


def switches(world: World) -> list[tuple[str, bool]]:
    return [(write.body["node"], write.body["on"]) for write in world.writes if write.verb == "switch"]


async def until(world: World, process: Process, state: str) -> None:
    """Passes until the dirty node is in a state."""
    while world.power("pi-3") != state:
        assert world.seconds < 200, f"pi-3 is never {state}"
        process = await run(world, process, world.seconds + TICK.total_seconds())


def unexpected(process: Process) -> list[str]:
    """What failed, but for the settlement, which cannot be made without meters and says so."""
    return [failure for failure in process.failures if not failure.startswith("settlement")]


def blind(world: World, how: str) -> None:
    world.data = how


@pytest.mark.parametrize("how", ["silent", "stale"])
@pytest.mark.parametrize("state", ["Awake", "Cordoned", "Draining"])
async def test_no_power_is_cut_on_data_that_are_gone(how: str, state: str) -> None:
    world = one_sleeper()
    world.timeline.clear()
    auditor = Auditor(world)
    process = Process(world, "op")
    await until(world, process, state)
    blind(world, how)
    await run(world, process, world.seconds + 120)
    assert switches(world) == []
    assert world.power("pi-3") == "Awake"
    blind(world, "fresh")
    assert await converge(world, process) is not None, misses(world)
    assert (switches(world), auditor.violations, unexpected(process)) == ([("pi-3", False)], [], [])


async def test_a_sleep_that_begins_after_its_meter_came_back_has_the_reading_on_record() -> None:
    world = World(period_seconds=300, jobs=False)
    auditor = Auditor(world)
    for name in ("pi-1", "pi-2", "pi-3"):
        override(world, name, "Awake")
    process = await run(world, Process(world, "op"), 60)
    world.unmetered = frozenset({"pi-3"})
    override(world, "pi-3", "Asleep")
    process = await run(world, process, 70)
    assert world.power("pi-3") == "Awake"
    world.unmetered = frozenset()
    await run(world, process, 200)
    assert world.power("pi-3") == "Asleep"
    assert auditor.violations == []


@pytest.mark.parametrize("how", ["silent", "stale"])
@pytest.mark.parametrize("state", ["PowerOffRequested", "Asleep"])
async def test_a_sleeper_sleeps_on_when_the_meters_fall_silent(how: str, state: str) -> None:
    world = one_sleeper()
    world.timeline.clear()
    auditor = Auditor(world)
    process = Process(world, "op")
    await until(world, process, state)
    blind(world, how)
    await run(world, process, world.seconds + 120)
    assert (switches(world), world.power("pi-3")) == ([("pi-3", False)], "Asleep")
    assert (auditor.violations, unexpected(process)) == ([], [])


@pytest.mark.parametrize("how", ["silent", "stale"])
async def test_a_job_wakes_its_node_although_the_meters_are_silent(how: str) -> None:
    world = one_sleeper()
    auditor = Auditor(world)
    process = Process(world, "op")
    world.at(65, lambda w: blind(w, how))
    await run(world, process, 180)
    assert switches(world) == [("pi-3", False), ("pi-3", True)]
    assert world.training["pinned"].round == 1
    assert auditor.violations == []


async def test_only_the_holder_of_the_lease_acts() -> None:
    world = one_sleeper()
    auditor = Auditor(world)
    first, second = Process(world, "first"), Process(world, "second")
    while world.seconds < 200:
        await first.tick()
        await second.tick()
        world.advance()
    assert {write.process for write in world.writes} == {"first"}
    assert (auditor.violations, misses(world)) == ([], [])


async def test_who_had_no_answer_about_the_lease_asks_again_sooner_than_who_knows_of_a_leader() -> None:
    """A request that hung until the Lease had lapsed: whoever then waits like a standby loses seconds for nothing."""
    silent = [False]

    def hang(verb: str, path: str, done: bool) -> None:
        if silent[0] and path.startswith(LEASES):
            raise ApiError(0, verb, path, "nobody answers")

    world = one_sleeper()
    leader, standby = Process(world, "leader", faults=hang), Process(world, "standby")
    await leader.tick()
    assert await standby.loop.reconcile() == STANDBY_CYCLE_SECONDS
    silent[0] = True
    world.now += timedelta(seconds=DURATION_SECONDS)
    assert await leader.loop.reconcile() == RETRY_SECONDS


async def test_a_leader_that_was_stopped_and_goes_on_does_nothing() -> None:
    world = one_sleeper()
    auditor = Auditor(world)
    first, second = Process(world, "first"), Process(world, "second")
    while world.power("pi-3") != "Draining":
        await first.tick()
        await second.tick()
        world.advance()
    written = len(world.writes)
    while world.seconds < 250:
        await second.tick()
        world.advance()
        if world.seconds > 120:
            await first.tick()
    assert {write.process for write in world.writes[written:]} == {"second"}
    assert (auditor.violations, misses(world)) == ([], [])


async def test_a_leader_that_is_stopped_between_record_and_act_does_not_act() -> None:
    """The record is written, then the process stands still for longer than its Lease lasts."""
    world = one_sleeper()
    auditor = Auditor(world)
    first = Process(world, "first")

    def stop(now: World, write: object) -> None:
        if now.power("pi-3") == "PowerOffRequested":
            now.now += timedelta(seconds=12)
            now.after_write.remove(stop)

    world.after_write.append(stop)
    await until(world, first, "PowerOffRequested")
    assert switches(world) == []
    assert await converge(world, first) is not None, misses(world)
    assert (auditor.violations, auditor.needless_switches) == ([], 0)


@pytest.mark.parametrize("state", ["Cordoned", "Draining", "PowerOffRequested"])
async def test_an_operator_that_is_installed_anew_takes_up_what_the_old_one_began(state: str) -> None:
    """The Lease went with its namespace and counts from one again; the records speak of younger tokens."""
    world = one_sleeper()
    lease = {"metadata": {"name": "sunward-operator"}, "spec": {"leaseTransitions": 7}}
    world.store.create(LEASES, lease)
    await until(world, Process(world, "old"), state)
    world.store.delete(f"{LEASES}/sunward-operator")
    auditor = Auditor(world)
    assert await converge(world, Process(world, "new")) is not None, misses(world)
    assert auditor.violations == []


def random_faults(world: World, seed: int, odds: float) -> Hook:
    """Requests that are refused, or done while their answer is lost; relays do both as well."""
    dice = random.Random(seed)

    def fail(verb: str, path: str, done: bool) -> None:
        if world.seconds >= FAULTY_SECONDS or dice.random() >= odds:
            return
        if verb == "switch":
            raise SourceUnavailable(path, "timed out")
        raise ApiError(0 if done else dice.choice(FAULTS), verb, path, "injected")

    return fail


@pytest.mark.parametrize("odds", [0.02, 0.1])
@pytest.mark.parametrize("seed", range(10))
async def test_after_faults_of_the_api_server_all_ends_in_order(seed: int, odds: float) -> None:
    world = one_sleeper()
    add_job(world, "digits", {"pi-1": "a", "pi-3": "b"}, rounds=2)
    auditor = Auditor(world)
    process = Process(world, "op", faults=random_faults(world, seed, odds))
    assert await converge(world, process) is not None, misses(world)
    assert auditor.violations == []
