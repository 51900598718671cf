"""How a suite ends before its time: in order, so that the clusters that it started do not outlive it."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType

GRACE_SECONDS = 60.0


def end_in_order() -> None:
    """Let SIGTERM end this process as an exception does, through every context that is open."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def end(process: subprocess.Popen[bytes], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask a process to end, and kill it when it does not."""
    process.terminate()
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
