"""The page under load: how old a state is when a viewer has it, and what processor time the server needs for it.

500 nodes, 100 jobs, 50 viewers for 20 s. The viewers are processes of their own, so that their time is not counted.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "operator"), str(ROOT / "tests")]

from sunward.views.state import Resources, view  # noqa: E402  # after the path
from sunward.web.page import application, encoded  # noqa: E402
from support.page import recorded  # noqa: E402

NODES, JOBS, VIEWERS, SECONDS = 500, 100, 50, 20.0


class Ticking:
    """A source that notes on one node when it was read."""

    def __init__(self) -> None:
        self._state = recorded.fleet(NODES, JOBS)

    async def read(self) -> Resources:
        self._state.nodes[0]["spec"]["gridZone"] = repr(time.time())
        return self._state


async def watch(url: str) -> list[float]:
    """Seconds between a reading and its arrival, for each state but the first."""
    ages: list[float] = []
    headers = {"Authorization": "Bearer t"}
    async with (
        aiohttp.ClientSession(read_bufsize=1 << 24, headers=headers) as session,
        session.get(f"{url}api/events") as stream,
    ):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            line = await stream.content.readuntil(b"\n\n")
            arrived = time.time()
            zones = {node["name"]: node["zone"] for node in json.loads(line[6:])["now"]["nodes"]}
            ages.append(arrived - float(zones["pi-000"]))
    return ages[1:]


async def watch_all(url: str) -> None:
    """Every viewer; prints all ages as JSON."""
    found = await asyncio.gather(*(watch(url) for _ in range(VIEWERS)))
    print(json.dumps([age for ages in found for age in ages]))


async def serve() -> None:
    """Serve, let the viewers watch, print what they found."""
    size = len(encoded(view(await Ticking().read(), datetime.now(UTC))))
    async with TestServer(application(Ticking(), "t")) as server:
        began, used = time.monotonic(), time.process_time()
        viewers = await asyncio.create_subprocess_exec(
            sys.executable, __file__, str(server.make_url("/")), stdout=subprocess.PIPE
        )
        output, _ = await viewers.communicate()
        share = (time.process_time() - used) / (time.monotonic() - began)
    ages = sorted(json.loads(output))
    p95 = statistics.quantiles(ages, n=20)[-1]
    print(f"{NODES} nodes, {JOBS} jobs, {VIEWERS} viewers: a state has {size / 1000:.0f} kB")
    print(f"age of a state on arrival: median {statistics.median(ages):.3f} s, p95 {p95:.3f} s of {len(ages)} updates")
    print(f"the server used {100 * share:.1f} % of one core")


if __name__ == "__main__":
    asyncio.run(watch_all(sys.argv[1]) if len(sys.argv) > 1 else serve())
