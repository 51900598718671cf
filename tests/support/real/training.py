"""Coordinators of training jobs on a real control plane: they answer at their Service's address and count rounds.

The Services of such a cluster lie on loopback, so that the operator reaches a coordinator exactly as in a cluster, over
TLS with the certificate in the Secret that a kubelet would mount. A
round passes while the coordinator's pod and every worker of the assignment run on living machines; what was trained
outlives them, as checkpoints do.
"""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from support.crds import Api

Body = dict[str, Any]
PROGRESS_PORT: Final = 9812
_SPACE: Final = "/api/v1/namespaces/default"
_JOBS: Final = "/apis/sunward.dev/v1alpha1/namespaces/default/trainingjobs"
_POLL_SECONDS: Final = 1.0


@dataclass(slots=True)
class State:
    """How far one job is: whole rounds, seconds into the running one, and who works."""

    job: Body
    rounds: list[int] = field(default_factory=lambda: [0])
    seconds: float = 0.0
    workers: tuple[str, ...] = ()
    over: bool = False
    server: ThreadingHTTPServer | None = None

    def progress(self) -> Body:
        """What the coordinator answers."""
        homes = {shard["node"]: shard["name"] for shard in self.job["spec"]["shards"]}
        shards = sorted(homes.values())
        alive = [
            {
                "node": node,
                "state": "alive",
                "round_batches_assigned": self.job["spec"]["stepsPerRound"],
                "cached_shards": shards,
                "home_shards": [homes[node]] if node in homes else [],
            }
            for node in self.workers
        ]
        phase = "complete" if self.over else "training" if alive else "waiting"
        return {
            "schema": "sunward.dev/progress/v1alpha1",
            "round": self.rounds[-1],
            "phase": phase,
            "workers": alive,
        }


@dataclass(slots=True, kw_only=True)
class Training:
    """All coordinators. `runs` tells whether a pod runs on a living machine."""

    admin: Api
    runs: Callable[[Body], bool]
    round_seconds: float = 4.0
    jobs: dict[str, State] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to train whatever jobs there are or will be."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all coordinators."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for state in self.jobs.values():
            if state.server is not None:
                state.server.shutdown()
                state.server.server_close()

    def _run(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            for job in self._items(_JOBS):
                state = self.jobs.setdefault(job["metadata"]["name"], State(job))
                self._listen(state)
                if not state.over:
                    self._train(state)

    def _items(self, path: str) -> list[Body]:
        answer = self.admin.get(path)
        return list(answer.body.get("items") or ()) if answer.code == 200 else []

    def _listen(self, state: State) -> None:
        if state.server is not None:
            return
        name = f"{state.job['metadata']['name']}-coordinator"
        service = self.admin.get(f"{_SPACE}/services/{name}")
        secret = self.admin.get(f"{_SPACE}/secrets/{name}-door")
        if service.code == 200 and secret.code == 200:
            address = service.body["spec"]["clusterIP"]
            state.server = ThreadingHTTPServer((address, PROGRESS_PORT), _handler(state))
            state.server.daemon_threads = True
            state.server.socket = door_context(secret.body["data"]).wrap_socket(state.server.socket, server_side=True)
            threading.Thread(target=state.server.serve_forever, daemon=True).start()

    def _train(self, state: State) -> None:
        name = state.job["metadata"]["name"]
        pods = {
            pod["metadata"]["name"]: pod for pod in self._items(f"{_SPACE}/pods?labelSelector=sunward.dev/job={name}")
        }
        wanted = self._assigned(name)
        ready = [node for node in wanted if self._works(pods, f"{name}-worker-{node}")]
        coordinated = self._works(pods, f"{name}-coordinator")
        state.workers = tuple(ready) if coordinated else ()
        state.seconds = state.seconds + _POLL_SECONDS if wanted and state.workers == tuple(wanted) else 0.0
        if state.seconds >= self.round_seconds:
            state.seconds = 0.0
            state.rounds.append(state.rounds[-1] + 1)
        if state.rounds[-1] >= state.job["spec"]["rounds"]:
            self._end(state, pods)

    def _assigned(self, name: str) -> list[str]:
        found = self.admin.get(f"{_SPACE}/configmaps/{name}-assignment")
        if found.code != 200:
            return []
        return sorted(row["node"] for row in json.loads(found.body["data"]["assignment.json"])["workers"])

    def _works(self, pods: Mapping[str, Body], name: str) -> bool:
        return name in pods and self.runs(pods[name])

    def _end(self, state: State, pods: Mapping[str, Body]) -> None:
        """Workers and coordinator have done their work and exit."""
        state.over, state.workers = True, ()
        for name in pods:
            self.admin.merge(f"{_SPACE}/pods/{name}/status", {"status": {"phase": "Succeeded"}})


def door_context(data: Mapping[str, str]) -> ssl.SSLContext:
    """What a coordinator listens with: only holders of a certificate of the job are let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    with tempfile.TemporaryDirectory() as folder:
        for name, content in data.items():
            (Path(folder) / name).write_bytes(b64decode(content))
        context.load_verify_locations(Path(folder) / "ca.crt")
        context.load_cert_chain(Path(folder) / "tls.crt", Path(folder) / "tls.key")
    return context


def _handler(state: State) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = json.dumps(state.progress()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
