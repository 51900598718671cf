"""Unchanged Flower apps as real processes behind TLS: a node sleeps and wakes in the middle, the coordinator dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sunward_trainer.apps.checkpoint import load
from sunward_trainer.apps.injection import SCRIPT, inject
from support.door import client_context, coordinator_folder, operator_folder, worker_folder
from support.flower_apps import APPS, flower_loops, stock
from support.ports import free_port
from support.trainer import JOB, assignment_text

SHARDS = {"a": "pi-01", "b": "pi-02", "c": "pi-03"}
HOME = {node: [(shard, node, 10)] for shard, node in SHARDS.items()}
WITHOUT_PI_03 = {"pi-01": [("a", "pi-01", 10)], "pi-02": [("b", "pi-02", 10), ("c", "pi-03", 10)]}


class AppFederation:
    """Server and clients of one app, ended by their ids."""

    def __init__(self, folder: Path, app: str, *arguments: str) -> None:
        self.folder, self.app, self.arguments = folder, app, arguments
        self.port, self.fleet = free_port(), free_port()
        self.injected = folder / "injected"
        self.injected.mkdir()
        inject(self.injected)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.context = client_context(operator_folder(folder / "tls-operator"))

    def assign(self, work: Any, plan: str) -> None:
        unfinished = self.folder / "assignment.new"
        unfinished.write_text(assignment_text(work, plan=plan))
        unfinished.replace(self.folder / "assignment.json")

    def server(self, rounds: int) -> None:
        """Start the coordinator, or start it again."""
        own = (
            *("server", "--job", JOB, "--assignment", str(self.folder / "assignment.json")),
            *("--state-dir", str(self.folder / "state"), "--rounds", str(rounds), "--steps-per-round", "10"),
            *("--listen", f"127.0.0.1:{self.port}", "--superlink", f"127.0.0.1:{self.fleet}"),
            *("--linger-seconds", "20", "--minimum-workers", "2", "--gone-after-seconds", "30"),
            *("--tls-dir", str(coordinator_folder(self.folder / "tls-coordinator"))),
            *self.arguments,
        )
        self._start("server", *own)

    def client(self, node: str, *arguments: str) -> None:
        """Start the worker of a node, or start it again."""
        own = self.folder / node
        self._start(
            node,
            *("client", "--node", node, "--coordinator", "127.0.0.1", "--coordinator-port", str(self.port)),
            *("--superlink-port", str(self.fleet), "--address", "127.0.0.1"),
            *("--shard-server-port", str(free_port()), "--shards-dir", str(own / "shards")),
            *("--cache-dir", str(own / "cache"), "--tls-dir", str(worker_folder(self.folder / f"tls-{node}", node))),
            *arguments,
        )

    def _start(self, name: str, *arguments: str) -> None:
        shards = [part for shard, node in SHARDS.items() for part in ("--shard", f"{shard}={node}:600")]
        command = [sys.executable, str(self.injected / SCRIPT), *arguments, "--app", str(APPS / self.app), *shards]
        environment = {**os.environ, "FLWR_HOME": str(self.folder / f"flwr-{name}"), "OMP_NUM_THREADS": "1"}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def sleep(self, node: str) -> None:
        """The pod is stopped: SIGTERM, and wait until it has gone."""
        self.running[node].send_signal(signal.SIGTERM)
        assert self.running[node].wait(20) == 0

    def progress(self) -> dict[str, Any] | None:
        try:
            url = f"https://127.0.0.1:{self.port}/progress"
            with urllib.request.urlopen(url, timeout=2, context=self.context) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError):
            return None

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 180.0) -> dict[str, Any]:
        until, last = time.monotonic() + seconds, None
        while time.monotonic() < until:
            last = self.progress()
            if last is not None and condition(last):
                return last
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s; last {json.dumps(last)}\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[AppFederation]:
    metric = ("--metric", "eval_acc", "--metric-source", "Evaluate")
    found = AppFederation(tmp_path, "quick", *metric)
    yield found
    found.close()


def test_a_node_sleeps_and_wakes_and_the_coordinator_dies_and_the_app_ends_as_it_would_have(
    federation: AppFederation,
) -> None:
    rounds = 8
    federation.assign(HOME, "plan-1")
    federation.server(rounds)
    for node in SHARDS.values():
        federation.client(node)
    federation.wait_for(lambda found: found["round"] >= 2)
    federation.assign(WITHOUT_PI_03, "plan-2")
    federation.wait_for(lambda found: found["plan"] == "plan-2")
    federation.sleep("pi-03")
    asleep = federation.wait_for(lambda found: found["round"] >= 5)
    assert asleep["history"][-1]["workers"] == ["pi-01", "pi-02"]
    federation.running["server"].kill()
    federation.running["server"].wait()
    federation.server(rounds)
    federation.client("pi-03")
    federation.assign(HOME, "plan-3")
    done = federation.wait_for(lambda found: found["phase"] == "complete")

    assert done["round"] == rounds
    assert [record["round"] for record in done["history"]] == list(range(1, rounds + 1))
    assert {record["missing_batches"] for record in done["history"]} == {0}
    assert done["history"][-1]["workers"] == ["pi-01", "pi-02", "pi-03"]
    assert done["batches_total"]["offloaded"]["c"] >= 10
    assert done["batches_total"]["shards"] == {"a": 80, "b": 80, "c": 80}
    kept = load(federation.folder / "state" / "checkpoint", job=JOB, app="quick")
    assert kept is not None
    assert kept.arrays is not None
    with flower_loops():
        expected = stock("quick", rounds, len(SHARDS))
    for one, other in zip(kept.arrays.to_numpy_ndarrays(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    result = json.loads((federation.folder / "state" / "result.json").read_text())
    assert (result["model"], result["round"], result["parameters"]) == ("quick", rounds, 650)
    assert result["accuracy_percent"] == done["accuracy_percent"]
