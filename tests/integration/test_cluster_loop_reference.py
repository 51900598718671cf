"""The real loop in a world in memory: one scenario from beginning to end, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta

from support.loop.auditor import Auditor
from support.loop.crash import converge, misses, one_sleeper, whole_day
from support.loop.objects import FOREIGN_TAINT
from support.loop.process import Process, run
from support.loop.world import TICK, World, cordon_by_hand


def power_log(world: World) -> list[tuple[str, bool]]:
    return [(write.body["node"], write.body["on"]) for write in world.writes if write.verb == "switch"]


def verbs_on(world: World, kind: str) -> set[str]:
    return {write.verb for write in world.writes if write.address.kind == kind}


async def test_a_dirty_node_sleeps_wakes_for_a_job_that_may_not_leave_it_and_sleeps_again() -> None:
    world = one_sleeper()
    auditor = Auditor(world)
    process = Process(world, "op")
    assert await converge(world, process) is not None, misses(world)
    assert power_log(world) == [("pi-3", False), ("pi-3", True), ("pi-3", False)]
    assert world.training["pinned"].round == 1
    assert auditor.evictions == 1
    assert "DELETE" not in verbs_on(world, "pods")
    assert (auditor.violations, process.failures) == ([], [])


async def test_every_kind_of_change_in_a_day_ends_in_order() -> None:
    world = whole_day()
    auditor = Auditor(world)
    process = Process(world, "op")
    assert await converge(world, process) is not None, misses(world)
    assert len(power_log(world)) == len(auditor.power_actions) >= 6
    assert (auditor.violations, process.failures) == ([], [])


async def test_after_the_last_change_only_the_lease_is_written() -> None:
    world = World(period_seconds=300)
    process = Process(world, "op")
    world.now += timedelta(seconds=3)  # the first period is nearly whole
    await run(world, process, 170)
    written = len(world.writes)
    await run(world, process, 295)
    later = world.writes[written:]
    assert len(later) >= 20
    assert [str(write) for write in later if not write.is_lease] == []


async def test_a_cordon_and_a_taint_of_others_stay() -> None:
    world = one_sleeper()
    world.at(0, lambda w: cordon_by_hand(w, "pi-3"))
    auditor = Auditor(world)
    await run(world, Process(world, "op"), 120)
    body = world.store.find("nodes", "pi-3")
    assert body is not None
    assert body["spec"] == {"unschedulable": True, "taints": [FOREIGN_TAINT]}
    assert (power_log(world), auditor.violations) == ([], [])


async def test_somebody_who_uncordons_a_draining_node_keeps_it_awake() -> None:
    world = one_sleeper()
    world.timeline.clear()
    auditor = Auditor(world)
    process = Process(world, "op")
    while world.power("pi-3") != "Cordoned":
        assert world.seconds < 100
        process = await run(world, process, world.seconds + TICK.total_seconds())
    world.store.patch("/api/v1/nodes/pi-3", {"spec": {"unschedulable": None}})
    process = await run(world, process, world.seconds + TICK.total_seconds())
    assert world.power("pi-3") == "Awake"
    assert (power_log(world), auditor.violations, process.failures) == ([], [], [])
