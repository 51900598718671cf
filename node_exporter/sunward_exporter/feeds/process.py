"""What all feeds have in common as processes: flags, the page over HTTP, signals, and going on after failures."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import CollectorRegistry

from sunward_exporter.feeds.page import Board, BoardCollector
from sunward_exporter.server import application, listening, serve

Work = Callable[[Board], Awaitable[None]]
"""Reads meters into the board; ends by raising when its peer goes away."""
RETRY_SECONDS = 5.0
LONGEST_SECRET_BYTES = 4096


def flags(name: str, description: str | None) -> argparse.ArgumentParser:
    """The flags of every feed."""
    parser = argparse.ArgumentParser(prog=f"sunward-feed-{name}", description=description)
    parser.add_argument("--listen", default=":9812", metavar="HOST:PORT", help="address of /metrics (default :9812)")
    parser.add_argument(
        "--fresh-seconds", type=float, default=60.0, metavar="S", help="older values are not shown (default 60)"
    )
    parser.add_argument("--username", metavar="NAME", help="name at the server (default none)")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file with the password (default none)")
    return parser


def password(path: Path | None) -> str | None:
    """The secret in a file, without its newline; read anew at every use. Raises OSError."""
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(LONGEST_SECRET_BYTES).decode().rstrip("\r\n")


def run(given: argparse.Namespace, work: Work, failures: tuple[type[Exception], ...]) -> int:
    """Serve the page and keep working until SIGTERM or SIGINT; 0 then, 2 for an address that cannot be had."""
    board = Board(wall=time.time, fresh_seconds=given.fresh_seconds)
    registry = CollectorRegistry()
    registry.register(BoardCollector(board))
    try:
        host, port = listening(given.listen)
        server = serve(host, port, application(registry, lambda: True))
    except (OSError, ValueError) as error:
        print(f"sunward-feed: {error}", file=sys.stderr)
        return 2
    with server:
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
        print(f"sunward-feed: serving metrics on {host}:{server.server_port}/metrics", file=sys.stderr, flush=True)
        asyncio.run(_until_stopped(board, work, failures))
        server.shutdown()
    return 0


async def _until_stopped(board: Board, work: Work, failures: tuple[type[Exception], ...]) -> None:
    loop = asyncio.get_running_loop()
    working = loop.create_task(_again(board, work, failures))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, working.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _again(board: Board, work: Work, failures: tuple[type[Exception], ...]) -> None:
    """A peer that goes away is asked again after a pause; its values grow old meanwhile."""
    expected: tuple[type[Exception], ...] = (OSError, TimeoutError, *failures)
    while True:
        try:
            await work(board)
        except expected as error:
            print(
                f"sunward-feed: {type(error).__name__}: {str(error)[:200]!r}; trying again", file=sys.stderr, flush=True
            )
        await asyncio.sleep(RETRY_SECONDS)
