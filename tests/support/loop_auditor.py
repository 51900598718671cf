"""Looks at every write of the operator and judges it by the invariants, from the state of the world alone.

Written from the invariants and not from the operator: it imports none of its planning, and believes no record where the
world itself can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support.loop_store import Body
from support.loop_world import World, Write

MARK = "sunward.dev/cordoned-by"
TAINT = "sunward.dev/asleep"
FALLING = ("Cordoned", "Draining", "PowerOffRequested")
ENDED = ("Succeeded", "Failed")


class Auditor:
    """Collects violations; attach it to a world before the first pass."""

    def __init__(self, world: World) -> None:
        self.violations: list[str] = []
        self.power_actions: list[Body] = []
        self.needless_switches = 0
        self.evictions = 0
        world.before_write.append(self.before)
        world.after_write.append(self.after)

    def before(self, world: World, write: Write) -> None:
        """What a write must not do, given the world as it is."""
        if write.verb == "switch":
            self._note(write, self._switch(world, write))
        elif write.verb == "POST" and write.address.sub == "eviction":
            self._note(write, self._eviction(world, write))
        elif write.verb == "DELETE":
            self._note(write, _deletion(world, write))

    def after(self, world: World, write: Write) -> None:
        """What must hold after every write."""
        if write.verb == "switch":
            self.power_actions.append({**write.body, "process": write.process})
        elif write.address.kind == "nodes":
            self._note(write, _foreign(write, world.store.get(write.path)))
        self._note(write, _budgets(world))

    def _note(self, write: Write, found: Iterator[str]) -> None:
        self.violations += [f"{why} at write {write}" for why in found]

    def _switch(self, world: World, write: Write) -> Iterator[str]:
        node, on = write.body["node"], write.body["on"]
        yield from self._fencing(world, write)
        yield from _announced(world, write)
        if not on:
            yield from _protected(world, node)
            yield from _lost_pods(world, node)

    def _fencing(self, world: World, write: Write) -> Iterator[str]:
        """I15: tokens never fall, belong to one process each, and nothing obeyed is asked for twice."""
        order = write.body
        for past in self.power_actions:
            if past["token"] > order["token"]:
                yield f"I15: token {order['token']} after {past['token']}"
            if past["token"] == order["token"] and past["process"] != write.process:
                yield f"I15: {past['process']} and {write.process} share token {order['token']}"
        same = [p for p in self.power_actions if (p["operation"], p["on"]) == (order["operation"], order["on"])]
        machine = world.machines[order["node"]]
        if same and order["on"] is (machine.on if machine.asked is None else machine.asked):
            self.needless_switches += 1
            yield f"I15: {order['operation']} is sent again although the relay obeyed"

    def _eviction(self, world: World, write: Write) -> Iterator[str]:
        """I5: by UID, and from a node that is being drained."""
        self.evictions += 1
        pod = write.before
        uid = ((write.body.get("deleteOptions") or {}).get("preconditions") or {}).get("uid")
        if uid is None:
            yield "I5: an eviction without a UID"
        if pod is None or uid != pod["metadata"]["uid"]:
            return  # the server refuses it
        node = pod["spec"].get("nodeName", "")
        if world.power(node) != "Draining":
            yield f"I5: {pod['metadata']['name']} is evicted from {node}, which is {world.power(node)}"
        if not (world.store.find("nodes", node) or {"spec": {}})["spec"].get("unschedulable"):
            yield f"I5: {node} is drained without a cordon"


def _announced(world: World, write: Write) -> Iterator[str]:
    """I15: the intent is on record before the power is switched, under the same operation and token."""
    order = write.body
    body = world.store.find("energynodes", order["node"]) or {}
    status = body.get("status") or {}
    operation = status.get("operation") or {}
    state = "WakeRequested" if order["on"] else "PowerOffRequested"
    told = (status.get("powerState"), operation.get("id"), operation.get("leaseTransitions"))
    if told != (state, order["operation"], order["token"]):
        yield f"I15: {order['operation']} is not announced, the record says {told}"


def _protected(world: World, name: str) -> Iterator[str]:
    """I1."""
    node, energy = world.store.find("nodes", name), world.store.find("energynodes", name)
    assert node is not None
    assert energy is not None
    labels, annotations = node["metadata"].get("labels", {}), node["metadata"].get("annotations", {})
    reasons = {
        "control plane": "node-role.kubernetes.io/control-plane" in labels,
        "always on": energy["spec"].get("role") == "AlwaysOn",
        "unmanaged": labels.get("sunward.dev/managed") != "true",
        "opted out": "sunward.dev/do-not-sleep" in annotations,
        "the operator's own": name == "hub",
        "cordoned by somebody else": MARK not in annotations,
    }
    yield from (f"I1: {name} is switched off and {why}" for why, holds in reasons.items() if holds)


def _lost_pods(world: World, name: str) -> Iterator[str]:
    """I2."""
    if not world.machines[name].on:
        return  # nothing runs there any more
    for pod in world.pods_on(name):
        owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", ())}
        if "DaemonSet" not in owners and pod.get("status", {}).get("phase") not in ENDED:
            yield f"I2: {pod['metadata']['name']} is still bound to {name}"
    for volume in world.store.of("volumeattachments"):
        if volume["spec"]["nodeName"] == name:
            yield f"I2: a volume is attached to {name}"


def _deletion(world: World, write: Write) -> Iterator[str]:
    """I4: pods leave by eviction; only a failed one is replaced, by UID."""
    del world
    pod = write.before
    if write.address.kind != "pods":
        yield f"I4: {write.path} is deleted"
    elif pod is not None and (pod["status"]["phase"] not in ENDED or write.body["uid"] is None):
        yield f"I4: {pod['metadata']['name']} is deleted while {pod['status']['phase']}"


def _foreign(write: Write, now: Body) -> Iterator[str]:
    """I6: what is not ours is as it was, and a cordon without our mark stays."""
    old = write.before
    assert old is not None
    if _not_ours(old) != _not_ours(now):
        yield f"I6: {write.path} lost or gained something foreign"
    was, is_ = bool(old["spec"].get("unschedulable")), bool(now["spec"].get("unschedulable"))
    if was and not is_ and MARK not in old["metadata"].get("annotations", {}):
        yield f"I6: a foreign cordon of {write.path} is gone"


def _not_ours(node: Body) -> tuple[Any, ...]:
    metadata = node["metadata"]
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != MARK}
    taints = [taint for taint in node["spec"].get("taints") or () if taint["key"] != TAINT]
    other = {key: value for key, value in node["spec"].items() if key not in ("taints", "unschedulable")}
    return metadata.get("labels"), annotations, taints, other, node.get("status")


def _budgets(world: World) -> Iterator[str]:
    """I3, from the machines and the Node objects; the policy of the world allows one node on its way down."""
    nodes = {body["metadata"]["name"]: body for body in world.store.of("nodes")}
    ready = {name: body["status"]["conditions"][0]["status"] == "True" for name, body in nodes.items()}
    falling = [name for name in nodes if world.power(name) in FALLING]
    out = [name for name in nodes if not ready[name] or not world.machines[name].on or world.power(name) == "Asleep"]
    awake = [n for n in nodes if n != "hub" and ready[n] and n not in out and not nodes[n]["spec"].get("unschedulable")]
    if len(falling) > 1:
        yield f"I3: {', '.join(falling)} go to sleep at the same time"
    if len(out) > max(2, len(nodes) // 2):
        yield f"I3: {', '.join(out)} are asleep or not ready"
    if not awake and falling:
        yield "I3: no worker is awake"
