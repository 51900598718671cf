"""What happened in a world of real processes, in order: one line of JSON per event, written as it happens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


@dataclass(slots=True)
class Journal:
    """Events in the order in which they happened; `seconds` is the monotonic clock of this machine.

    `relays`, beside it, holds the power actions alone: the file that the auditor reads.
    """

    path: Path
    _entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def relays(self) -> Path:
        """One line of JSON per request that reached a relay; exists from the first one on."""
        return self.path.with_name("relays.jsonl")

    def record(self, event: str, **facts: object) -> Entry:
        """Add an event; the file holds it when this returns."""
        with self._lock:
            entry: Entry = {
                "number": len(self._entries) + 1,
                "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "seconds": round(time.monotonic(), 4),
                "event": event,
                **facts,
            }
            self._entries.append(entry)
            _append(self.path, entry)
            if event == "switch":
                _append(self.relays, entry)
            return entry

    def entries(self, *events: str) -> list[Entry]:
        """All entries so far, or those of some events."""
        with self._lock:
            return [entry for entry in self._entries if not events or entry["event"] in events]

    def switches(self, node: str | None = None) -> list[Entry]:
        """Every power action that reached a relay, of all nodes or of one."""
        return [entry for entry in self.entries("switch") if node in (None, entry["node"])]

    def since(self, seconds: float, *events: str) -> list[Entry]:
        """What happened at or after a time of the monotonic clock."""
        return [entry for entry in self.entries(*events) if entry["seconds"] >= seconds]


def _append(path: Path, entry: Entry) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def duplicates(switches: list[Entry]) -> list[str]:
    """Power actions that asked a relay twice for one operation, in words.

    An operation is repeated rightly only when the relay proved that the first request was lost: its output was
    still the other one.
    """
    found = []
    for node in sorted({entry["node"] for entry in switches}):
        done: set[tuple[str, bool]] = set()
        for entry in (one for one in switches if one["node"] == node):
            key = (entry["operation"], entry["on"])
            if key in done or entry["was_on"] == entry["on"]:
                found.append(f"{node}: {'on' if entry['on'] else 'off'} again by {entry['operation']}")
            done.add(key)
    return found


def fencing(switches: list[Entry]) -> list[str]:
    """Violations of the fencing token, in words: one token from two processes, or an older one after a younger."""
    owners: dict[int, str] = {}
    youngest = 0
    found = []
    for entry in switches:
        token, process = entry["token"], entry["process"]
        if owners.setdefault(token, process) != process:
            found.append(f"token {token} from {owners[token]} and from {process}")
        if token < youngest:
            found.append(f"token {token} from {process} after {youngest}")
        youngest = max(youngest, token)
    return found


def wait_until(holds: Callable[[], object], seconds: float, what: str, *, every: float = 0.1) -> float:
    """Wait until something holds; returns the seconds it took. Raises TimeoutError that says what did not happen.

    A server that does not answer for a moment counts as not yet.
    """
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            if holds():
                return time.monotonic() - begun
        except OSError:
            pass
        time.sleep(every)
    raise TimeoutError(f"not within {seconds:g} s: {what}")
