"""The shipped auditor as a process beside a real cluster, fed by its API server, its audit log and its relays.

with real_cluster(nodes=4) as world, audited(world) as audit:
    ...
    audit.calm(settle_seconds=20, quiet_seconds=60)   # from here nobody disturbs: I12 is judged
assert audit.violations() == []
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sunward_audit.command import WATCHING
from support.chart import ROOT
from support.real.cluster import RealWorld
from support.real.journal import wait_until
from support.real.objects import OPERATOR

START_SECONDS, STOP_SECONDS = 60.0, 30.0


@dataclass(slots=True, kw_only=True)
class Audit:
    """A running or finished auditor. `report` is there once it has ended."""

    process: subprocess.Popen[bytes]
    output: Path
    json: Path
    calls: Path
    report: dict[str, Any] = field(default_factory=dict)

    def violations(self) -> list[str]:
        """What it found so far, a line each; an auditor that ended by itself is a finding too."""
        lines = [line for line in self.output.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        found = [str(json.loads(line)["message"]) for line in lines]
        broken = self.process.poll() not in (None, 0, 1)
        return [*found, f"the auditor failed: {self.output.read_text('utf-8')[-500:]}"] if broken else found

    def judged(self) -> dict[str, str]:
        """Invariant -> its result, from the report."""
        return {row["invariant"]: row["result"] for row in self.report.get("invariants", ())}

    def calm(self, *, settle_seconds: float, quiet_seconds: float) -> None:
        """Say that from now on nobody disturbs and nobody changes a wish."""
        now = datetime.now(UTC).isoformat()
        entry = {"time": now, "calm": {"settleSeconds": settle_seconds, "quietSeconds": quiet_seconds}}
        with self.calls.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def stop(self) -> None:
        """SIGTERM, and read the report. Raises subprocess.TimeoutExpired when it does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
        if self.json.exists():
            self.report = json.loads(self.json.read_text(encoding="utf-8"))


@contextmanager
def audited(world: RealWorld, *options: str) -> Iterator[Audit]:
    """Start the auditor and stop it when the block is left; its words outlive the cluster's folder."""
    folder = world.run.path / f"audit-{len(list(world.run.path.glob('audit-*')))}"
    folder.mkdir()
    audit = _started(world, folder, options)
    try:
        yield audit
    finally:
        audit.stop()


def _started(world: RealWorld, folder: Path, options: tuple[str, ...]) -> Audit:
    files = {name: folder / name for name in ("output", "report.json", "calls.jsonl")}
    argv = [sys.executable, "-m", "sunward_audit", "--lines", "json", "--json", str(files["report.json"])]
    argv += ["--kubeconfig", str(world.plane.kubeconfig), "--operator-user", OPERATOR]
    argv += ["--journal", str(world.journal.relays), "--journal", str(files["calls.jsonl"])]
    argv += ["--audit-log", str(world.run.audit_log), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "auditor"), "PYTHONDONTWRITEBYTECODE": "1"}
    with files["output"].open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    audit = Audit(process=process, output=files["output"], json=files["report.json"], calls=files["calls.jsonl"])
    try:
        wait_until(lambda: _watches(audit) or process.poll() is not None, START_SECONDS, "the auditor watches")
    except TimeoutError:
        process.kill()
        raise
    return audit


def _watches(audit: Audit) -> bool:
    return WATCHING in audit.output.read_text(encoding="utf-8")
