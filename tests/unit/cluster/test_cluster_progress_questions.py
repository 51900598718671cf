"""All coordinators are asked within one limit of bytes and one of time; what one of them answers costs no other."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from sunward.cli.connections import open_local_session
from sunward.cluster.training import progress_questions
from sunward.cluster.training.authorities import Authorities
from sunward.cluster.training.certificates import Authority
from sunward.cluster.training.coordinators import Coordinators, client_context
from sunward.cluster.training.progress_questions import LARGEST_BYTES, Answer, ask_all
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobProgress
from support.door import AUTHORITY, STRANGE_AUTHORITY, now, server_context
from support.loop.store import Store
from support.store_api import StoreApi

GOOD = {"schema": "sunward.dev/progress/v1alpha1", "round": 3, "phase": "training"}


class Everywhere(AbstractResolver):
    """Leads every name to one server, whatever port was asked for."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None: ...


@asynccontextmanager
async def coordinators(authority: Authority = AUTHORITY) -> AsyncIterator[aiohttp.ClientSession]:
    """A session in which the name of a coordinator says how it answers; all have a certificate of one authority."""
    application = web.Application()
    application.router.add_get("/progress", _answer)
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=server_context(authority))
    assert server.port is not None
    connector = aiohttp.TCPConnector(resolver=Everywhere(server.port), limit=0)
    async with open_local_session(connector) as session:
        yield session
    await server.close()


async def _answer(request: web.Request) -> web.StreamResponse:
    return await ANSWERS[request.host.split(".")[0]](request)


async def good(_: web.Request) -> web.StreamResponse:
    return web.json_response(GOOD)


async def with_words(_: web.Request) -> web.StreamResponse:
    return web.json_response({**GOOD, "words": "x" * (LARGEST_BYTES // 2)})


async def packed(_: web.Request) -> web.StreamResponse:
    body = gzip.compress(json.dumps(GOOD).encode() + b" " * (64 << 20))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(body=body, headers=headers)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(64):  # far more than is read; a caller that has gone is not always noticed
        await response.write(b" " * 65536)
    return response


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def page(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>", content_type="text/html")


async def elsewhere(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://metadata.test/")


async def infinite(_: web.Request) -> web.StreamResponse:
    text = json.dumps({**GOOD, "workers": [{"node": "pi-01", "state": "alive", "seconds_per_batch": 1e999}]})
    return web.Response(text=text, content_type="application/json")


OPERATOR = client_context(AUTHORITY.operator(now()))
ANSWERS: dict[str, Callable[[web.Request], object]] = {  # type: ignore[assignment]  # all are coroutines
    "good": good,
    "words": with_words,
    "packed": packed,
    "endless": endless,
    "silent": silent,
    "page": page,
    "elsewhere": elsewhere,
    "infinite": infinite,
}


async def asked(names: Iterable[str]) -> dict[str, Answer]:
    """What comes of asking coordinators, by namespace/job; the job's name begins with the kind of its answer."""
    addresses = {name: f"{name.split('/')[1]}.{number}.test" for number, name in enumerate(names)}
    async with coordinators() as session:
        return dict(await ask_all(session, addresses, dict.fromkeys(addresses, OPERATOR)))


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("packed", "is compressed ('gzip')"),
        ("endless", f"is longer than {LARGEST_BYTES} bytes"),
        ("page", "returned 'text/html', not application/json"),
        ("elsewhere", "returned HTTP 302"),
        ("infinite", "workers[0].seconds_per_batch: must be a finite number, not inf"),
    ],
)
async def test_a_wrong_answer_is_a_fault_of_its_own_job(kind: str, fault: str) -> None:
    found = await asked(["a/good", f"a/{kind}", "b/good"])
    assert fault in str(found[f"a/{kind}"])
    assert isinstance(found[f"a/{kind}"], InvalidInput)
    assert [isinstance(found[name], JobProgress) for name in ("a/good", "b/good")] == [True, True]


async def test_a_silent_coordinator_is_silence_and_takes_no_longer_than_the_pass_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_questions, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    found = await asked(["a/silent", "a/good"])
    assert found["a/silent"] is None
    assert isinstance(found["a/good"], JobProgress)


async def test_many_slow_coordinators_of_one_namespace_keep_no_other_from_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_questions, "TOTAL_SECONDS", 0.5)
    monkeypatch.setattr(progress_questions, "AT_ONCE", 3)
    slow = [f"a/silent-{number}" for number in range(8)]
    monkeypatch.setitem(ANSWERS, "silent-0", silent)
    for name in slow:
        monkeypatch.setitem(ANSWERS, name.split("/")[1], silent)
    found = await asked([*slow, "b/good", "c/good"])
    assert [isinstance(found[name], JobProgress) for name in ("b/good", "c/good")] == [True, True]
    assert {str(found[name]) for name in slow} == {"/progress: was not read within the 0.5 s for all jobs of a pass"}


async def test_a_namespace_has_its_share_of_the_bytes_and_takes_none_of_anothers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_questions, "TOTAL_BYTES", 4 * LARGEST_BYTES)
    long = [f"a/words-{number}" for number in range(8)]
    for name in long:
        monkeypatch.setitem(ANSWERS, name.split("/")[1], with_words)
    found = await asked([*long, "b/words"])
    read = [name for name in long if isinstance(found[name], JobProgress)]
    assert 0 < len(read) < len(long)
    assert all("all of namespace a are longer than" in str(found[name]) for name in long if name not in read)
    assert isinstance(found["b/words"], JobProgress)


async def test_without_a_job_nobody_is_asked() -> None:
    async with coordinators() as session:
        assert await ask_all(session, {}, {}) == {}


async def test_an_address_that_no_url_can_hold_is_silence() -> None:
    async with coordinators() as session:
        assert await ask_all(session, {"a/x": "not an address["}, {"a/x": OPERATOR}) == {"a/x": None}


async def test_a_server_that_cannot_prove_to_be_the_jobs_coordinator_is_not_believed() -> None:
    async with coordinators(STRANGE_AUTHORITY) as session:
        found = await ask_all(session, {"a/x": "good.1.test"}, {"a/x": OPERATOR})
    assert str(found["a/x"]) == "/progress: came from a server without a certificate of this job's coordinator"


async def test_the_operator_shows_a_certificate_of_each_job_and_needs_the_seed_for_it() -> None:
    """A seed that cannot be used is a fault of each job's progress, not of the pass."""
    store = Store()
    authorities = Authorities(StoreApi(store), "sunward-system")
    async with coordinators(await authorities.of("uid-1")) as session:
        asking = Coordinators(session, authorities, now)
        found = await asking.ask({"a/x": "good.1.test", "a/y": "good.2.test"}, {"a/x": "uid-1", "a/y": "uid-2"})
        assert isinstance(found["a/x"], JobProgress)
        assert "without a certificate of this job" in str(found["a/y"])
        store.patch("/api/v1/namespaces/sunward-system/secrets/sunward-job-authority", {"data": {"seed": "AAAA"}})
        asking = Coordinators(session, Authorities(StoreApi(store), "sunward-system"), now)
        found = await asking.ask({"a/x": "good.1.test"}, {"a/x": "uid-1"})
        assert "cannot be asked without a certificate" in str(found["a/x"])
