"""A cluster in memory around the real global loop: machines, kubelets, a scheduler, coordinators and people.

The operator runs in a `Process` (`loop_process`), which reaches the world only through its ports. What it did stands in
`World.writes`; the auditor looks at every entry.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sunward.cluster.access.api import core, ours
from sunward.cluster.access.times import format_time
from support.guards.scheduling import feasible
from support.loop.machines import START, Machine
from support.loop.objects import WORKERS, allowed_nodes, new_energy_node, new_node, new_pod, new_policy
from support.loop.store import Address, Body, Store

TICK = timedelta(seconds=5)
NOT_READY_AFTER = timedelta(seconds=20)
ROUND = timedelta(seconds=10)
PERIOD_SECONDS = 60
WAITS_FOR_EVER = "test.sunward.dev/waits-for-ever"
"""An annotation of pods that this scheduler never places, for a reason that nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One thing that left a process: a verb of the API, or `switch` with its answer to what was there before."""

    number: int
    process: str
    verb: str
    path: str
    body: Any
    before: Body | None = None

    @property
    def address(self) -> Address:
        """What was written to."""
        return Address(kind="relays", name=self.path) if self.verb == "switch" else Address.of(self.path)

    @property
    def is_lease(self) -> bool:
        """Whether only the Lease was written."""
        return self.address.kind == "leases"

    def __str__(self) -> str:
        return f"{self.number} {self.verb} {self.path}"


@dataclass(slots=True)
class Training:
    """What a coordinator knows: it lives in the pod, and in the workers' copies that outlast it."""

    round: int = 0
    round_ends: datetime | None = None
    rows: tuple[tuple[str, str, int], ...] = ()  # node, shard, batches of the running round
    cached: set[tuple[str, str]] = field(default_factory=set)  # node, shard


Watcher = Callable[["World", Write], None]


class World:
    """Everything outside the operator. Time passes only in `advance`."""

    def __init__(self, *, period_seconds: int = PERIOD_SECONDS, jobs: bool = True) -> None:
        self.now = START
        self.store = Store()
        self.machines = {name: Machine(name=name) for name in ("hub", *WORKERS)}
        self.training: dict[str, Training] = {}
        self.writes: list[Write] = []
        self.before_write: list[Watcher] = []
        self.after_write: list[Watcher] = []
        self.timeline: list[tuple[float, Callable[[World], None]]] = []
        self.data = "fresh"  # or "silent", "stale"
        self.unmetered: frozenset[str] = frozenset()  # nodes whose own meter says nothing
        self.skew = timedelta(0)  # of the operator's clock
        self.answers: dict[str, bytes] = {}  # by job: what its coordinator answers instead of its progress
        self.respawned = 0
        self.lives = 1
        self._fill(period_seconds)
        if jobs:
            add_job(self, "digits", {"pi-1": "a", "pi-3": "b"}, rounds=3)

    @property
    def seconds(self) -> float:
        """Monotonic clock."""
        return (self.now - START).total_seconds()

    def fork(self) -> World:
        """The same world once more, with nobody watching and no operator in it."""
        other = copy.copy(self)
        other.store = self.store.fork()
        other.machines, other.training = copy.deepcopy((self.machines, self.training))
        other.writes, other.timeline = list(self.writes), list(self.timeline)
        other.before_write, other.after_write = [], []
        return other

    def at(self, seconds: float, do: Callable[[World], None]) -> None:
        """What people or chance do at a time, whatever the operator does."""
        self.timeline.append((seconds, do))

    def advance(self, by: timedelta = TICK) -> None:
        """Let time pass for machines, kubelets, scheduler, controllers, coordinators and people."""
        self.now += by
        due = [entry for entry in self.timeline if entry[0] <= self.seconds]
        self.timeline = [entry for entry in self.timeline if entry[0] > self.seconds]
        for _, do in due:
            do(self)
        for machine in self.machines.values():
            machine.obey(self.now)
            self._kubelet(machine)
        self._schedule()
        for job in self.store.of("trainingjobs"):
            if job["metadata"]["namespace"] == "default":
                self._train(job)

    def power(self, name: str) -> str:
        """What the record of a node says; a node without one is awake."""
        body = self.store.find("energynodes", name) or {}
        return str((body.get("status") or {}).get("powerState") or "Awake")

    def pods_on(self, node: str) -> list[Body]:
        """Pods bound to a node, those that end included."""
        return [pod for pod in self.store.of("pods") if pod["spec"].get("nodeName") == node]

    def _fill(self, period_seconds: int) -> None:
        store = self.store
        store.create(ours("energypolicies"), new_policy(period_seconds))
        for name, zone in {"hub": "CLEAN", **WORKERS}.items():
            store.create(core("nodes"), new_node(name))
            store.create(ours("energynodes"), new_energy_node(name, zone))
            store.create(
                core("pods", namespace="kube-system"), new_pod(f"agent-{name}", name, "DaemonSet", "kube-system")
            )
        store.create(core("pods", namespace="default"), new_pod("web-0", "pi-3", "ReplicaSet", "default"))
        store.create(core("pods", namespace="default"), new_pod("web-1", "pi-2", "ReplicaSet", "default"))

    def _kubelet(self, machine: Machine) -> None:
        body = self.store.find("nodes", machine.name)
        assert body is not None
        if machine.alive(self.now):
            machine.heartbeat = self.now
            for pod in self.pods_on(machine.name):
                self._keep(pod)
        ready = machine.alive(self.now) or self.now - machine.heartbeat < NOT_READY_AFTER
        condition = body["status"]["conditions"][0]
        if (condition["status"] == "True") is not ready:
            condition = condition | {"status": str(ready), "lastTransitionTime": format_time(self.now)}
            self.store.put("nodes", {**body, "status": {**body["status"], "conditions": [condition]}})

    def _keep(self, pod: Body) -> None:
        """Ends what is to end, starts what was bound; a ReplicaSet makes a new pod for one that ended."""
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp"):
            self.store.delete(core("pods", metadata["name"], namespace=metadata["namespace"]))
            if metadata["ownerReferences"][0]["kind"] == "ReplicaSet":
                self.respawned += 1
                new = new_pod(f"web-new-{self.respawned}", "", "ReplicaSet", metadata["namespace"])
                self.store.create(core("pods", namespace=metadata["namespace"]), new)
        elif pod["status"]["phase"] == "Pending":
            self.store.put("pods", {**pod, "status": {"phase": "Running"}})

    def _schedule(self) -> None:
        for pod in self.store.of("pods"):
            if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
                continue
            node = next(
                (name for name in allowed_nodes(pod) if self._takes_pods(name) and self._suits(pod, name)), None
            )
            if node is None:
                self._note_unschedulable(pod)
            else:
                spec = pod["spec"] | {"nodeName": node}
                self.store.put("pods", {**pod, "spec": spec, "status": {"phase": "Pending"}})

    def _suits(self, pod: Body, name: str) -> bool:
        if WAITS_FOR_EVER in (pod["metadata"].get("annotations") or {}):
            return False
        nodes = self.store.of("nodes")
        placed = [(one, one["spec"]["nodeName"]) for one in self.store.of("pods") if one["spec"].get("nodeName")]
        return feasible(pod, next(node for node in nodes if node["metadata"]["name"] == name), nodes, placed)

    def _note_unschedulable(self, pod: Body) -> None:
        if pod["status"].get("conditions"):
            return
        said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/4 nodes"}
        row = said | {"lastTransitionTime": format_time(self.now)}
        self.store.put("pods", {**pod, "status": {"phase": "Pending", "conditions": [row]}})

    def _takes_pods(self, name: str) -> bool:
        body = self.store.find("nodes", name)
        assert body is not None
        taints = [taint for taint in body["spec"].get("taints") or () if taint["effect"] != "PreferNoSchedule"]
        ready = body["status"]["conditions"][0]["status"] == "True"
        return ready and not taints and not body["spec"].get("unschedulable")

    def _runs(self, pod_name: str) -> bool:
        pod = self.store.find("pods", pod_name, "default")
        if pod is None or pod.get("status", {}).get("phase") != "Running":
            return False
        return self.machines[pod["spec"]["nodeName"]].alive(self.now)

    def _train(self, job: Body) -> None:
        """One coordinator: rounds of fixed length with whoever of the assignment has a worker."""
        name = job["metadata"]["name"]
        config = self.store.find("configmaps", f"{name}-assignment", "default")
        state = self.training.setdefault(name, Training())
        if config is None or not self._runs(f"{name}-coordinator"):
            state.round_ends, state.rows = None, ()
            return
        if state.round_ends is not None and self.now >= state.round_ends:
            state.round += 1
            state.round_ends = None
            state.cached |= {(node, shard) for node, shard, _ in state.rows}
            state.rows = ()
        if state.round >= job["spec"]["rounds"]:
            self._end_workers(name)
            return
        rows = [
            (worker["node"], row["shard"], row["batches"])
            for worker in json.loads(config["data"]["assignment.json"])["workers"]
            for row in worker["shards"]
        ]
        if state.round_ends is None and rows and all(self._runs(f"{name}-worker-{node}") for node, _, _ in rows):
            state.rows, state.round_ends = tuple(rows), self.now + ROUND

    def _end_workers(self, job: str) -> None:
        for pod in self.store.of("pods"):
            if pod["metadata"].get("labels", {}).get("sunward.dev/job") == job:
                self.store.put("pods", {**pod, "status": {"phase": "Succeeded"}})

    def answer(self, address: str) -> bytes | None:
        """What the coordinator behind a Service's address sends; None when nobody listens."""
        service = next((s for s in self.store.of("services") if s["spec"]["clusterIP"] == address), None)
        said = None if service is None else self.answers.get(service["metadata"]["labels"]["sunward.dev/job"])
        progress = self.progress(address)
        return said or (None if progress is None else json.dumps(progress).encode())

    def progress(self, address: str) -> Body | None:
        """What the coordinator behind a Service's address answers; None when nobody listens."""
        service = next((s for s in self.store.of("services") if s["spec"]["clusterIP"] == address), None)
        if service is None:
            return None
        name = service["metadata"]["labels"]["sunward.dev/job"]
        job, state = self.store.find("trainingjobs", name, "default"), self.training.get(name)
        over = state is not None and job is not None and state.round >= job["spec"]["rounds"]
        if job is None or state is None or not (over or self._runs(f"{name}-coordinator")):
            return None
        homes = {shard["node"]: shard["name"] for shard in job["spec"]["shards"]}
        busy = {node for node, _, _ in state.rows}
        nodes = sorted(node for node in WORKERS if self._runs(f"{name}-worker-{node}"))
        return {
            "schema": "sunward.dev/progress/v1alpha1",
            "round": state.round,
            "phase": "complete" if over else "training" if state.rows else "waiting",
            "workers": [
                {
                    "node": node,
                    "state": "alive",
                    "round_batches_assigned": 50 if node in busy else 0,
                    "cached_shards": sorted(shard for holder, shard in state.cached if holder == node),
                    "home_shards": [homes[node]] if node in homes else [],
                }
                for node in nodes
            ],
        }


def add_job(
    world: World,
    name: str,
    homes: Mapping[str, str],
    *,
    rounds: int,
    mobility: str = "Anywhere",
    namespace: str = "default",
    **spec: Any,
) -> None:
    """People submit a TrainingJob with one shard per home, and with other fields of its spec."""
    body = {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "runtime": {"flower": {"image": "sunward-trainer:0.1.0", "model": "mnist-mlp"}},
            "rounds": rounds,
            "stepsPerRound": 50,
            "batchSize": 32,
            "shards": [{"name": s, "node": n, "samples": 1000, "sizeMebibytes": 1} for n, s in homes.items()],
            "dataMobility": mobility,
            "maximumOffloadPercent": 100,
            "cost": {"milliwattHoursPerThousandBatches": 1000, "millisecondsPerBatch": 200},
            **spec,
        },
    }
    world.store.create(ours("trainingjobs", namespace=namespace), body)


def override(world: World, node: str, power: str | None) -> None:
    """A person sets or removes an override, which holds for longer than any test."""
    until = format_time(START + timedelta(days=365))
    value = None if power is None else {"power": power, "until": until, "reason": "maintenance"}
    world.store.patch(ours("energynodes", node), {"spec": {"override": value}})


def cordon_by_hand(world: World, node: str) -> None:
    """A person cordons a node."""
    world.store.patch(core("nodes", node), {"spec": {"unschedulable": True}})
