"""Serves a node's own shards to workers elsewhere, and its copy of the checkpoint to a coordinator without one.

Copies of others' shards are not served on.
"""

from typing import Final

from aiohttp import web

from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica
from sunward_trainer.worker.shard_store import ShardStore

_STORE: Final = web.AppKey("store", ShardStore)
_KEEPSAKE: Final = web.AppKey("replica", CheckpointReplica)
HASH_HEADER: Final = "X-Sunward-Sha256"


def build_app(store: ShardStore, replica: CheckpointReplica | None = None) -> web.Application:
    """GET /shards lists them, GET /shards/NAME sends one, GET /checkpoint sends the copy of the model."""
    app = web.Application()
    app[_STORE] = store
    app[_KEEPSAKE] = replica or CheckpointReplica()
    app.add_routes(
        [
            web.get("/shards", _list),
            web.get("/shards/{name}", _send),
            web.get("/checkpoint", _checkpoint),
            web.get("/healthz", _healthz),
        ]
    )
    return app


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


async def _checkpoint(request: web.Request) -> web.Response:
    content = request.app[_KEEPSAKE].content
    if not content:
        raise web.HTTPNotFound(text="this worker has kept no checkpoint\n")
    return web.Response(body=content)


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text=f"{len(request.app[_STORE].own)} shards\n")
