"""Ports of loopback for programs that have to be told one.

They lie below the range from which the kernel gives ports to whoever asks for any, and every worker of a test run has a
part of its own: so nobody else gets a port between the moment it is found free and the moment it is bound.
"""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

FIRST: Final = 20_000
OF_A_WORKER: Final = 1_000
WORKERS: Final = 10

_steps = itertools.count(os.getpid())


def free_port() -> int:
    """A TCP port on loopback that nobody listens on, and that nobody gets who asks for any."""
    for step in itertools.islice(_steps, OF_A_WORKER):
        port = _first() + step % OF_A_WORKER
        if _is_free(port):
            return port
    raise OSError(f"no free port from {_first()} on")


def _first() -> int:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return FIRST + int(worker) % WORKERS * OF_A_WORKER


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
