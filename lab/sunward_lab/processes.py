"""Start programs that outlive us and end exactly those, even after a crash in between.

A program is started through a shell line that writes its own `/proc/self/stat` into the run folder and then
becomes the program. So there is no moment in which it runs unrecorded, and the record holds the start time:
a process id that the kernel has given to another process is never touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError

_RECORD_THEN_BECOME: Final = (
    'record=$1; cgroup=$2; shift 2; if [ -n "$cgroup" ]; then echo $$ > "$cgroup/cgroup.procs" || exit 1; fi; '
    'cat /proc/$$/stat > "$record.new" && mv "$record.new" "$record" && exec "$@"'
)
_POLL_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A recorded process: its id means nothing without its start time (clock ticks since boot)."""

    name: str
    pid: int
    start_ticks: int

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie or a reused id does not count."""
        found = _read_stat(Path(f"/proc/{self.pid}/stat"))
        return found is not None and found[1] != "Z" and found[2] == self.start_ticks

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process; nothing happens when it is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.is_alive():
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)


def start(
    name: str,
    argv: Sequence[str],
    *,
    records: Path,
    logs: Path,
    cgroup: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start `argv` detached, with its record in `records` and its output in `logs`.

    Raises LabError when the program could not even record itself.
    """
    records.mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    record = records / name
    record.unlink(missing_ok=True)
    command = ["setsid", "--fork", "sh", "-c", _RECORD_THEN_BECOME, "sh", str(record), str(cgroup or "")]
    with (logs / f"{name}.log").open("ab") as log:
        subprocess.run(
            [*command, *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            check=True,
        )
    return _await_record(record, logs / f"{name}.log")


def read(record: Path) -> Process | None:
    """The process of a record; None when there is no whole record."""
    found = _read_stat(record)
    return None if found is None else Process(name=record.name, pid=found[0], start_ticks=found[2])


def recorded(records: Path) -> tuple[Process, ...]:
    """All processes ever recorded in a folder, in the order they were started."""
    if not records.is_dir():
        return ()
    found = (read(path) for path in sorted(records.iterdir()) if path.suffix != ".new")
    return tuple(sorted((item for item in found if item is not None), key=lambda item: item.start_ticks))


def stop(processes: Iterable[Process], *, grace_seconds: float = 5.0) -> None:
    """End these processes: SIGTERM, then SIGKILL to those that outstay `grace_seconds`."""
    wanted = [process for process in processes if process.is_alive()]
    for process in wanted:
        process.signal(signal.SIGTERM)
    left = wait_gone(wanted, grace_seconds)
    for process in left:
        process.signal(signal.SIGKILL)
    if stuck := wait_gone(left, 10.0):
        raise LabError(f"{', '.join(f'{item.name} ({item.pid})' for item in stuck)} survived SIGKILL")


def wait_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until all have ended, at most `seconds`; returns those still alive."""
    limit = time.monotonic() + seconds
    left = [process for process in processes if process.is_alive()]
    while left and time.monotonic() < limit:
        time.sleep(_POLL_SECONDS)
        left = [process for process in left if process.is_alive()]
    return left


def wait_for(is_ready: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until `is_ready`, taking OSError as not yet; raises LabError with `otherwise` after `seconds`."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with contextlib.suppress(OSError):
            if is_ready():
                return
        time.sleep(_POLL_SECONDS)
    raise LabError(otherwise)


def wait_ready(process: Process, is_ready: Callable[[], bool], seconds: float, log: Path) -> None:
    """Wait until a process serves; raises LabError that names its log when it ends or takes too long."""

    def ready_or_dead() -> bool:
        if not process.is_alive():
            raise LabError(f"{process.name} has ended; its output is in {log}")
        return is_ready()

    wait_for(ready_or_dead, seconds, f"{process.name} is not ready; its output is in {log}")


def _await_record(record: Path, log: Path) -> Process:
    wait_for(lambda: read(record) is not None, 30.0, f"{record.name} did not start; its output is in {log}")
    found = read(record)
    assert found is not None
    return found


def _read_stat(path: Path) -> tuple[int, str, int] | None:
    """(pid, state, start time) of a `/proc/PID/stat` text; the program's name in it may hold spaces."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        head, _, tail = text.rpartition(")")
        fields = tail.split()
        return int(head.split(" ", 1)[0]), fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
