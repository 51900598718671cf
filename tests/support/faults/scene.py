"""A real cluster whose operator reaches its API server through a fault proxy, and people who hold nodes as they like.

    with fault_scene(nodes=4) as scene:
        scene.wish("pi-01", "Asleep")
        scene.wait_reached("pi-01", 30)

People and the cluster's own parts speak to the API server directly: only the operator meets the faults.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from support.faults.proxy import FaultProxy
from support.real import objects as real_objects
from support.real.audit_process import Audit
from support.real.cluster import ENERGY_NODES, NODES, RealWorld, is_ready, power_state, real_cluster
from support.real.journal import duplicates, fencing
from support.real.operator_process import PROGRAM, Operator

Body = dict[str, Any]
OPPOSITE: Final = {"Asleep": "Awake", "Awake": "Asleep"}
AT_ONCE: Final = 8
"""Nodes that may be in transition at the same time, so that no change waits for another."""


PERIOD_SECONDS: Final = 60


@dataclass(slots=True, kw_only=True)
class Scene:
    """A running scene; `wished` is what people want of each node now, and `since` when (monotonic) they said so."""

    world: RealWorld
    proxy: FaultProxy
    wished: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    @property
    def operator(self) -> Operator:
        """The supervised operator of a scene that has one."""
        return self.world.operators[0]

    def wish(self, node: str, power: str) -> None:
        """A person holds a node asleep or awake."""
        self.wished[node], self.since[node] = power, time.monotonic()
        self.world.hold(node, power)

    def state(self, node: str) -> str:
        """What the record of a node says."""
        return power_state(self.world.admin.get(f"{ENERGY_NODES}/{node}").body)

    def reached(self, node: str) -> bool:
        """Whether a node's record and its machine are as people want them."""
        wanted = self.wished[node]
        return self.state(node) == wanted and self.world.machines[node].powered is (wanted == "Awake")

    def begun(self, node: str) -> bool:
        """Whether the operator acts on the last wish, or has done so."""
        return self.state(node) != OPPOSITE[self.wished[node]]

    def wait_reached(self, node: str, seconds: float) -> float:
        """Until a node is as it is wanted; the seconds since the wish. Raises TimeoutError."""
        self.world.wait(lambda: self.reached(node), seconds, f"{node} is {self.wished[node]}")
        return time.monotonic() - self.since[node]

    def violations(self) -> list[str]:
        """Power actions asked for twice, or with a token of the past."""
        switches = self.world.journal.switches()
        return [*duplicates(switches), *fencing(switches)]

    def lost(self) -> list[str]:
        """Wishes that nothing came of."""
        return [
            f"{node} is not {self.wished[node]} but {self.state(node)}"
            for node in self.wished
            if not self.reached(node)
        ]


@contextmanager
def fault_scene(*, nodes: int, program: Sequence[str] = PROGRAM) -> Iterator[Scene]:
    """A stage with a supervised operator that is ready; every node is held awake at first."""
    with fault_stage(nodes=nodes) as scene:
        operator = scene.world.operator("a", program=program, server=scene.proxy.url)
        with operator.supervised():
            operator.wait_ready()
            yield scene


@contextmanager
def fault_stage(*, nodes: int, **budgets: int) -> Iterator[Scene]:
    """Start a cluster and a proxy, without an operator. As many nodes again can never be switched."""
    waits = {"nodesInTransition": AT_ONCE, "maximumAsleepNodes": AT_ONCE, **budgets}
    policy = real_objects.policy(budgets=waits, planningPeriodSeconds=PERIOD_SECONDS)
    with (
        real_cluster(nodes=nodes, more_nodes=nodes, policy=policy) as world,
        FaultProxy(world.plane.api.server, world.plane.api.context) as proxy,
        _quick_news(world),
    ):
        scene = Scene(world=world, proxy=proxy)
        for name in world.names:
            world.hold(name, "Awake")
        for name in switchable(world):
            scene.wish(name, "Awake")
        yield scene


def audit_violations(audit: Audit) -> list[str]:
    """What the auditor found, but for I14: it limits how often an object is written in ordinary life, and here people
    change their minds every few seconds."""
    return [found for found in audit.violations() if " I14 " not in f" {found}"]


def switchable(world: RealWorld) -> list[str]:
    """Nodes with a machine that can be switched."""
    return [name for name, machine in world.machines.items() if machine.switchable]


@contextmanager
def _quick_news(world: RealWorld) -> Iterator[None]:
    """Say of a node that was cut that it is not ready, as the node controller would some seconds later."""
    over = threading.Event()
    thread = threading.Thread(target=_tell_until, args=(world, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell_until(world: RealWorld, over: threading.Event) -> None:
    told: set[int] = set()
    while not over.wait(0.2):
        for entry in world.journal.entries("cut"):
            if entry["number"] not in told and _tell(world, entry["node"]):
                told.add(entry["number"])


def _tell(world: RealWorld, name: str) -> bool:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    gone = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "no word", **times}
    node = world.admin.get(f"{NODES}/{name}").body
    if world.machines[name].powered or not is_ready(node):
        return True
    return world.admin.merge(f"{NODES}/{name}/status", {"status": {"conditions": [gone]}}).code == 200
