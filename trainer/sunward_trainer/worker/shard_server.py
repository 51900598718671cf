"""Serves a node's own shards to the job's workers elsewhere. Copies of others' shards are not served on.

Where the data may not leave its node, this server is not started.
"""

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from sunward_trainer.protocol.callers import EVERY_ROLE, Callers, caller_of, door
from sunward_trainer.protocol.identity import Role
from sunward_trainer.worker.work import Shards

_STORE: Final = web.AppKey("store", Shards)
_ALLOWED: Final = {"shards": frozenset({Role.WORKER}), "healthz": EVERY_ROLE}
HASH_HEADER: Final = "X-Sunward-Sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlySite:
    """Shards are served to nodes of this site alone; no other node is of the site None."""

    site: str | None


def build_app(store: Shards, *, callers: Callers, only: OnlySite | None) -> web.Application:
    """GET /shards lists them, GET /shards/NAME sends one; `only` is None where data may travel anywhere."""
    app = web.Application(middlewares=[door(callers, _ALLOWED), *([] if only is None else [_within(only)])])
    app[_STORE] = store
    app.add_routes(
        [
            web.get("/shards", _list),
            web.get("/shards/{name}", _send),
            web.get("/healthz", _healthz),
        ]
    )
    return app


def _within(only: OnlySite) -> Any:
    """The middleware that refuses shards to nodes elsewhere."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        caller = caller_of(request)
        if caller.role is Role.WORKER and (only.site is None or caller.site != only.site):
            raise web.HTTPForbidden(text=f"shards of this node stay at its site, {caller.node} is elsewhere\n")
        return await handler(request)

    return check


async def _list(request: web.Request) -> web.Response:
    files = request.app[_STORE].own.values()
    return web.json_response(
        [
            {"name": file.name, "samples": file.samples, "sha256": file.sha256, "bytes": file.size_bytes}
            for file in files
        ]
    )


async def _send(request: web.Request) -> web.StreamResponse:
    """Only names in the store are looked up, so that a path cannot lead elsewhere."""
    file = request.app[_STORE].own.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound(text="this node is not the home of that shard\n")
    return web.FileResponse(file.path, headers={HASH_HEADER: file.sha256})


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text=f"{len(request.app[_STORE].own)} shards\n")
