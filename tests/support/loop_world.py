"""A cluster in memory around the real global loop: machines, kubelets, a scheduler, coordinators and people.

The operator runs in a `Process`, which can be killed before or after any write that leaves it, and which reaches the
world only through the ports. What it did stands in `World.writes`; the auditor looks at every entry.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

import aiohttp

from sunward.accounting.ledger import PeriodLedger
from sunward.cluster.api import core, ours
from sunward.cluster.drivers import Drivers
from sunward.cluster.lease import Lease
from sunward.cluster.loop import Loop, Ports
from sunward.cluster.observe import Identity
from sunward.cluster.ports import Sensors
from sunward.cluster.schema import format_time
from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Absent, Measurement, Metered, Quality, Window
from sunward.domain.nodes import MeterFacts, NodeSpec, NodeView
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.steps import PowerReading, Step
from sunward.optimisation.problem import Problem
from sunward.optimisation.solution import Solution
from sunward.optimisation.solve import solve
from support.loop_store import Address, Body, Store, cloned
from support.planning import some_forecasts

START = datetime(2026, 6, 21, 12, tzinfo=UTC)
TICK = timedelta(seconds=5)
BOOT = timedelta(seconds=15)
NOT_READY_AFTER = timedelta(seconds=20)
ROUND = timedelta(seconds=10)
PERIOD_SECONDS = 60
IDLE_WATTS = 2.7
ZONES = {"CLEAN": 24.0, "MIXED": 240.0, "DIRTY": 610.0}
WORKERS = {"pi-1": "CLEAN", "pi-2": "MIXED", "pi-3": "DIRTY"}
FOREIGN_TAINT: Body = {"key": "example.org/fragile", "value": "yes", "effect": "PreferNoSchedule"}


class Death(BaseException):
    """The process ends here. No Exception, so that nothing in the operator can survive it."""


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
class Machine:
    """One machine behind its relay."""

    name: str
    on: bool = True
    boot_done: datetime = START - timedelta(days=1)
    heartbeat: datetime = START
    relay_lag: timedelta = timedelta(0)
    asked: bool | None = None  # what the relay was told and has not done yet
    obeys_at: datetime = START
    listens: bool = True  # whether the relay follows orders at all
    silent: bool = False  # whether it leaves questions without an answer
    lies: bool = False  # whether it says the opposite of its output; its meter does not lie
    boots: bool = True
    kubelet: bool = True

    def ask(self, on: bool, now: datetime) -> None:
        """The relay takes an order and follows it after its lag."""
        if not self.listens:
            return
        self.asked, self.obeys_at = on, now + self.relay_lag
        self.obey(now)

    def obey(self, now: datetime) -> None:
        """What the relay was told happens when its time has come."""
        if self.asked is None or now < self.obeys_at:
            return
        if self.asked and not self.on:
            self.boot_done = now + BOOT
        self.on, self.asked = self.asked, None

    def alive(self, now: datetime) -> bool:
        """Whether it has power and has booted."""
        return self.on and self.boots and self.kubelet and now >= self.boot_done


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
        store.create(ours("energypolicies"), _policy(period_seconds))
        for name, zone in {"hub": "CLEAN", **WORKERS}.items():
            store.create(core("nodes"), _node(name))
            store.create(ours("energynodes"), _energy_node(name, zone))
            store.create(core("pods", namespace="kube-system"), _pod(f"agent-{name}", name, "DaemonSet", "kube-system"))
        store.create(core("pods", namespace="default"), _pod("web-0", "pi-3", "ReplicaSet", "default"))
        store.create(core("pods", namespace="default"), _pod("web-1", "pi-2", "ReplicaSet", "default"))

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
                new = _pod(f"web-new-{self.respawned}", "", "ReplicaSet", metadata["namespace"])
                self.store.create(core("pods", namespace=metadata["namespace"]), new)
        elif pod["status"]["phase"] == "Pending":
            self.store.put("pods", {**pod, "status": {"phase": "Running"}})

    def _schedule(self) -> None:
        for pod in self.store.of("pods"):
            if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
                continue
            node = next((name for name in _allowed(pod) if self._takes_pods(name)), None)
            if node is not None:
                spec = pod["spec"] | {"nodeName": node}
                self.store.put("pods", {**pod, "spec": spec, "status": {"phase": "Pending"}})

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


def _policy(period_seconds: int) -> Body:
    budgets = {
        "nodesInTransition": 1,
        "minimumAwakeNodes": 1,
        "dwellSeconds": 0,
        "warmUpSeconds": 5,
        "drainTimeoutSeconds": 60,
        "powerOffTimeoutSeconds": 30,
        "bootTimeoutSeconds": 60,
        "wakeIntervalSeconds": 10,
        "wakeRetrySeconds": [20, 40, 60],
    }
    spec = {
        "mode": "Active",
        "planningPeriodSeconds": period_seconds,
        "horizonPeriods": 3,
        "budgets": budgets,
        "namespaces": ["default"],
    }
    return {"kind": "EnergyPolicy", "metadata": {"name": "default"}, "spec": spec}


def _node(name: str) -> Body:
    labels = {"sunward.dev/managed": "true"}
    if name == "hub":
        labels["node-role.kubernetes.io/control-plane"] = ""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": format_time(START - timedelta(days=1))}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"example.org/owner": "lab"}},
        "spec": {"taints": [dict(FOREIGN_TAINT)]},
        "status": {"conditions": [ready], "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "110"}},
    }


def _energy_node(name: str, zone: str) -> Body:
    power = {"idleMilliwatts": 2700, "busyMilliwatts": 6400, "asleepMilliwatts": 100, "wakeSeconds": 15}
    sleep: Body = {"driver": "None"}
    if name != "hub":
        sleep = {"driver": "Shelly", "driverRef": {"name": f"relay-{name}"}, "maximumCyclesPerDay": 20}
    sleep |= {"minimumAwakeSeconds": 0, "minimumAsleepSeconds": 0}
    role = "AlwaysOn" if name == "hub" else "Worker"
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyNode",
        "metadata": {"name": name},
        "spec": {"gridZone": zone, "role": role, "power": power, "sleep": sleep},
    }


def _pod(name: str, node: str, owner: str, namespace: str) -> Body:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "ownerReferences": [{"kind": owner, "name": "owner", "uid": "owner", "controller": True}],
        },
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Running" if node else "Pending"},
    }


def _allowed(pod: Body) -> Sequence[str]:
    """Nodes that the pod's affinity names; without one, every worker."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity")
    if affinity is None:
        return tuple(WORKERS)
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return tuple(terms[0]["matchFields"][0]["values"])


def add_job(world: World, name: str, homes: Mapping[str, str], *, rounds: int, mobility: str = "Anywhere") -> None:
    """People submit a TrainingJob with one shard per home."""
    body = {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "rounds": rounds,
            "stepsPerRound": 50,
            "shards": [{"name": s, "node": n, "samples": 1000, "sizeMebibytes": 1} for n, s in homes.items()],
            "dataMobility": mobility,
            "maximumOffloadPercent": 100,
            "cost": {"milliwattHoursPerThousandBatches": 1000, "millisecondsPerBatch": 200},
        },
    }
    world.store.create(ours("trainingjobs", namespace="default"), body)


def override(world: World, node: str, power: str | None) -> None:
    """A person sets or removes an override."""
    value = None if power is None else {"power": power, "reason": "maintenance"}
    world.store.patch(ours("energynodes", node), {"spec": {"override": value}})


def cordon_by_hand(world: World, node: str) -> None:
    """A person cordons a node."""
    world.store.patch(core("nodes", node), {"spec": {"unschedulable": True}})


Hook = Callable[[str, str, bool], None]
"""Asked with verb, path, and whether it is done already; what it raises is what the operator gets for an answer."""


class Process:
    """One life of the operator: the real loop, wired to the world through ports that can kill it or fail."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        identity: str = "",
        faults: Hook | None = None,
        deaths: Iterable[tuple[int, str]] = (),
        drivers: Drivers | None = None,
        sensors: Sensors | None = None,
    ) -> None:
        self.world = world
        self.name = name
        identity = identity or name
        self.dead = False
        self.deaths = iter(deaths)
        self.die_at = next(self.deaths, None)
        self.faults = faults
        self.failures: list[str] = []
        api = ProcessApi(self)
        self.lease = Lease(api, "sunward-system", identity, monotonic=lambda: world.seconds)
        self.loop = Loop(
            Ports(
                api=api,
                session=cast(aiohttp.ClientSession, Session(self)),
                sensors=sensors or WorldSensors(world),
                intensities=WorldIntensities(world),
                forecaster=FlatForecaster(),
                solver=Solver(),
                drivers=drivers or WorldDrivers(self),
                reporter=SilentReporter(self),
                lease=self.lease,
                identity=Identity(started_at=world.now + world.skew, node_name="hub"),
                clock=lambda: world.now + world.skew,
            )
        )

    async def tick(self) -> None:
        """One pass, as `Loop.run` makes it: an error ends the pass, not the process."""
        try:
            await self.loop.tick()
        except Exception as error:  # the same shell as Loop.run
            self.failures.append(f"{type(error).__name__}: {error}")

    def successor(self) -> Process:
        """The process that a new pod starts; it may have its own death before it."""
        self.world.lives += 1
        return Process(self.world, f"life-{self.world.lives}", faults=self.faults, deaths=self.deaths)

    def must_live(self) -> None:
        """A dead process does nothing more, not even in tasks that still run."""
        if self.dead:
            raise Death

    def write(self, verb: str, path: str, body: Any, do: Callable[[], Any]) -> Any:
        """One external write: counted, watched, and the place to die."""
        self.must_live()
        if self.faults is not None:
            self.faults(verb, path, False)
        world = self.world
        before = None if verb == "switch" else world.store.find(*_found(path))
        write = Write(
            number=len(world.writes) + 1, process=self.name, verb=verb, path=path, body=body, before=_copy(before)
        )
        self._die_if(write.number, "before")
        for watch in world.before_write:
            watch(world, write)
        result = do()
        world.writes.append(write)
        for watch in world.after_write:
            watch(world, write)
        self._die_if(write.number, "after")
        if self.faults is not None:
            self.faults(verb, path, True)
        return result

    def _die_if(self, number: int, phase: str) -> None:
        if self.die_at == (number, phase):
            self.dead = True
            raise Death


def _found(path: str) -> tuple[str, str, str]:
    where = Address.of(path)
    return where.kind, where.name, where.namespace


def _copy(body: Body | None) -> Body | None:
    return None if body is None else cast(Body, cloned(body))


class ProcessApi:
    """`Api` of one process over the world's store."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._store = process.world.store

    def _read(self, verb: str, path: str) -> None:
        self._process.must_live()
        if self._process.faults is not None:
            self._process.faults(verb, path, False)

    async def get(self, path: str) -> Body:
        self._read("GET", path)
        return self._store.get(path)

    async def list(self, path: str, **selectors: str) -> list[Body]:
        self._read("LIST", path)
        return self._store.list(path, selectors.get("labelSelector", ""))

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        return cast(Body, self._process.write("POST", path, body, lambda: self._store.create(path, body)))

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        return cast(Body, self._process.write("PATCH", path, body, lambda: self._store.patch(path, body)))

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        return cast(Body, self._process.write("PUT", path, body, lambda: self._store.replace(path, body)))

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        self._process.write("DELETE", path, {"uid": uid}, lambda: self._store.delete(path, uid))


class WorldDrivers(Drivers):
    """Every node but the hub has a relay."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def of(self, node: NodeView) -> Relay | None:
        """The relay in front of a node."""
        return None if node.name == "hub" else Relay(self._process, node.name)


class Relay:
    """A relay that obeys at once and meters what the machine draws."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._machine = process.world.machines[name]

    async def read(self) -> PowerReading | None:
        self._process.must_live()
        machine, world = self._machine, self._process.world
        if machine.silent:
            return None
        watts = IDLE_WATTS if machine.on else 0.0
        return PowerReading(is_on=machine.on is not machine.lies, watts=watts, time=world.now + world.skew)

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        body = {"node": self._machine.name, "on": on, "operation": operation, "token": fencing_token}
        machine, now = self._machine, self._process.world.now
        self._process.write("switch", machine.name, body, lambda: machine.ask(on, now))


class WorldSensors:
    """Meters of the machines that run."""

    settle_delay_seconds = 10.0

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        if self._world.data == "silent":
            raise SourceUnavailable("prometheus", "connection refused")
        true = self._world.now
        taken = true - timedelta(minutes=10) if self._world.data == "stale" else true
        return {spec.name: self._facts(spec.name, taken) for spec in nodes}

    def _facts(self, name: str, taken: datetime) -> MeterFacts:
        absent = Absent(reason=Reason.DATA_MISSING, source="test")
        power: Measurement | Absent = absent
        if name not in self._world.unmetered and self._world.machines[name].alive(self._world.now):
            power = Measurement(value=IDLE_WATTS, time=taken, quality=Quality.MEASURED, source="test")
        return MeterFacts(power_watts=power, harvest_watts=absent, battery_ratio=absent)

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        if self._world.data == "silent":
            raise SourceUnavailable("prometheus", "connection refused")
        hours = (end - start).total_seconds() / 3600
        return {spec.name: Metered(load=Window(watt_hours=IDLE_WATTS * hours), harvest=None) for spec in nodes}


class WorldIntensities:
    """Three zones that never change."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(self, source: str, zones: Sequence[str], now: datetime) -> Mapping[str, ZoneIntensity]:
        return {
            zone: ZoneIntensity(
                zone=zone,
                now_grams_per_kilowatt_hour=Measurement(
                    value=ZONES[zone], time=self._world.now, quality=Quality.MEASURED, source="test"
                ),
                forecast_grams_per_kilowatt_hour=None,
                basis="average-lifecycle",
            )
            for zone in zones
        }


class FlatForecaster:
    """Tomorrow is like now."""

    def __call__(self, snapshot: Snapshot, start: datetime) -> Forecasts:
        return replace(some_forecasts(snapshot), start=start)

    def remember(self, snapshot: Snapshot) -> None:
        """Nothing to remember."""


class Solver:
    """The real solvers in this process. Equal problems have equal answers, so each is solved once."""

    known: dict[tuple[str, str], Solution] = {}  # noqa: RUF012  # shared on purpose: solving is pure

    def solve(self, problem: Problem, *, solver: str, time_limit_seconds: float) -> Solution:
        """Solve, or remember."""
        key = (problem.to_json(), solver)
        if key not in self.known:
            self.known[key] = solve(problem, solver=solver, time_limit_seconds=time_limit_seconds)
        return self.known[key]


class SilentReporter:
    """Keeps what failed."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def planned(self, plan: Plan, snapshot: Snapshot, seconds: float) -> None: ...
    def stepped(self, step: Step) -> None: ...
    def settled(self, ledger: PeriodLedger, baseline_grams: float | None) -> None: ...
    def observed(self, snapshot: Snapshot) -> None: ...
    def failed(self, where: str, error: Exception) -> None:
        self._process.failures.append(f"{where}: {error}")


class Session:
    """The one request that the operator makes of coordinators."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def get(self, url: str, **_: Any) -> Answer:
        self._process.must_live()
        return Answer(self._process.world.progress(url.removeprefix("http://").split(":")[0]))


class Answer:
    """An answer of a coordinator, or the silence of one that is not there."""

    def __init__(self, body: Body | None) -> None:
        self._body = body

    async def __aenter__(self) -> Self:
        if self._body is None:
            raise aiohttp.ClientConnectionError("connection refused")
        return self

    async def __aexit__(self, *_: object) -> None: ...
    def raise_for_status(self) -> None: ...
    async def json(self, **_: Any) -> Body:
        assert self._body is not None
        return self._body


async def run(world: World, process: Process, seconds: float) -> Process:
    """Passes until a time of the world; a process that dies is followed by a new one. Returns who lives then."""
    while world.seconds < seconds:
        try:
            await process.tick()
        except Death:
            process = process.successor()
        world.advance()
    return process
