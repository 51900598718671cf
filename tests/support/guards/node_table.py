"""The ways of nodes to fail, each a short story that a node of its own goes through.

A story raises TimeoutError or AssertionError at what should not be. Stories run side by side, each in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sunward.cluster.access.api import FIELD_MANAGER
from support.guards.drain_table import budget, pod
from support.real.cluster import ENERGY_NODES, NODES, RealWorld, is_marked, is_ready, power_state
from support.real.machines import Fault

Body = dict[str, Any]
Story = Callable[[RealWorld, str], None]
BOOT_SECONDS: Final = 25
SLEEP_SECONDS: Final = 120.0
WAKE_SECONDS: Final = 150.0
NOTICED: Final = ("NodeNotReady", "DataMissing", "DataStale", "PipelineSuspect")
"""Why a drain is broken off when its node dies; where many die at once, their meters are doubted together."""
MARK: Final = "sunward.dev/cordoned-by"
TAINT: Final = {"key": "sunward.dev/asleep", "effect": "NoSchedule"}


def never_wakes(world: RealWorld, node: str) -> None:
    """Three tries, then Degraded with a reason; the node stays cordoned and is left to people."""
    _asleep(world, node)
    world.machines[node].boots = False
    world.hold(node, "Awake")
    _until(world, node, "Degraded", WAKE_SECONDS)
    asked = {entry["operation"] for entry in world.journal.switches(node) if entry["on"]}
    assert len(asked) <= 3, f"{len(asked)} tries"
    world.wait(lambda: _condition(world, node, "Degraded") == ("True", "Degraded"), 10.0, f"{node} says so")


def wakes_late(world: RealWorld, node: str) -> None:
    """It boots longer than a try may take: awake after all, not given up."""
    _asleep(world, node)
    world.machines[node].boot_seconds = BOOT_SECONDS + 6.0
    world.hold(node, "Awake")
    _back(world, node)


def second_try(world: RealWorld, node: str) -> None:
    """The first boot hangs, the second works."""
    _asleep(world, node)
    world.machines[node].boots = False
    world.hold(node, "Awake")
    world.wait(lambda: _operation(world, node).get("attempt") == 2, WAKE_SECONDS, f"{node} is tried again")
    world.machines[node].boots = True
    world.machines[node].switch(False)  # somebody pulls the plug, so that the next request boots it anew
    world.machines[node].switch(True)
    _back(world, node)


def dies_in_drain(world: RealWorld, node: str) -> None:
    """It dies while a budget holds its pod: rolled back by whoever notices first, its meter falling silent or its
    kubelet, and its power is not cut."""
    pod(world, node)
    budget(world, node)
    world.hold(node, "Asleep")
    _until(world, node, "Draining", SLEEP_SECONDS)
    world.machines[node].die()
    _until(world, node, "Awake", SLEEP_SECONDS)
    assert _last(world, node)["reason"] in NOTICED, _last(world, node)
    world.wait(lambda: not is_marked(_node(world, node)), 30.0, f"{node} without our marks")
    assert not world.journal.switches(node)


def flaps(world: RealWorld, node: str) -> None:
    """Up and down by itself while nobody wants it asleep: nothing is done to it."""
    for _ in range(2):
        world.machines[node].die()
        world.wait(lambda: not is_ready(_node(world, node)), 40.0, f"{node} NotReady")
        world.machines[node].start()
        world.wait(lambda: is_ready(_node(world, node)), 40.0, f"{node} Ready")
    assert _state(world, node) == "Awake"
    assert not world.journal.switches(node)


def switched_on_by_hand(world: RealWorld, node: str) -> None:
    """Somebody presses the button of a node that sleeps: the record follows, and it is given back."""
    _asleep(world, node)
    world.wait(lambda: not is_ready(_node(world, node)), 40.0, f"{node} NotReady")
    world.machines[node].switch(True)
    _until(world, node, "Awake", WAKE_SECONDS)
    world.wait(lambda: not is_marked(_node(world, node)), 30.0, f"{node} without our marks")
    assert not [entry for entry in world.journal.switches(node) if entry["on"]], "it was switched on once more"


def switched_off_by_hand(world: RealWorld, node: str) -> None:
    """Somebody cuts the power of a node that is awake: the record says so; it wakes when a person wants it."""
    world.machines[node].switch(False)
    _until(world, node, "Asleep", SLEEP_SECONDS)
    assert _last(world, node)["reason"] == "PoweredOffByOthers"
    world.hold(node, "Awake")
    _back(world, node)


def two_records(world: RealWorld, node: str) -> None:
    """Two EnergyNodes speak of one Node: neither may put it to sleep, and both say why."""
    twin = f"{node}-twin"
    spec = {**_energy_node(world, node)["spec"], "nodeName": node}
    kind = {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode"}
    world.create({**kind, "metadata": {"name": twin}, "spec": spec})
    for name in (node, twin):
        world.hold(name, "Asleep")
        world.wait(lambda name=name: _condition(world, name, "Sleepable") == ("False", "AmbiguousNode"), 30.0, name)  # type: ignore[misc]  # bound now
    assert (_state(world, node), _state(world, twin)) == ("Awake", "Awake")
    assert not world.journal.switches(node)
    world.admin.delete(f"{ENERGY_NODES}/{twin}")
    _until(world, node, "Asleep", SLEEP_SECONDS)


def wrong_clock(world: RealWorld, node: str) -> None:
    """It comes back with the clock of long ago: what it says of the time is not believed, that it is there is."""
    _asleep(world, node)
    world.hold(node, "Awake")
    world.wait(lambda: is_ready(_node(world, node)) and world.machines[node].alive, WAKE_SECONDS, f"{node} Ready")
    old = {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z", "reason": "KubeletReady"}
    world.admin.merge(f"{NODES}/{node}/status", {"status": {"conditions": [old]}})
    _back(world, node)


def lease_lost(world: RealWorld, node: str) -> None:
    """Its kubelet is no longer heard: it is wanted asleep and is left alone, until it is back."""
    world.machines[node].die()
    world.wait(lambda: not is_ready(_node(world, node)), 40.0, f"{node} NotReady")
    world.hold(node, "Asleep")
    world.wait(lambda: "NodeNotReady" in _message(world, node), 30.0, f"{node} says why it stays awake")
    assert _state(world, node) == "Awake"
    assert not world.journal.switches(node)
    world.machines[node].start()
    _until(world, node, "Asleep", SLEEP_SECONDS)


def old_marks(world: RealWorld, node: str) -> None:
    """It is awake and carries a cordon, mark and taint of ours from another life: they are taken back."""
    patch = {
        "metadata": {"annotations": {MARK: "long-ago"}},
        "spec": {"unschedulable": True, "taints": [TAINT]},
    }
    world.admin.merge(f"{NODES}/{node}?fieldManager={FIELD_MANAGER}", patch)
    world.wait(lambda: not is_marked(_node(world, node)), 30.0, f"{node} without old marks")
    assert not _node(world, node)["spec"].get("unschedulable")


def will_not_go_off(world: RealWorld, node: str) -> None:
    """Its relay answers and does nothing: no proof of off, so it is given back."""
    world.machines[node].fault = Fault.STUCK
    world.hold(node, "Asleep")
    _until(world, node, "PowerOffRequested", SLEEP_SECONDS)
    _until(world, node, "Awake", WAKE_SECONDS)
    world.wait(lambda: not is_marked(_node(world, node)), 30.0, f"{node} without our marks")
    assert world.machines[node].powered


STORIES: Final[dict[str, Story]] = {
    "never wakes": never_wakes,
    "wakes late": wakes_late,
    "wakes at the second try": second_try,
    "dies in the drain": dies_in_drain,
    "flaps": flaps,
    "is switched on by hand": switched_on_by_hand,
    "is switched off by hand": switched_off_by_hand,
    "duplicate name": two_records,
    "wrong clock": wrong_clock,
    "kubelet Lease lost": lease_lost,
    "old marks": old_marks,
    "will not go off": will_not_go_off,
}


def _asleep(world: RealWorld, node: str) -> None:
    world.hold(node, "Asleep")
    _until(world, node, "Asleep", SLEEP_SECONDS)


def _back(world: RealWorld, node: str) -> None:
    _until(world, node, "Awake", WAKE_SECONDS)
    world.wait(lambda: not is_marked(_node(world, node)), 30.0, f"{node} without our marks")


def _until(world: RealWorld, node: str, state: str, seconds: float) -> None:
    world.wait(lambda: _state(world, node) == state, seconds, f"{node} is {state}")


def _energy_node(world: RealWorld, node: str) -> Body:
    body: Body = world.admin.get(f"{ENERGY_NODES}/{node}").body
    return body


def _state(world: RealWorld, node: str) -> str:
    return power_state(_energy_node(world, node))


def _last(world: RealWorld, node: str) -> Body:
    return dict((_energy_node(world, node).get("status") or {}).get("lastTransition") or {})


def _operation(world: RealWorld, node: str) -> Body:
    return dict((_energy_node(world, node).get("status") or {}).get("operation") or {})


def _node(world: RealWorld, node: str) -> Body:
    body: Body = world.admin.get(f"{NODES}/{node}").body
    return body


def _conditions(world: RealWorld, node: str) -> dict[str, Body]:
    found = (_energy_node(world, node).get("status") or {}).get("conditions") or []
    return {one["type"]: one for one in found}


def _condition(world: RealWorld, node: str, kind: str) -> tuple[str, str]:
    one = _conditions(world, node).get(kind, {})
    return str(one.get("status")), str(one.get("reason"))


def _message(world: RealWorld, node: str) -> str:
    return str(_conditions(world, node).get("Sleepable", {}).get("message"))
