"""Real peers of feeds on loopback, and a feed as a process in front of them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from support.ports import free_port

Shown = dict[tuple[str, ...], float]


def program(name: str, *folders: str) -> str | None:
    """A server's program, from where Debian keeps it or from the path; None where it is not installed."""
    return next((str(Path(f) / name) for f in folders if (Path(f) / name).exists()), None) or shutil.which(name)


@contextlib.contextmanager
def running(command: Sequence[str], port: int | None = None, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed at the end; yields once `port` is open."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        if port is not None:
            until(lambda: _open(port), lambda opened: opened)
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def feed(name: str, *flags: str) -> Iterator[Callable[[], Shown]]:
    """A feed's process; gives what its page shows by (metric, label values)."""
    port = free_port()
    command = [sys.executable, "-m", f"sunward_exporter.feeds.{name}", f"--listen=127.0.0.1:{port}", *flags]
    with running(command, port):
        yield lambda: page(port)


def page(port: int) -> Shown:
    """All samples of a page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def until(ask: Callable[[], Shown | bool], holds: Callable[..., bool], seconds: float = 40.0) -> Shown | bool:
    """Ask until the answer holds; raises TimeoutError when it never does."""
    deadline = time.monotonic() + seconds
    while not holds(answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer}")
        time.sleep(0.05)
    return answer


def _open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
