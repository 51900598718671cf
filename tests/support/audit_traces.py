"""Short histories of a small cluster for the auditor: three managed nodes, a hub, and what is told to happen."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from sunward_audit import Auditor, LogLine, ObjectSeen, Quiescence, RelayOrder, RelayRead, Request, Tick
from sunward_audit.events import Event
from sunward_audit.verdicts import Source

Body = dict[str, Any]
START = datetime(2026, 6, 21, 12, tzinfo=UTC)
OPERATOR = "system:serviceaccount:sunward-system:sunward-operator"
MARK = "sunward.dev/cordoned-by"
TAINT: Body = {"key": "sunward.dev/asleep", "effect": "NoSchedule"}
WORKERS = ("pi-1", "pi-2", "pi-3")


def at(seconds: float) -> str:
    """A time of the trace as objects carry it."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


class Trace:
    """Events for an auditor that judges one invariant. Every method happens at `seconds`, which only you move."""

    def __init__(self, invariant: str, **options: Any) -> None:
        self.seconds = 0.0
        self.auditor = Auditor(only=(invariant,), **options)
        self.objects: dict[tuple[str, str], Body] = {}
        self._put("energypolicies", _policy(), listed=True)
        for name in ("hub", *WORKERS):
            self._put("nodes", _node(name), listed=True)
            self._put("energynodes", _energy_node(name), listed=True)

    @property
    def broken(self) -> list[str]:
        """What was found, in words without evidence."""
        return [found.what for found in self.auditor.violations]

    @property
    def judged(self) -> int:
        """How often something was judged."""
        return self.auditor.report().findings[0].judged

    def take(self, event: Event) -> None:
        """Show any event."""
        self.auditor.take(event)

    def wait(self, seconds: float) -> Trace:
        """Let time pass."""
        self.seconds += seconds
        self.take(Tick(time=self.now))
        return self

    @property
    def now(self) -> datetime:
        """The instant at which the next thing happens."""
        return START + timedelta(seconds=self.seconds)

    def change(self, kind: str, name: str, **parts: Any) -> Trace:
        """Merge into an object and show it; None takes a key away."""
        body = copy.deepcopy(self.objects[kind, name])
        _merge(body, parts)
        self._put(kind, body)
        return self

    def create(self, kind: str, body: Body) -> Trace:
        """A new object."""
        self._put(kind, body)
        return self

    def delete(self, kind: str, name: str) -> Trace:
        """An object goes."""
        self.take(ObjectSeen(time=self.now, kind=kind, body=self.objects.pop((kind, name)), gone=True))
        return self

    def pod(self, name: str, node: str, *, owner: str = "ReplicaSet", phase: str = "Running", **more: Any) -> Trace:
        """A pod that runs on a node."""
        metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": {"app": "web"}}
        body: Body = {
            "metadata": metadata | {"ownerReferences": [{"kind": owner}]},
            "spec": {"nodeName": node},
            "status": {"phase": phase},
        }
        _merge(body, more)
        return self.create("pods", body)

    def cordon(self, node: str, *, mark: bool = True) -> Trace:
        """The cordon, with our mark and taint or without."""
        if not mark:
            return self.change("nodes", node, spec={"unschedulable": True})
        return self.change(
            "nodes", node, metadata={"annotations": {MARK: "op"}}, spec={"unschedulable": True, "taints": [TAINT]}
        )

    def uncordon(self, node: str) -> Trace:
        """Cordon, mark and taint go."""
        return self.change(
            "nodes", node, metadata={"annotations": {MARK: None}}, spec={"unschedulable": None, "taints": []}
        )

    def state(self, node: str, state: str, *, operation: str = "op-1", token: int = 1, **status: Any) -> Trace:
        """The operator writes a record; `deadline` is in seconds from now."""
        deadline = status.pop("deadline", 60)
        told = {
            "powerState": state,
            "operation": {
                "id": operation,
                "leaseTransitions": token,
                "deadline": at(self.seconds + deadline),
                "attempt": status.pop("attempt", 1),
            },
            "lastTransition": {"time": at(self.seconds)},
            **status,
        }
        return self.change("energynodes", node, status=told)

    def sleep(self, node: str, **status: Any) -> Trace:
        """A whole sleep up to the request for the power to be cut."""
        self.state(node, "Cordoned", **status)
        self.cordon(node)
        self.state(node, "Draining", **status)
        return self.state(node, "PowerOffRequested", **status)

    def order(self, node: str, on: bool, operation: str = "op-1", token: int = 1, process: str = "a") -> Trace:
        """A relay is asked to switch."""
        self.take(
            RelayOrder(time=self.now, relay=node, node=node, on=on, operation=operation, token=token, process=process)
        )
        return self

    def shows(self, node: str, on: bool) -> Trace:
        """A relay is read."""
        self.take(RelayRead(time=self.now, relay=node, node=node, on=on))
        return self

    def request(
        self, verb: str, kind: str, name: str, body: Any = None, *, sub: str = "", user: str = OPERATOR
    ) -> Trace:
        """The API server took a write."""
        space = "default" if kind == "pods" else ""
        self.take(
            Request(time=self.now, user=user, verb=verb, kind=kind, namespace=space, name=name, sub=sub, body=body)
        )
        return self

    def log(self, text: str) -> Trace:
        """A log line."""
        self.take(LogLine(time=self.now, source="operator.log", text=text))
        return self

    def calm(self, settle: float, quiet: float) -> Trace:
        """Nobody disturbs any more."""
        self.take(Quiescence(time=self.now, settle=timedelta(seconds=settle), quiet=timedelta(seconds=quiet)))
        return self

    def lease(self, holder: str, count: int) -> Trace:
        """The Lease is renewed."""
        spec = {
            "holderIdentity": holder,
            "leaseTransitions": count,
            "leaseDurationSeconds": 15,
            "renewTime": at(self.seconds),
        }
        self._put("leases", {"metadata": {"name": "sunward-operator", "namespace": "sunward-system"}, "spec": spec})
        return self

    def _put(self, kind: str, body: Body, *, listed: bool = False) -> None:
        self.objects[kind, body["metadata"]["name"]] = body
        self.take(ObjectSeen(time=self.now, kind=kind, body=body, listed=listed))


def with_journal(invariant: str) -> Trace:
    """A trace for an auditor that has every source but the secrets."""
    return Trace(invariant, sources=(Source.ORDERS, Source.REQUESTS, Source.LOGS))


def plan(*, age: int = 5, quality: str = "Measured", zone_age: int = 60, zone_quality: str | None = "Measured") -> Body:
    """An EnergyPlan with the inputs of pi-3."""
    zone: Body = {"zone": "DIRTY", "ageSeconds": zone_age}
    zone |= {"quality": zone_quality} if zone_quality else {}
    inputs = {"nodes": [{"node": "pi-3", "powerAgeSeconds": age, "powerQuality": quality}], "zones": [zone]}
    return {"metadata": {"name": "plan-1"}, "spec": {"periodStart": at(0)}, "status": {"inputs": inputs}}


def settlement(*, closing: int = 0, used: int = 600, stored: int = 0) -> Body:
    """A settled plan of one node with 1 mWh of harvest."""
    row = {
        "node": "pi-3",
        "loadMicrowattHours": 2000,
        "harvestMicrowattHours": 1000,
        "harvestUsedMicrowattHours": used,
        "harvestSentMicrowattHours": 300,
        "harvestStoredMicrowattHours": stored,
        "harvestCurtailedMicrowattHours": 100,
        "closingErrorPartsPerMillion": closing,
    }
    settled = {"closingErrorPartsPerMillion": closing, "totals": {"loadMicrowattHours": 2000}, "nodes": [row]}
    return {"metadata": {"name": "plan-1"}, "spec": {"periodStart": at(0)}, "status": {"settlement": settled}}


def _policy() -> Body:
    budgets = {"dwellSeconds": 600, "bootTimeoutSeconds": 60, "wakeRetrySeconds": [20, 40, 60]}
    return {"metadata": {"name": "default"}, "spec": {"mode": "Active", "budgets": budgets}}


def _node(name: str) -> Body:
    labels = {"sunward.dev/managed": "true"}
    if name == "hub":
        labels["node-role.kubernetes.io/control-plane"] = ""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": at(-3600)}
    return {
        "metadata": {"name": name, "labels": labels, "annotations": {}},
        "spec": {},
        "status": {"conditions": [ready]},
    }


def _energy_node(name: str) -> Body:
    sleep = {"driver": "Shelly", "minimumAwakeSeconds": 1800, "maximumCyclesPerDay": 2}
    spec = {"gridZone": "DIRTY", "role": "AlwaysOn" if name == "hub" else "Worker", "sleep": sleep}
    return {"metadata": {"name": name}, "spec": spec}


def _merge(body: Body, parts: Body) -> None:
    for key, value in parts.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(body.get(key), dict):
            _merge(body[key], value)
        else:
            body[key] = value
