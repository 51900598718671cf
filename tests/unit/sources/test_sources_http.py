"""JSON is read within limits: no redirects, no endless bodies, no endless waits, few retries, one clear error."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from sunward.domain.errors import SourceUnavailable
from sunward.sources.http import Limits, NotFound
from support.sources import Handler, reading, serving


def always(status: int, **given: object) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(given.get("body", {}), status=status, headers={"Location": "/other"})

    return answer


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_passing_trouble_is_tried_again_a_few_times(status: int) -> None:
    async with serving(always(status)) as server, reading(Limits(attempts=3)) as reader:
        with pytest.raises(SourceUnavailable, match=rf"HTTP {status} \(3 attempts\)"):
            await reader.get(server.url, {})

    assert len(server.asked) == 3


async def test_the_second_attempt_may_succeed() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"tries": len(server.asked)}, status=503 if len(server.asked) < 2 else 200)

    async with serving(answer) as server, reading() as reader:
        found = await reader.get(server.url, {})

    assert found == {"tries": 2}


@pytest.mark.parametrize(
    ("status", "words"),
    [(302, "redirects are not followed"), (401, "token"), (403, "token"), (410, "HTTP 410"), (400, "HTTP 400")],
)
async def test_an_answer_that_will_not_change_is_asked_for_once(status: int, words: str) -> None:
    async with serving(always(status)) as server, reading() as reader:
        with pytest.raises(SourceUnavailable, match=words):
            await reader.get(server.url, {})

    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, ""),
        ({"error": "No recent data for zone DE"}, "No recent data for zone DE"),
        ({"message": "x" * 999}, "x" * 160),
        ({"error": {"code": 1}}, ""),
        ([], ""),
    ],
)
async def test_what_the_server_does_not_have_is_told_apart_with_its_words(body: object, said: str) -> None:
    async with serving(always(404, body=body)) as server, reading() as reader:
        with pytest.raises(NotFound) as refused:
            await reader.get(server.url, {})
    assert refused.value.said == said


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "3600"}, 3600.0),
        (429, {}, None),
        (429, {"Retry-After": "soon"}, None),
        (503, {"Retry-After": "60"}, 60.0),
        (
            429,
            {"Date": "Mon, 01 Jun 2026 12:00:00 GMT", "Retry-After": "Mon, 01 Jun 2026 12:30:00 GMT"},
            1800.0,
        ),
    ],
)
async def test_a_server_that_asks_to_wait_is_asked_once_and_told_for_how_long(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=status, headers=headers)

    async with serving(answer) as server, reading() as reader:
        with pytest.raises(SourceUnavailable) as refused:
            await reader.get(server.url, {})

    assert len(server.asked) == 1
    assert refused.value.retry_after_seconds == seconds


async def test_a_body_without_end_is_cut_off() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 4096)

    async with serving(answer) as server, reading(Limits(maximum_bytes=20_000)) as reader:
        with pytest.raises(SourceUnavailable, match="more than 20000 bytes"):
            await reader.get(server.url, {})


async def test_a_silent_server_is_not_waited_for() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(answer) as server, reading(Limits(timeout_seconds=0.05, attempts=2)) as reader:
        with pytest.raises(SourceUnavailable, match=r"no response within 0\.05 s"):
            await reader.get(server.url, {})


@pytest.mark.parametrize("body", ["{", "NaN", '{"a": Infinity}', "[" * 100_000, "\x00"])
async def test_a_body_that_is_no_strict_json_is_refused(body: str) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type="application/json")

    async with serving(answer) as server, reading() as reader:
        with pytest.raises(SourceUnavailable, match="returned invalid JSON"):
            await reader.get(server.url, {})


async def test_a_web_page_is_no_answer() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>", content_type="text/html")

    async with serving(answer) as server, reading() as reader:
        with pytest.raises(SourceUnavailable, match="text/html"):
            await reader.get(server.url, {})


async def test_a_closed_port_is_an_unavailable_source(unused_tcp_port: int) -> None:
    async with reading(Limits(attempts=2)) as reader:
        with pytest.raises(SourceUnavailable, match="2 attempts"):
            await reader.get(f"http://127.0.0.1:{unused_tcp_port}", {})
