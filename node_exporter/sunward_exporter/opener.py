"""`python -m sunward_exporter.opener`: opens the processor's energy counters for the exporter, and does nothing else.

Since Linux 5.10 only root may open them (CVE-2020-8694). This process runs as root without any capability, has no
network, reads nothing itself, and gives whoever connects to its socket the open files of the counters: the exporter,
which answers the network, stays without rights.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST_ZONES = 32
"""Packages and platforms of one machine, with room to spare."""
NAME = "energy_uj"
_ZONE: Final = re.compile(r"intel-rapl:[0-9]{1,3}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer until killed; 2 for a socket that cannot be made."""
    flags = _parser().parse_args(arguments)
    try:
        listener = listen(flags.socket)
    except OSError as error:
        print(f"sunward-exporter-opener: cannot listen on {flags.socket}: {error.strerror}", file=sys.stderr)
        return 2
    with listener:
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):  # the other end went away
                answer(connection, flags.sysfs_root)


def listen(path: Path) -> socket.socket:
    """A socket for every user of the pod, in place of one that a killed process left. Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(8)
    except OSError:
        listener.close()
        raise
    return listener


def answer(connection: socket.socket, root: Path) -> None:
    """Send the zones' names and their open counters. Raises OSError where nobody reads."""
    opened = [*_opened(root)][:MOST_ZONES]
    try:
        names = json.dumps([name for name, _ in opened]).encode()
        socket.send_fds(connection, [names], [descriptor for _, descriptor in opened])
    finally:
        for _, descriptor in opened:
            os.close(descriptor)


def ask(path: Path, zone: str) -> int:
    """The open counter of one zone, from the process behind the socket; the caller closes it. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        connection.connect(str(path))
        names, descriptors, *_ = socket.recv_fds(connection, 4096, MOST_ZONES)
    wanted = None
    for name, descriptor in zip(json.loads(names), descriptors, strict=True):
        if name == zone:
            wanted = descriptor
        else:
            os.close(descriptor)
    if wanted is None:
        raise FileNotFoundError(zone)
    return wanted


def _opened(root: Path) -> list[tuple[str, int]]:
    found = []
    for folder in sorted((root / "class" / "powercap").glob("intel-rapl:*")):
        if _ZONE.fullmatch(folder.name):
            with contextlib.suppress(OSError):
                found.append((folder.name, os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC)))
    return found


def _parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="sunward-exporter-opener", description=__doc__)
    flags.add_argument("--sysfs-root", type=Path, default=Path("/sys"), metavar="FOLDER")
    flags.add_argument("--socket", type=Path, required=True, metavar="FILE")
    return flags


if __name__ == "__main__":
    sys.exit(main())
