"""Builders and real processes for the trainer's tests: small data, assignments, a federation on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.data import DataSet
from sunward_trainer.learning.training import Recipe
from sunward_trainer.protocol.assignment import SCHEMA, RoundAssignment, parse_assignment
from support.door import client_context, coordinator_folder, operator_folder, worker_folder
from support.ports import free_port

JOB = "digits"
RECIPE = Recipe(batch_size=20, learning_rate=0.1, momentum=0.0, seed=3)
HOSTILE_WORKER = Path(__file__).parent / "hostile_worker.py"
TRAINER_FOLDER = Path(__file__).parents[2] / "trainer"


def assignment_text(
    work: Mapping[str, Iterable[tuple[str, str, int]]],
    *,
    plan: str = "plan-1",
    job: str = JOB,
    until_round: int | None = None,
) -> str:
    """The file's text for {worker: [(shard, home, batches), ...]}."""
    workers = [
        {"node": node, "shards": [{"shard": s, "from_node": home, "batches": b} for s, home, b in entries]}
        for node, entries in work.items()
    ]
    last = {} if until_round is None else {"until_round": until_round}
    return json.dumps({"schema": SCHEMA, "job": job, "plan": plan, "workers": workers} | last)


def assignment(work: Mapping[str, Iterable[tuple[str, str, int]]], *, plan: str = "plan-1") -> RoundAssignment:
    """The same, parsed."""
    return parse_assignment(assignment_text(work, plan=plan))


def update(shard: str = "a", node: str = "pi-01", batches: int = 10, weights: Iterable[float] = (0.0,)) -> Update:
    """What a pair sends after its batches."""
    return Update(
        shard=shard,
        node=node,
        batches=batches,
        seconds=0.1 * batches,
        loss=0.5,
        weights=np.array(list(weights), dtype=np.float32),
    )


def toy_data(*, samples: int = 200, testing: int = 50, seed: int = 0) -> DataSet:
    """Ten classes of noisy images, each with a bright block of its own: easy, small and always the same."""
    random = np.random.default_rng(seed)

    def draw(count: int) -> tuple[Any, Any]:
        labels = np.arange(count) % 10
        images = random.integers(0, 60, size=(count, 784))
        for row, label in enumerate(labels):
            images[row, label * 78 : label * 78 + 40] += 180
        return images.astype(np.uint8), labels.astype(np.int64)

    images, labels = draw(samples)
    test_images, test_labels = draw(testing)
    return DataSet(
        name="toy", train_images=images, train_labels=labels, test_images=test_images, test_labels=test_labels
    )


def store_data(data: DataSet, folder: Path) -> Path:
    """Write a data set as the npz that --data-dir reads; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "toy.npz",
        x_train=data.train_images.reshape(-1, 28, 28),
        y_train=data.train_labels,
        x_test=data.test_images.reshape(-1, 28, 28),
        y_test=data.test_labels,
    )
    return folder


class Federation:
    """A coordinator and workers as real processes on loopback, ended by their ids. Not `secured`, they speak HTTP."""

    def __init__(
        self, folder: Path, *, data: DataSet, shards: Mapping[str, tuple[str, int]], secured: bool = True
    ) -> None:
        self.folder = folder
        self._secured = secured
        self.state = folder / "state"
        self.assignment = folder / "etc" / "assignment.json"
        self.assignment.parent.mkdir(parents=True)
        self._data = store_data(data, folder / "data")
        self._shards = [f"{name}={node}:{samples}" for name, (node, samples) in shards.items()]
        self.port, self.superlink_port = free_port(), free_port()
        self.shard_ports: dict[str, int] = {}
        self._operator = client_context(operator_folder(folder / "tls-operator"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def assign(self, work: Mapping[str, Iterable[tuple[str, str, int]]], *, plan: str = "plan-1") -> None:
        """Replace the assignment file at once, as a ConfigMap volume does."""
        unfinished = self.assignment.with_suffix(".new")
        unfinished.write_text(assignment_text(work, plan=plan))
        unfinished.replace(self.assignment)

    def coordinator(self, *arguments: str, rounds: int, model: str = "mnist-softmax", steps: int = 10) -> None:
        """Start the coordinator, or start it again."""
        self._start(
            "coordinator",
            *("coordinator", "--job", JOB, "--assignment", str(self.assignment), "--state-dir", str(self.state)),
            *("--rounds", str(rounds), "--steps-per-round", str(steps), "--batch-size", "20", "--model", model),
            *("--listen", f"127.0.0.1:{self.port}", "--superlink", f"127.0.0.1:{self.superlink_port}"),
            *("--data-dir", str(self._data), "--linger-seconds", "20", *self._every_shard()),
            *self._door(coordinator_folder(self.folder / "tls-coordinator")),
            *arguments,
        )

    def _every_shard(self) -> list[str]:
        return [part for shard in self._shards for part in ("--shard", shard)]

    def worker(self, node: str, *arguments: str, lies: Mapping[int, str] | None = None) -> None:
        """Start the worker of a node, or start it again; `lies` says in which round it sends what instead."""
        own, port = self.folder / node, free_port()
        self.shard_ports[node] = port
        self._start(
            node,
            *("worker", "--node", node, "--coordinator", "127.0.0.1", "--coordinator-port", str(self.port)),
            *("--superlink-port", str(self.superlink_port), "--address", "127.0.0.1"),
            *("--shard-server-port", str(port), "--shards-dir", str(own / "shards")),
            *("--cache-dir", str(own / "cache"), "--data-dir", str(self._data)),
            *self._door(worker_folder(self.folder / f"tls-{node}", node)),
            *(*self._every_shard(), *arguments),
            program=("-m", "sunward_trainer") if lies is None else (str(HOSTILE_WORKER), json.dumps(dict(lies))),
        )

    def _door(self, certificate: Path) -> list[str]:
        return ["--tls-dir", str(certificate)] if self._secured else ["--insecure"]

    def _start(self, name: str, *arguments: str, program: tuple[str, ...] = ("-m", "sunward_trainer")) -> None:
        environment = {**os.environ, "PYTHONPATH": str(TRAINER_FOLDER), "FLWR_HOME": str(self.folder / "flwr")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, *program, *arguments], stdout=log, stderr=log, env=environment
            )

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The newest process of that name."""
        return self._processes[name]

    def kill(self, name: str) -> None:
        """Power cut: SIGKILL, and wait until it is gone."""
        self._processes[name].kill()
        self._processes[name].wait()

    def progress(self) -> dict[str, Any] | None:
        """The coordinator's progress, or None while it does not answer."""
        try:
            scheme, context = ("https", self._operator) if self._secured else ("http", None)
            url = f"{scheme}://127.0.0.1:{self.port}/progress"
            with urllib.request.urlopen(url, timeout=2, context=context) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError):
            return None

    def wait_for(
        self, condition: Callable[[dict[str, Any]], bool], *, seconds: float = 120, poll_seconds: float = 0.02
    ) -> dict[str, Any]:
        """The first progress that meets the condition. Fails with the logs when time is up."""
        until, last = time.monotonic() + seconds, None
        while time.monotonic() < until:
            last = self.progress()
            if last is not None and condition(last):
                return last
            time.sleep(poll_seconds)
        raise AssertionError(f"not reached within {seconds} s; last {json.dumps(last)}\n{self.logs()}")

    def logs(self) -> str:
        """What every process has written, newest last."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    def close(self) -> None:
        """End every process that was started here."""
        for process in self._processes.values():
            process.kill()
            process.wait()
