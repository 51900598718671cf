"""What tenants may put before the operator, generated: jobs, pods, quotas, limits, labels, ConfigMaps, Services and the
answers of coordinators; and deletions at any time.

The administrator's own client sends it, so that only the API server's definitions and admission stand between an object
and the operator. What the server refuses is counted and otherwise left alone.
"""

from __future__ import annotations

import gzip
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from support.crds import Api
from support.hostile import BAD_VALUES, fields_of, spoilt
from support.real import objects as real_objects
from support.real.cluster import RealWorld
from support.real.training import PROGRESS_PORT, door_context

Body = dict[str, Any]
HOME: Final = "default"
LISTED: Final = "team-listed"
"""In the policy's list, and the operator has no rights there."""
FOREIGN: Final = "team-foreign"
"""In no list."""
SPACES: Final = (HOME, HOME, HOME, LISTED, FOREIGN)
RESIDENTS: Final = 3
MOST_ALIVE: Final = 40
"""Objects that stand at one time; the oldest go first."""
NAMES: Final = (
    "job",
    "mnist",
    "digits",
    "a-worker-b",
    "x" * 40,
    "x" * 51,
    "x" * 52,
    "2026-mnist",
    "my.job",
    "Upper",
    "-",
    "coordinator",
)
DEADLINES: Final = (
    "2030-11-22T18:00:00Z",
    "2030-11-22t18:00:00z",
    "2030-11-22T18:00:00+99:99",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "soon",
)
PROGRESS: Final = {
    "schema": "sunward.dev/progress/v1alpha1",
    "round": 3,
    "phase": "training",
    "accuracy_percent": 91.5,
    "data_set": "mnist",
    "checkpoint_time": "2026-11-22T10:00:00Z",
    "batches_total": {"nodes": {"pi-01": 300}, "offloaded": {"a": 150}},
    "history": [{"round": 3, "seconds": 2.5}],
    "workers": [
        {
            "node": "pi-01",
            "state": "alive",
            "round_batches_assigned": 100,
            "seconds_per_batch": 0.5,
            "home_shards": ["a"],
        }
    ],
}


@dataclass(slots=True, kw_only=True)
class Tenants:
    """Tenants of one cluster, who act once at every call of `act`."""

    world: RealWorld
    dice: random.Random
    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    _alive: deque[str] = field(default_factory=deque)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))

    @property
    def objects(self) -> int:
        """How many objects were sent, those that the server refused included."""
        return sum(self.made.values()) + sum(self.refused.values())

    @property
    def _always_on(self) -> list[str]:
        """Nodes without a switch: data and pods on the others may keep those awake, and rightly so."""
        return [name for name, machine in self.world.machines.items() if not machine.switchable]

    @property
    def _admin(self) -> Api:
        return self.world.admin

    def prepare(self) -> None:
        """The namespaces of the tenants, and jobs that stay: their coordinators are asked in every pass."""
        for name in (LISTED, FOREIGN):
            self.world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for number in range(RESIDENTS):
            body = real_objects.training_job(f"resident-{number}", self._always_on[:1], rounds=10_000)
            body["spec"] |= {"dataMobility": "Never", "cost": None}
            self.world.create(body)

    def act(self) -> None:
        """One object comes; now and then one goes in the middle of whatever the operator does."""
        kinds: list[tuple[str, int, Callable[[], Body]]] = [
            ("job", 10, self._job),
            ("pod", 5, self._pod),
            ("quota", 1, self._quota),
            ("limits", 1, self._limits),
            ("configmap", 2, self._config_map),
            ("service", 2, self._service),
        ]
        name, _, make = self.dice.choices(kinds, weights=[weight for _, weight, _ in kinds])[0]
        self._send(name, make())
        if self.dice.random() < 0.3:
            self._label()
        while len(self._alive) > MOST_ALIVE or (self._alive and self.dice.random() < 0.1):
            self._delete(self.dice.randrange(len(self._alive)))

    def leave(self) -> None:
        """Everything that still stands goes."""
        while self._alive:
            self._delete(0)

    def _send(self, kind: str, body: Body) -> None:
        answer = self._admin.create(body)
        if answer.code == 201:
            self.made[kind] += 1
            self._alive.append(_path(answer.body))
        else:
            self.refused[f"{kind} {answer.code}"] += 1

    def _delete(self, index: int) -> None:
        path = self._alive[index]
        del self._alive[index]
        self._admin.delete(path)

    def _label(self) -> None:
        """Somebody labels and annotates an object that stands."""
        if self._alive:
            key = self.dice.choice(("x", "sunward.dev/job", "sunward.dev/component", "app.kubernetes.io/managed-by"))
            value = self.dice.choice(("a" * 63, "a" * 64, "coordinator", "worker", "sunward", ""))
            notes = {"sunward.dev/plan": "x" * 1000, "sunward.dev/do-not-disrupt": "9999-12-31T23:59:59-23:59"}
            patch = {"metadata": {"labels": {key: value}, "annotations": notes}}
            self._admin.merge(self.dice.choice(self._alive), patch)

    def _name(self) -> str:
        name = self.dice.choice(NAMES)
        return f"{name}-{next(self._numbers)}" if self.dice.random() < 0.9 else name

    def _job(self) -> Body:
        nodes = [*self._always_on, "no-such-node"]
        count = self.dice.choice((1, 2, 3, 256))
        body = real_objects.training_job(self._name(), self.dice.choices(nodes, k=count), rounds=10_000)
        body["metadata"]["namespace"] = self.dice.choice(SPACES)
        spec = body["spec"]
        spec["dataMobility"] = "Never"
        for number, shard in enumerate(spec["shards"]):
            shard["name"] = f"s{number}"
        if self.dice.random() < 0.5:
            spec["cost"] = None
        if self.dice.random() < 0.4:
            spec["deadline"] = self.dice.choice(DEADLINES)
        if self.dice.random() < 0.4:
            self._spoil(spec)
        return body

    def _spoil(self, spec: Body) -> None:
        """One field of a spec gets a value that JSON can hold and nobody expects."""
        path = self.dice.choice(list(fields_of(spec)))
        place: Any = spec
        for step in path[:-1]:
            place = place[step]
        usable = [text for name, text in BAD_VALUES.items() if "nested" not in name and "digits" not in name]
        try:
            place[path[-1]] = json.loads(self.dice.choice(usable))
            json.dumps(spec, allow_nan=False).encode()
        except ValueError:
            place[path[-1]] = self.dice.choice((-1, 0, 10**30, "", "x" * 10_000, None, [], {}))

    def _pod(self) -> Body:
        """A pod that wants to stay, or that takes the name and the labels of a job's own."""
        job = self._name()
        node = self.dice.choice(self._always_on)
        labels = {"sunward.dev/job": job[:63], "app.kubernetes.io/managed-by": "sunward"}
        labels["sunward.dev/component"] = self.dice.choice(("coordinator", "worker", "x"))
        name = self.dice.choice((f"{job}-coordinator", f"{job}-worker-{node}", job))
        notes = {"sunward.dev/do-not-disrupt": self.dice.choice(("true", "9999-12-31T23:59:59-23:59", "", "x"))}
        owner = {
            "apiVersion": "sunward.dev/v1alpha1",
            "kind": "TrainingJob",
            "name": job,
            "uid": "0",
            "controller": True,
        }
        metadata = {"name": name, "namespace": self.dice.choice(SPACES), "labels": labels, "annotations": notes}
        if self.dice.random() < 0.3:
            metadata["ownerReferences"] = [owner]
        spec: Body = {"containers": [{"name": "c", "image": "none"}], "terminationGracePeriodSeconds": 1}
        spec |= {"nodeName": node} if self.dice.random() < 0.7 else {"nodeSelector": {"no": "node"}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _quota(self) -> Body:
        hard = {self.dice.choice(("pods", "services", "configmaps", "requests.cpu")): "0"}
        return self._of("ResourceQuota", f"quota-{next(self._numbers)}", spec={"hard": hard})

    def _limits(self) -> Body:
        limit = {"type": "Container", "max": {"cpu": "1m", "memory": "1Mi"}}
        return self._of("LimitRange", f"limits-{next(self._numbers)}", spec={"limits": [limit]})

    def _config_map(self) -> Body:
        text = self.dice.choice(("", "null", "[]", '{"workers": 5}', "[" * 10_000, "x" * 100_000))
        body = self._of("ConfigMap", f"{self._name()}-assignment", data={"assignment.json": text})
        body["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "sunward"}
        return body

    def _service(self) -> Body:
        spec: Body = {"ports": [{"port": PROGRESS_PORT}], "selector": {"sunward.dev/component": "coordinator"}}
        if self.dice.random() < 0.3:
            spec = {"type": "ExternalName", "externalName": "example.org"}
        body = self._of("Service", f"{self._name()}-coordinator", spec=spec)
        body["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "sunward"}
        return body

    def _of(self, kind: str, name: str, **rest: Any) -> Body:
        metadata: Body = {"name": name, "namespace": self.dice.choice(SPACES)}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}


def _path(body: Body) -> str:
    """Where an object that the server answered with is found."""
    group = body["apiVersion"]
    plural = {"TrainingJob": "trainingjobs", "Pod": "pods", "ResourceQuota": "resourcequotas"} | {
        "LimitRange": "limitranges",
        "ConfigMap": "configmaps",
        "Service": "services",
    }
    base = f"/api/{group}" if group == "v1" else f"/apis/{group}"
    metadata = body["metadata"]
    return f"{base}/namespaces/{metadata['namespace']}/{plural[body['kind']]}/{metadata['name']}"


@contextmanager
def coordinators(world: RealWorld, dice: random.Random) -> Iterator[Counter[str]]:
    """Answer at the address of every coordinator's Service, each time with another spoilt document; counts them."""
    bodies = [case.body for case in spoilt(PROGRESS)]
    said: Counter[str] = Counter()
    servers: dict[str, ThreadingHTTPServer] = {}
    over = threading.Event()
    thread = threading.Thread(
        target=_listen_until, args=(world, over, servers, _speaker(bodies, dice, said)), daemon=True
    )
    thread.start()
    try:
        yield said
    finally:
        over.set()
        thread.join()
        for server in servers.values():
            server.server_close()


def _listen_until(
    world: RealWorld,
    over: threading.Event,
    servers: dict[str, ThreadingHTTPServer],
    handler: type[BaseHTTPRequestHandler],
) -> None:
    while not over.wait(0.5):
        answer = world.admin.get("/api/v1/services?labelSelector=sunward.dev/component=coordinator")
        found = {body["spec"].get("clusterIP", ""): body["metadata"] for body in answer.body.get("items") or ()}
        wanted = {address: owner for address, owner in found.items() if address.startswith("127.")}
        for address in servers.keys() - wanted.keys():
            server = servers.pop(address)
            server.shutdown()
            server.server_close()
        for address in sorted(wanted.keys() - servers.keys()):
            owner = wanted[address]
            secret = world.admin.get(f"/api/v1/namespaces/{owner['namespace']}/secrets/{owner['name']}-door")
            if secret.code != 200:
                continue  # the operator writes it before the coordinator's pod
            try:
                servers[address] = ThreadingHTTPServer((address, PROGRESS_PORT), handler)
            except OSError:
                continue
            listening = door_context(secret.body["data"]).wrap_socket(servers[address].socket, server_side=True)
            servers[address].socket = listening
            servers[address].daemon_threads = True
            threading.Thread(target=servers[address].serve_forever, daemon=True).start()
    for server in servers.values():
        server.shutdown()


def _speaker(bodies: list[bytes], dice: random.Random, said: Counter[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind = dice.choices(("spoilt", "endless", "packed", "slow", "page"), weights=(20, 1, 1, 1, 1))[0]
            said[kind] += 1
            try:
                self._say(kind)
            except OSError:
                return  # whoever asked has had enough

        def _say(self, kind: str) -> None:
            body = dice.choice(bodies) if kind == "spoilt" else b" " * 100
            body = gzip.compress(b" " * (8 << 20)) if kind == "packed" else body
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if kind == "page" else "application/json")
            if kind == "packed":
                self.send_header("Content-Encoding", "gzip")
            if kind == "slow":
                time.sleep(4.0)
            self.end_headers()
            for _ in range(400 if kind == "endless" else 1):
                self.wfile.write(b" " * 65536 if kind == "endless" else body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
