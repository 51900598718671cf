"""What sources are tried against: servers on loopback that obey a test, and a real Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import TestServer

from sunward.sources.http import JsonReader, Limits
from sunward.sources.prometheus import PrometheusSource
from sunward.sources.settings import PrometheusSettings
from support.ports import free_port

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class FakeServer:
    """Answers every path with `handler`; `asked` keeps the requests."""

    handler: Handler
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.handler(request)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[FakeServer]:
    """A running fake server."""
    fake = FakeServer(handler)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.answer)
    async with TestServer(application) as server:
        fake.url = str(server.make_url("")).rstrip("/")
        yield fake


@asynccontextmanager
async def reading(limits: Limits | None = None) -> AsyncIterator[JsonReader]:
    """A reader whose pauses take no time."""

    async def no_pause(_seconds: float) -> None:
        return None

    async with ClientSession() as session:
        yield JsonReader(
            name="test-source",
            session=session,
            limits=limits or Limits(timeout_seconds=2.0),
            sleep=no_pause,
        )


def prometheus_binary(name: str = "prometheus") -> Path | None:
    """A real Prometheus (or its promtool), from the cache or the system; None where there is none."""
    cache = Path(os.environ.get("SUNWARD_CACHE", Path.home() / ".cache" / "sunward"))
    cached = cache / "bin" / name
    found = str(cached) if cached.exists() else shutil.which(name)
    return Path(found) if found else None


@contextmanager
def exporting(page: Callable[[], str]) -> Iterator[int]:
    """An exporter on loopback that shows `page`, in a thread of its own; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def scrape_configuration(targets: Sequence[tuple[int, str]] = (), *, honor_labels: bool = False) -> str:
    """Prometheus' configuration: every second, each port with the node that service discovery names for it."""
    static = "".join(f'      - {{targets: ["127.0.0.1:{port}"], labels: {{node: {node}}}}}\n' for port, node in targets)
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: sunward-exporter\n"
        f"    honor_labels: {str(honor_labels).lower()}\n"
        f"    static_configs:\n{static}"
    )


@asynccontextmanager
async def prometheus(folder: Path, configuration: str) -> AsyncIterator[PrometheusSource]:
    """A real Prometheus over `folder`/data, ready, and the source under test in front of it."""
    binary = prometheus_binary()
    assert binary is not None
    (folder / "prometheus.yml").write_text(configuration)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        str(binary),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    settings = PrometheusSettings(url=f"http://127.0.0.1:{port}", scrape_interval_seconds=1.0)
    try:
        async with ClientSession() as session:
            await _until_ready(session, f"{settings.url}/-/ready", process)
            reader = JsonReader(name="prometheus", session=session, limits=Limits(maximum_bytes=1 << 24))
            yield PrometheusSource(reader=reader, settings=settings)
    finally:
        process.kill()  # its data are thrown away: nothing is worth a clean end
        await process.wait()


async def _until_ready(session: ClientSession, url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(60.0):
        while process.returncode is None:
            with contextlib.suppress(ClientError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise RuntimeError("Prometheus ended before it was ready")


async def backfill(folder: Path, lines: Iterable[str]) -> None:
    """Write OpenMetrics samples with their own times into `folder`/data, before Prometheus starts."""
    promtool = prometheus_binary("promtool")
    assert promtool is not None
    page = folder / "samples.txt"
    page.write_text("".join(f"{line}\n" for line in (*lines, "# EOF")))
    process = await asyncio.create_subprocess_exec(
        str(promtool),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(page),
        str(folder / "data"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool], seconds: float = 90.0) -> T:
    """Ask until the answer holds, and give it back; raises TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while not holds(answer := await ask()):  # noqa: ASYNC110  another process has no event to wait for
            await asyncio.sleep(0.1)
    return answer
