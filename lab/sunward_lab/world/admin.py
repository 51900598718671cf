"""The test bench's side door, on loopback only: set faults, read the truth.

Never bound to an address that a node could reach.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, Final, TypeVar

from aiohttp import web

from .faults import Faults, FeedFault, RelayFault, SensorFault

PORT: Final = 18099
_Kind = TypeVar("_Kind", bound=StrEnum)


def admin_application(faults: Faults, nodes: Collection[str], truth: Callable[[], dict[str, Any]]) -> web.Application:
    """`GET /truth`; `PUT /faults/{relay|sensor}/NODE` and `PUT /faults/feed` with `{"fault": NAME}`."""

    async def read(_: web.Request) -> web.Response:
        return web.json_response(truth())

    async def relay(request: web.Request) -> web.Response:
        faults.relays[_node(request, nodes)] = await _fault(request, RelayFault)
        return web.json_response({})

    async def sensor(request: web.Request) -> web.Response:
        faults.sensors[_node(request, nodes)] = await _fault(request, SensorFault)
        return web.json_response({})

    async def feed(request: web.Request) -> web.Response:
        faults.feed = await _fault(request, FeedFault)
        return web.json_response({})

    application = web.Application()
    application.router.add_get("/truth", read)
    application.router.add_put("/faults/relay/{node}", relay)
    application.router.add_put("/faults/sensor/{node}", sensor)
    application.router.add_put("/faults/feed", feed)
    return application


def _node(request: web.Request, nodes: Collection[str]) -> str:
    name = request.match_info["node"]
    if name not in nodes:
        raise web.HTTPNotFound(text=f"no node {name}; known: {', '.join(sorted(nodes))}\n")
    return name


async def _fault(request: web.Request, kind: type[_Kind]) -> _Kind:
    body: Any = await request.json()
    try:
        return kind(body["fault"])
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(kind)
        raise web.HTTPBadRequest(text=f'expected {{"fault": NAME}} with NAME one of {known}\n') from error
