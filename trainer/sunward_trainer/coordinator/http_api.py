"""The coordinator's HTTP server: /progress and /healthz for everybody, the rest for its workers."""

from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from sunward_trainer.coordinator.checkpoint import describe
from sunward_trainer.coordinator.progress import Phase, StatusBoard, progress_document
from sunward_trainer.protocol.checkpoint_replica import encode
from sunward_trainer.protocol.members import Member, Members, ServedShard

BEAT_SECONDS: Final = 3.0
_BOARD: Final = web.AppKey("board", StatusBoard)
_MEMBERS: Final = web.AppKey("members", Members)


def build_app(board: StatusBoard, members: Members) -> web.Application:
    """The application; it changes nothing but `members`."""
    app = web.Application(client_max_size=256 * 1024)
    app[_BOARD], app[_MEMBERS] = board, members
    app.add_routes(
        [
            web.get("/progress", _progress),
            web.get("/healthz", _healthz),
            web.get("/checkpoint", _checkpoint),
            web.post("/register", _register),
            web.post("/beat", _beat),
            web.post("/leave", _leave),
        ]
    )
    return app


async def _progress(request: web.Request) -> web.Response:
    return web.json_response(progress_document(request.app[_BOARD].status, request.app[_MEMBERS], datetime.now(UTC)))


async def _healthz(request: web.Request) -> web.Response:
    status = request.app[_BOARD].status
    healthy = status.phase is not Phase.FAILED
    return web.Response(text=f"{status.phase}\n", status=200 if healthy else 500)


async def _checkpoint(request: web.Request) -> web.Response:
    """The newest checkpoint, for workers to keep a copy of."""
    kept = request.app[_BOARD].status.checkpoint
    if kept is None or not kept.round:
        raise web.HTTPNotFound(text="no round has been finished yet\n")
    return web.Response(body=encode(describe(kept), kept.weights))


async def _register(request: web.Request) -> web.Response:
    """A worker announces itself: {node, address, flower_node, shards: [{name, sha256, samples}], cached: [...]}."""
    members = request.app[_MEMBERS]
    members.register(await _read(request, _member))
    return web.json_response({"epoch": members.epoch})


async def _beat(request: web.Request) -> web.Response:
    """A sign of life that waits for news; 409 tells a worker to register again."""
    members, board = request.app[_MEMBERS], request.app[_BOARD]
    body = await _read(request, _beat_fields)
    known = body.pop("epoch") == members.epoch
    after, node = body.pop("after"), body.pop("node")
    if not known or not members.heard(node, **body):
        return web.json_response({"error": "register again"}, status=409)
    wait = 0.0 if board.status.phase is Phase.COMPLETE else BEAT_SECONDS
    bell = await members.wait_for_bell(node, after=after, timeout_seconds=wait)
    status = board.status
    return web.json_response(
        {
            "bell": bell,
            "round": status.checkpoint.round if status.checkpoint else 0,
            "round_in_work": status.round_in_work,
            "complete": status.phase is Phase.COMPLETE,
        }
    )


async def _leave(request: web.Request) -> web.Response:
    """A worker says goodbye: {node}."""
    request.app[_MEMBERS].leave(await _read(request, lambda body: str(body["node"])))
    return web.json_response({})


def _member(body: dict[str, Any]) -> Member:
    return Member(
        node=str(body["node"]),
        address=str(body["address"]),
        flower_node=int(body["flower_node"]),
        heard_seconds=0.0,
        home_shards=tuple(
            ServedShard(name=str(item["name"]), sha256=str(item["sha256"]), samples=int(item["samples"]))
            for item in body["shards"]
        ),
        cached_shards=tuple(str(name) for name in body["cached"]),
        kept_round=None if body.get("kept_round") is None else int(body["kept_round"]),
    )


def _beat_fields(body: dict[str, Any]) -> dict[str, Any]:
    pace = body["seconds_per_batch"]
    return {
        "node": str(body["node"]),
        "epoch": str(body["epoch"]),
        "after": int(body["after"]),
        "cached_shards": tuple(str(name) for name in body["cached"]),
        "seconds_per_batch": None if pace is None else float(pace),
        "batches_done": {str(shard): int(done) for shard, done in body["batches_done"].items()},
    }


async def _read(request: web.Request, parse: Any) -> Any:
    """The body as `parse` reads it; a bad one is answered with 400 and what is wrong."""
    try:
        return parse(await request.json())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"{request.path}: {type(error).__name__}: {error}\n") from error
