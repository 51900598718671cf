"""The world changes between what a pass has read and what it does: nothing is done on the strength of the past."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sunward.cluster.access.api import apis, core, ours
from support.loop.crash import converge, misses, one_sleeper
from support.loop.process import Process, run
from support.loop.world import TICK, World

NODE = core("nodes", "pi-3")
ENERGY_NODE = ours("energynodes", "pi-3")
STATUS = f"{ENERGY_NODE}/status"
AWAKE = {"power": "Awake", "until": "2100-01-01T00:00:00Z", "reason": "people"}
Change = Callable[[World], None]


class Meanwhile:
    """Does something once, at the first request of a kind that is made while pi-3 is in a state."""

    def __init__(self, world: World, state: str, verb: str, path: str, change: Change) -> None:
        self._world, self._state, self._verb, self._path, self._change = world, state, verb, path, change
        self.done = False

    def __call__(self, verb: str, path: str, after: bool) -> None:
        asked = (verb, path) == (self._verb, self._path) and self._world.power("pi-3") == self._state
        if asked and not after and not self.done:
            self.done = True
            self._change(self._world)


def bind_a_pod(world: World) -> None:
    metadata = {"name": "late", "namespace": "default", "ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}
    body = {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "pi-3"}, "status": {"phase": "Running"}}
    world.store.create(core("pods", namespace="default"), body)


def attach_a_volume(world: World) -> None:
    body = {"metadata": {"name": "disk"}, "spec": {"nodeName": "pi-3"}, "status": {"attached": True}}
    world.store.create(apis("storage.k8s.io/v1", "volumeattachments"), body)


def patch(path: str, body: dict[str, object]) -> Change:
    return lambda world: void(world.store.patch(path, body))


def void(_: object) -> None:
    """Nothing of it is needed."""


CHANGES: dict[str, Change] = {
    "a pod is bound": bind_a_pod,
    "a volume is attached": attach_a_volume,
    "it is opted out": patch(NODE, {"metadata": {"annotations": {"sunward.dev/do-not-sleep": "true"}}}),
    "it is taken back": patch(NODE, {"metadata": {"labels": {"sunward.dev/managed": None}}}),
    "somebody takes the cordon over": patch(NODE, {"metadata": {"annotations": {"sunward.dev/cordoned-by": None}}}),
    "it is held awake": patch(ENERGY_NODE, {"spec": {"override": AWAKE}}),
    "it is never to sleep": patch(ENERGY_NODE, {"spec": {"role": "AlwaysOn"}}),
}


def switched_off(world: World) -> list[str]:
    return [write.body["node"] for write in world.writes if write.verb == "switch" and not write.body["on"]]


@pytest.mark.parametrize("what", sorted(CHANGES))
async def test_what_happens_after_the_lists_keeps_the_power_on(what: str) -> None:
    world = one_sleeper()
    world.timeline.clear()
    drained = Meanwhile(world, "Draining", "GET", NODE, CHANGES[what])
    process = Process(world, "op", faults=drained)
    while not drained.done:
        assert world.seconds < 200, "the node is never drained"
        process = await run(world, process, world.seconds + TICK.total_seconds())
    assert switched_off(world) == []


async def test_a_record_that_another_wrote_meanwhile_is_not_overwritten() -> None:
    world = one_sleeper()
    world.timeline.clear()
    held = Meanwhile(world, "Draining", "PATCH", STATUS, CHANGES["it is held awake"])
    drained = Meanwhile(world, "Draining", "GET", NODE, void)

    def after_the_last_look(verb: str, path: str, after: bool) -> None:
        if drained.done:
            held(verb, path, after)
        drained(verb, path, after)

    process = Process(world, "op", faults=after_the_last_look)
    while not held.done:
        assert world.seconds < 200, "the node is never drained"
        process = await run(world, process, world.seconds + TICK.total_seconds())
    assert [failure for failure in process.failures if f"PATCH {STATUS}: 409" in failure]
    await run(world, process, world.seconds + 60)
    assert (switched_off(world), world.power("pi-3")) == ([], "Awake")


@pytest.mark.parametrize("is_taken_back", [True, False])
async def test_a_node_that_people_hold_asleep_wakes_by_no_rule_of_the_past(is_taken_back: bool) -> None:
    world = one_sleeper()
    world.timeline.clear()
    process = await run(world, Process(world, "op"), world.seconds + 300)
    assert world.power("pi-3") == "Asleep"
    world.store.patch(ENERGY_NODE, {"spec": {"override": AWAKE | {"power": "Asleep", "reason": "somebody repairs it"}}})
    CHANGES["it is opted out"](world)
    back = patch(NODE, {"metadata": {"annotations": {"sunward.dev/do-not-sleep": None}}})
    process.faults = Meanwhile(world, "Asleep", "GET", NODE, back if is_taken_back else void)
    switched = len(world.writes)
    await run(world, process, world.seconds + 60)
    orders = [write.body["on"] for write in world.writes[switched:] if write.verb == "switch"]
    assert orders == ([] if is_taken_back else [True])


async def test_nobody_is_evicted_from_a_node_that_another_has_given_back() -> None:
    world = one_sleeper()
    world.timeline.clear()
    given_back = patch(STATUS, {"status": {"powerState": "Awake", "operation": None}})
    meanwhile = Meanwhile(world, "Draining", "GET", ENERGY_NODE, given_back)
    process = Process(world, "op", faults=meanwhile)
    while not meanwhile.done:
        assert world.seconds < 200, "the node is never drained"
        process = await run(world, process, world.seconds + TICK.total_seconds())
    assert [write for write in world.writes if write.address.sub == "eviction"] == []
    assert await converge(world, process) is not None, misses(world)


async def test_a_status_that_rests_on_an_old_version_is_dropped_and_told_later() -> None:
    world = one_sleeper()
    seen: list[str] = []

    def cordoned(now: World) -> None:
        seen.append(now.power("pi-2"))
        now.store.patch(f"{ours('energynodes', 'pi-2')}/status", {"status": {"powerState": "Degraded"}})

    faults = Meanwhile(world, "Awake", "PATCH", f"{ours('energynodes', 'pi-2')}/status", cordoned)
    process = Process(world, "op", faults=faults)
    await process.tick()
    assert seen == ["Awake"]
    assert world.power("pi-2") == "Degraded"  # and not what the pass had read
