"""The independent auditor beside a real cluster: started as a process, its findings collected from its output."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sunward_lab import processes
from sunward_lab.processes import Process
from sunward_lab.settings import RunFolder

NAME = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """A running auditor that prints one JSON object per line; a finding has the key `invariant`."""

    process: Process
    run: RunFolder

    @classmethod
    def start(cls, run: RunFolder, argv: Sequence[str], environment: Mapping[str, str]) -> Auditor:
        """Run Python with these arguments."""
        command = [sys.executable, *argv]
        process = processes.start(NAME, command, records=run.processes, logs=run.logs, environment=environment)
        return cls(process=process, run=run)

    def lines(self) -> list[dict[str, Any]]:
        """Every whole line that it printed so far; what is no JSON is left out."""
        text = (self.run.logs / f"{NAME}.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def violations(self) -> list[str]:
        """What it found, one sentence each; an auditor that ended is a finding itself."""
        found = [f"{line['invariant']}: {line.get('message', line)}" for line in self.lines() if "invariant" in line]
        return found if self.process.is_alive() else [*found, f"the auditor ended; see {self.run.logs / NAME}.log"]

    def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        self.process.signal(signal.SIGTERM)
        processes.stop([self.process])
