"""The shipped auditor at the world in memory: it is shown every change of the store and every write of the operator.

What it judges is the world as it stands, before and after each write; it believes no record where the world can be
asked: a relay that has not yet done what it was told has not obeyed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sunward_audit import Auditor as Judge
from sunward_audit import ObjectSeen, RelayOrder, RelayRead, Request
from sunward_audit.events import Event, Tick
from sunward_audit.report import Report
from sunward_audit.verdicts import Source
from support.loop.store import Body, Store
from support.loop.world import World, Write

JUDGED = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I14", "I15")
"""All that a run in memory shows: it is never calm, does not always settle, and has no secrets."""

ORDER = ("energypolicies", "nodes", "pods", "volumeattachments", "leases", "energyplans", "trainingjobs", "energynodes")
"""What nodes are judged by comes before their records, as after a list of a real server."""

VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
NEEDLESS = "an order is repeated although it was obeyed"


class Auditor:
    """Collects violations; attach it to a world before the first pass."""

    def __init__(self, world: World, judged: Collection[str] = JUDGED) -> None:
        sources = (Source.ORDERS, Source.REQUESTS)
        self._judge = Judge(operators=("operator",), operator_node="hub", sources=sources, only=judged)
        self._seen: dict[tuple[str, tuple[str, str]], Body] = {}
        self._actions: list[Body] = []
        self.violations: list[str] = []
        self.evictions = 0
        self._look(world, "at the beginning", listed=True)
        world.before_write.append(self.before)
        world.after_write.append(self.after)

    @property
    def power_actions(self) -> list[Body]:
        """Every order that a relay was given; set it to what was given before this auditor came."""
        return self._actions

    @power_actions.setter
    def power_actions(self, actions: list[Body]) -> None:
        self._actions = list(actions)
        self._judge.view.orders.extend(
            _order(action, self._judge.view.now, str(action["process"])) for action in actions
        )

    @property
    def needless_switches(self) -> int:
        """Orders that were repeated although the relay had obeyed."""
        return sum(found.times for found in self._judge.violations if found.what == NEEDLESS)

    def report(self) -> Report:
        """What was judged and what was not."""
        return self._judge.report()

    def before(self, world: World, write: Write) -> None:
        """What a write must not do, given the world as it is."""
        where = f"at write {write}"
        self._look(world, where)
        if write.verb == "switch":
            self._take(_order(write.body, world.now, write.process), where)
        else:
            self._take(_request(write, world), where)

    def after(self, world: World, write: Write) -> None:
        """What must hold after every write."""
        if write.verb == "switch":
            self._actions.append({**write.body, "process": write.process})
        elif write.address.sub == "eviction":
            self.evictions += 1
        self._look(world, f"at write {write}")

    def later(self, world: World) -> None:
        """What is judged by the time that has passed."""
        self._take(Tick(time=world.now), f"at {world.seconds:.0f} s")

    def _look(self, world: World, where: str, *, listed: bool = False) -> None:
        """Tell all that changed since the last look; a stored object is exchanged and never changed."""
        for name, machine in world.machines.items():
            self._take(RelayRead(time=world.now, relay=name, node=name, on=machine.on), where)
        now = _objects(world.store)
        for (kind, key), body in self._seen.items():
            if (kind, key) not in now:
                self._take(ObjectSeen(time=world.now, kind=kind, body=body, gone=True), where)
        for (kind, key), body in now.items():
            if self._seen.get((kind, key)) is not body:
                self._take(ObjectSeen(time=world.now, kind=kind, body=body, listed=listed), where)
        self._seen = now

    def _take(self, event: Event, where: str) -> None:
        self.violations += [
            f"{found.invariant}: {found.subject} {found.what} ({found.evidence}) {where}"
            for found in self._judge.take(event)
        ]


def _objects(store: Store) -> dict[tuple[str, tuple[str, str]], Body]:
    return {(kind, key): body for kind in ORDER for key, body in store.objects.get(kind, {}).items()}


def _order(body: Body, now: Any, process: str) -> RelayOrder:
    return RelayOrder(
        time=now,
        relay=body["node"],
        node=body["node"],
        on=body["on"],
        operation=body["operation"],
        token=body["token"],
        process=process,
    )


def _request(write: Write, world: World) -> Request:
    where, body = write.address, write.body
    if write.verb == "DELETE":
        body = {"preconditions": {"uid": body["uid"]}} if body["uid"] else {}
    name = where.name or (body["metadata"]["name"] if isinstance(body, dict) and "metadata" in body else "")
    return Request(
        time=world.now,
        user="operator",
        verb=VERBS[write.verb],
        kind=where.kind,
        namespace=where.namespace,
        name=name,
        sub=where.sub,
        body=body,
    )
