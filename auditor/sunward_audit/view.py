"""The auditor's own view of the world: the newest state of every object, and what it remembers of the past.

Only `take` changes it. Checks read it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sunward_audit import facts
from sunward_audit.events import Body, Event, ObjectSeen, Quiescence, RelayOrder, RelayRead, Request
from sunward_audit.limits import Limits, limits_of, loosest
from sunward_audit.writes import Write, object_write, request_write

MEMORY = 4096
"""Past orders, evictions and so on that are kept."""
WISH_SECONDS = timedelta(seconds=4)
"""How long a tighter limit needs until it must be obeyed."""
PATIENCE = timedelta(seconds=15)
"""How much later than an order the record may be seen that announced it: a busy server is slow to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of an EnergyNode's power state, with the object before and after it."""

    time: datetime
    old: str
    new: str
    before: Body
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A pod that left a node, and how."""

    time: datetime
    pod: Body
    node: str
    evicted: bool


class View:
    """What is known now. `before` is the state that the current event's object had before it, None for a new one."""

    def __init__(
        self,
        operators: frozenset[str] = frozenset(),
        operator_node: str | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._patience = patience
        self.operators = operators
        self.operator_node = operator_node
        self.began: datetime | None = None
        self.looks_since = datetime.min.replace(tzinfo=UTC)
        self.now = datetime.min.replace(tzinfo=UTC)
        self.earlier = self.now
        self.objects: dict[str, dict[str, Body]] = defaultdict(dict)
        self.before: Body | None = None
        self.steps: dict[str, deque[Step]] = defaultdict(lambda: deque(maxlen=256))
        self.announced: dict[str, dict[tuple[str, str, int | None], datetime]] = defaultdict(dict)
        self.orders: deque[RelayOrder] = deque(maxlen=MEMORY)
        self._pending: deque[tuple[datetime, RelayOrder]] = deque(maxlen=MEMORY)
        self.powered: dict[str, bool] = {}
        self.first_seen: dict[tuple[str, str], datetime] = {}
        self.removals: deque[Removal] = deque(maxlen=MEMORY)
        self.cordoned_since: dict[str, datetime] = {}
        self.writes: deque[Write] = deque(maxlen=MEMORY)
        self.limits = Limits()
        self._former_limits: deque[tuple[datetime, Limits]] = deque(maxlen=MEMORY)
        self.quiescence: Quiescence | None = None
        self._lease: tuple[str, str] | None = None
        self._led: list[tuple[datetime, datetime]] = []

    def take(self, event: Event) -> None:
        """Make the event part of the view."""
        self.earlier, self.now = self.now, max(self.now, event.time)
        self.began = self.began or event.time
        self.before = None
        match event:
            case ObjectSeen():
                self._object(event)
            case RelayOrder():
                self.orders.append(event)
                if event.time >= self.looks_since:
                    self._pending.append((self.now + self._patience, event))
            case RelayRead():
                self.powered[event.node] = event.on
            case Request():
                self._request(event)
            case Quiescence():
                self.quiescence = event
            case _:
                pass

    def of(self, kind: str) -> Iterator[Body]:
        """All objects of a kind."""
        yield from self.objects[kind].values()

    def find(self, kind: str, key: str) -> Body | None:
        """One object by name or namespace/name."""
        return self.objects[kind].get(key)

    def energy_of(self, node: str) -> Body | None:
        """The EnergyNode that speaks of a Node."""
        found = self.find("energynodes", node)
        if found is not None and facts.kubernetes_node(found) == node:
            return found
        return next((body for body in self.of("energynodes") if facts.kubernetes_node(body) == node), None)

    def pods_on(self, node: str) -> Iterator[Body]:
        """Pods bound to a Node."""
        return (pod for pod in self.of("pods") if facts.part(pod, "spec").get("nodeName") == node)

    def step_of(self, event: Event) -> Step | None:
        """The change of power state that the event is, if it is one."""
        if not isinstance(event, ObjectSeen) or event.kind != "energynodes" or self.before is None or event.gone:
            return None
        steps = self.steps[facts.name_of(event.body)]
        return steps[-1] if steps and steps[-1].body is event.body else None

    def write_of(self, event: Event) -> Write | None:
        """The operator's write that the event shows, if it shows one."""
        newest = self.writes[-1] if self.writes else None
        return newest if newest is not None and newest.event is event else None

    @property
    def lenient_limits(self) -> Limits:
        """The limits in force; one that was drawn tighter a moment ago does not count yet.

        No operator can obey a wish that is written between a last look and the act, and what relays were told cannot be
        put before or after a write of the same second.
        """
        former = [limits for until, limits in self._former_limits if self.now - until <= WISH_SECONDS]
        return loosest([*former, self.limits])

    @property
    def orders_due(self) -> Iterator[RelayOrder]:
        """Orders whose record must have been seen by now, each after one event only."""
        return (order for due, order in self._pending if self.earlier < due <= self.now)

    @property
    def earlier_orders(self) -> Iterator[RelayOrder]:
        """Orders before the newest, the newest of them first."""
        return (order for order in list(self.orders)[-2::-1])

    def is_on(self, node: str) -> bool | None:
        """Whether a Node has power: by the newest word of its relay, an order counting as obeyed; None: unknown."""
        return self.powered.get(node)

    def is_ours(self, request: Request) -> bool:
        """Whether the operator sent the request."""
        return request.user in self.operators or (
            not self.operators and request.user.endswith(":sunward-operator") and "serviceaccount" in request.user
        )

    def led_seconds(self, since: datetime, until: datetime) -> float:
        """Seconds of [since, until) in which the Lease was held; all of them when no Lease was ever seen."""
        if self._lease is None:
            return (until - since).total_seconds()
        spans = ((max(since, start), min(until, end)) for start, end in self._led)
        return sum((end - start).total_seconds() for start, end in spans if end > start)

    def _object(self, event: ObjectSeen) -> None:
        known, key = self.objects[event.kind], facts.key_of(event.body)
        self.before = known.get(key)
        if event.gone:
            known.pop(key, None)
            self.first_seen.pop((event.kind, key), None)
        else:
            known[key] = event.body
            self.first_seen.setdefault((event.kind, key), event.time)
        match event.kind:
            case "energynodes":
                self._energy_node(event)
            case "nodes":
                self._node(event)
            case "pods":
                self._pod(event)
            case "leases":
                self._leadership(event.body)
            case "energypolicies" if key == "default":
                if self.before is not None:
                    self._former_limits.append((self.now, self.limits))
                self.limits = limits_of(None if event.gone else event.body)
        if self.quiescence is not None and self._is_wish(event):
            self.quiescence = None

        write = object_write(event, self.before)
        if write is not None:
            self.writes.append(write)

    def _request(self, event: Request) -> None:
        write = request_write(event) if self.is_ours(event) else None
        if write is not None:
            self.writes.append(write)

    def _energy_node(self, event: ObjectSeen) -> None:
        name, body = facts.name_of(event.body), event.body
        operation = facts.operation(body)
        if operation.get("id"):
            said = (facts.power_state(body), str(operation["id"]), facts.token_of(body))
            written = facts.time_of(operation.get("startedAt")) or event.time
            self.announced[name].setdefault(said, min(written, event.time))
        if self.before is None or event.gone:
            return
        old, new = facts.power_state(self.before), facts.power_state(body)
        if old != new:
            self.steps[name].append(Step(time=event.time, old=old, new=new, before=self.before, body=body))

    def _node(self, event: ObjectSeen) -> None:
        name = facts.name_of(event.body)
        if event.gone or not facts.has_mark(event.body):
            self.cordoned_since.pop(name, None)
        else:  # a mark that was there before the audit has stood for longer than any limit
            self.cordoned_since.setdefault(name, datetime.min.replace(tzinfo=UTC) if event.listed else event.time)

    def _pod(self, event: ObjectSeen) -> None:
        if not event.gone:
            return
        node = str(facts.part(event.body, "spec").get("nodeName") or "")
        evicted = facts.was_evicted(event.body) or (self.before is not None and facts.was_evicted(self.before))
        self.removals.append(Removal(time=event.time, pod=event.body, node=node, evicted=evicted))

    def _leadership(self, body: Body) -> None:
        spec = facts.part(body, "spec")
        if facts.name_of(body) != facts.LEASE:
            return
        seen = (str(spec.get("holderIdentity") or ""), str(spec.get("renewTime")))
        if seen == self._lease:
            return
        self._lease = seen
        if seen[0]:
            self._extend(self.now, self.now + timedelta(seconds=float(spec.get("leaseDurationSeconds") or 15)))

    def _extend(self, start: datetime, end: datetime) -> None:
        if self._led and self._led[-1][1] >= start:
            self._led[-1] = (self._led[-1][0], max(end, self._led[-1][1]))
        else:
            self._led.append((start, end))

    def _is_wish(self, event: ObjectSeen) -> bool:
        """Whether a person changed what is wanted: a spec of ours, or an object that came or went."""
        if event.kind not in ("energynodes", "energypolicies", "trainingjobs"):
            return False
        return self.before is None or event.gone or self.before.get("spec") != event.body.get("spec")
