"""The operator as a process of its own, with the rights of its ServiceAccount: started, killed, stopped, asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from signal import Signals
from typing import Any, Final

import psutil
import yaml

from sunward_lab import processes
from sunward_lab.processes import Process
from sunward_lab.settings import RunFolder
from support.chart import NAMESPACE, ROOT
from support.crds import Api
from support.ports import free_port
from support.real.journal import wait_until
from support.real.objects import settings

PROGRAM: Final = ("-m", "sunward.cli.main")
READY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """When a process ended (monotonic seconds) and how: its status, negative for the signal that ended it."""

    seconds: float
    status: int


@dataclass(slots=True, kw_only=True)
class Operator:
    """One replica. Each start is another process to the journal: `NAME-1`, `NAME-2`, ...

    `server` is where it finds the API server, when that is a proxy. `program` replaces the beginning of its arguments,
    for operators that a test has tampered with. `clock_ahead_seconds` gives it a wall clock of its own.
    """

    name: str
    run: RunFolder
    admin: Api
    nodes: list[str]
    surroundings: str
    scrape_seconds: float = 1.0
    server: str = ""
    clock_ahead_seconds: float = 0.0
    program: Sequence[str] = PROGRAM
    port: int = field(default_factory=free_port)
    starts: int = 0
    process: Process | None = None
    exits: list[Exit] = field(default_factory=list)
    started_at: float = 0.0
    _log_begins: int = 0
    _child: subprocess.Popen[bytes] | None = None

    @property
    def identity(self) -> str:
        """Its name in the Lease; the same after a restart, like a container's."""
        return self.name

    @property
    def folder(self) -> Path:
        """Its settings and its kubeconfig."""
        return self.run.path / "operators" / self.name

    @property
    def log(self) -> Path:
        """What it said, all starts one after the other."""
        return self.run.logs / f"operator-{self.name}.log"

    def start(self) -> None:
        """Start the process; it is ready some seconds later."""
        self.starts += 1
        self.started_at, self._log_begins = time.time(), self.log.stat().st_size if self.log.exists() else 0
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "settings.yaml"
        label = f"{self.name}-{self.starts}"
        content = settings(self.surroundings, label, self.nodes, scrape_seconds=self.scrape_seconds)
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        flags = ["--listen-port", str(self.port), "--namespace", NAMESPACE, "--identity", self.identity]
        argv = [sys.executable, *self.program, "run", "--settings", str(file), *flags]
        argv += ["--kubeconfig", str(self._kubeconfig())]
        clock = wrong_clock(self.clock_ahead_seconds) if self.clock_ahead_seconds else {}
        self._become(argv, {"PYTHONPATH": str(ROOT / "operator"), "PYTHONDONTWRITEBYTECODE": "1", **clock})

    def _become(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Our own child, so that its exit status is known; recorded, so that it is ended even when we are killed."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | environment,
            )
        record = self.run.processes / f"operator-{self.name}"
        record.write_text(Path(f"/proc/{self._child.pid}/stat").read_text(encoding="utf-8"), encoding="utf-8")
        self.process = processes.read(record)

    def send(self, number: Signals) -> None:
        """Send a signal; SIGSTOP and SIGCONT reach the process alone, not its solver."""
        assert self.process is not None
        self.process.signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone, its solver too."""
        self._end(Signals.SIGKILL)

    def terminate(self, *, seconds: float = 20.0) -> None:
        """SIGTERM, and wait until it has ended by itself; raises TimeoutError when it does not."""
        self._end(Signals.SIGTERM, seconds)

    def _end(self, number: Signals, seconds: float = 10.0) -> None:
        if self.process is None or not self.alive:
            self.reap()
            return
        children = self._tree()[1:]
        self.process.signal(Signals.SIGCONT)
        self.process.signal(number)
        if processes.wait_gone([self.process], seconds):
            raise TimeoutError(f"operator {self.name} did not end within {seconds:g} s; its log is {self.log}")
        self.reap()
        _, left = psutil.wait_procs(children, timeout=5.0)
        if left:
            raise TimeoutError(f"operator {self.name} left {[child.pid for child in left]} behind")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.is_alive()

    def reap(self) -> None:
        """Note how the process ended, once it has."""
        if self._child is None or self.alive:
            return
        self.exits.append(Exit(seconds=time.monotonic(), status=self._child.wait(timeout=5.0)))
        self._child = None

    @contextmanager
    def supervised(self) -> Iterator[Operator]:
        """Start it, and again within half a second of its end, as a kubelet does, until the block is left."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.2):
                if not self.alive:
                    self.reap()
                    self.start()

        self.start()
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()
            self.kill()

    def page(self, name: str) -> tuple[int, str]:
        """Status and text of a page: healthz, readyz, metrics, targets; raises OSError when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5.0) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def wait_ready(self, seconds: float = READY_SECONDS) -> float:
        """Wait until it is ready; returns the seconds it took, or raises TimeoutError that names the log."""
        return wait_until(lambda: self.page("readyz")[0] == 200, seconds, f"operator {self.name} ready, {self.log}")

    def first_said(self, message: str) -> float | None:
        """Seconds from the last start until it first said something in its log; None while it has not."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_begins)
            lines = [json.loads(line) for line in log if line.startswith("{") and line.endswith("}\n")]
        times = (line["time"] for line in lines if line.get("message") == message)
        first = next(times, None)
        return None if first is None else datetime.fromisoformat(first).timestamp() - self.started_at

    def resident_mebibytes(self) -> tuple[float, float]:
        """Resident memory of the operator and of its children together, MiB each."""
        sizes = [process.memory_info().rss / 2**20 for process in self._tree()]
        return sizes[0], sum(sizes[1:])

    def cpu_seconds(self) -> tuple[float, float]:
        """Processor time so far, of the operator and of its children together."""
        times = [sum(process.cpu_times()[:2]) for process in self._tree()]
        return times[0], sum(times[1:])

    def _tree(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _kubeconfig(self) -> Path:
        admin: dict[str, Any] = json.loads(self.run.kubeconfig.read_text(encoding="utf-8"))
        there = dict(admin["clusters"][0]["cluster"])
        admin["clusters"][0]["cluster"] = {"server": self.server} if self.server else there
        admin["users"][0]["user"] = {"token": token(self.admin)}
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(admin), encoding="utf-8")
        return path


def faketime() -> Path | None:
    """The library of Debian's libfaketime; None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def wrong_clock(ahead_seconds: float) -> dict[str, str]:
    """Environment in which the wall clock is ahead, and the monotonic one is not touched."""
    library = faketime()
    assert library is not None, "install libfaketime"
    offset = f"{ahead_seconds:+.0f}s"
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def token(admin: Api, account: str = "sunward-operator") -> str:
    """A token of one of the chart's service accounts, good for a day. Raises AssertionError when refused."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
    answer = admin.request("POST", path, body)
    assert answer.code == 201, answer.message
    return str(answer.body["status"]["token"])
