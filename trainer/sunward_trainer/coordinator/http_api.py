"""The coordinator's HTTP server: /progress and /healthz for everybody, the rest for its workers."""

from datetime import UTC, datetime
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from sunward_trainer.coordinator.checkpoint import describe
from sunward_trainer.coordinator.introductions import LARGEST_BODY, Goodbye, Introduction, SignOfLife
from sunward_trainer.coordinator.progress import Phase, StatusBoard, progress_document
from sunward_trainer.protocol.checkpoint_replica import encode
from sunward_trainer.protocol.members import Member, Members, ServedShard, Unwelcome

BEAT_SECONDS: Final = 3.0
_Said = TypeVar("_Said", bound=BaseModel)
_BOARD: Final = web.AppKey("board", StatusBoard)
_MEMBERS: Final = web.AppKey("members", Members)


def build_app(board: StatusBoard, members: Members) -> web.Application:
    """The application; it changes nothing but `members`."""
    app = web.Application(client_max_size=LARGEST_BODY)
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
    try:
        members.register(_member(await _read(request, Introduction)))
    except Unwelcome as error:
        raise web.HTTPForbidden(text=f"{error}\n") from error
    return web.json_response({"epoch": members.epoch})


async def _beat(request: web.Request) -> web.Response:
    """A sign of life that waits for news; 409 tells a worker to register again."""
    members, board = request.app[_MEMBERS], request.app[_BOARD]
    sign = await _read(request, SignOfLife)
    known = sign.epoch == members.epoch and members.heard(
        sign.node,
        cached_shards=tuple(sign.cached),
        seconds_per_batch=sign.seconds_per_batch,
        batches_done=sign.batches_done,
    )
    if not known:
        return web.json_response({"error": "register again"}, status=409)
    wait = 0.0 if board.status.phase is Phase.COMPLETE else BEAT_SECONDS
    bell = await members.wait_for_bell(sign.node, after=sign.after, timeout_seconds=wait)
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
    request.app[_MEMBERS].leave((await _read(request, Goodbye)).node)
    return web.json_response({})


def _member(said: Introduction) -> Member:
    return Member(
        node=said.node,
        address=said.address,
        flower_node=said.flower_node,
        heard_seconds=0.0,
        home_shards=tuple(
            ServedShard(name=shard.name, sha256=shard.sha256, samples=shard.samples) for shard in said.shards
        ),
        cached_shards=tuple(said.cached),
        kept_round=said.kept_round,
    )


async def _read(request: web.Request, body: type[_Said]) -> _Said:
    """The body, checked; a bad one is answered with 400 and the first field that is wrong."""
    try:
        return body.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        raise web.HTTPBadRequest(text=f"{request.path}: {where}: {first['msg']}\n") from error
