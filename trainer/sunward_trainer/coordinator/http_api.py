"""The coordinator's HTTP server: /progress for the operator, the rest for the job's workers.

Which worker calls is what its certificate says (`callers`), and never what is in a body.
"""

from datetime import UTC, datetime
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from sunward_trainer.coordinator.fleet_keys import FleetKeys
from sunward_trainer.coordinator.introductions import LARGEST_BODY, Introduction, SignOfLife
from sunward_trainer.coordinator.progress import Phase, StatusBoard, progress_document
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.protocol.callers import EVERY_ROLE, Callers, caller_of, door
from sunward_trainer.protocol.checkpoint_replica import SealError
from sunward_trainer.protocol.identity import Role
from sunward_trainer.protocol.members import Member, Members, ServedShard, Unwelcome
from sunward_trainer.protocol.plain_json import to_json

BEAT_SECONDS: Final = 3.0
LARGEST_REPLICA_BYTES: Final = 64 * 1024 * 1024
"""Weights of sixteen million parameters, or fewer and a long history."""

_WORKERS: Final = frozenset({Role.WORKER})
ALLOWED: Final = {
    "progress": frozenset({Role.OPERATOR}),
    "healthz": EVERY_ROLE,
    **dict.fromkeys(("checkpoint", "register", "beat", "leave", "replica"), _WORKERS),
}
_Said = TypeVar("_Said", bound=BaseModel)
_BOARD: Final = web.AppKey("board", StatusBoard)
_MEMBERS: Final = web.AppKey("members", Members)
_REPLICAS: Final = web.AppKey("replicas", Replicas)
_KEYS: Final = web.AppKey("keys", FleetKeys)


def build_app(
    board: StatusBoard, members: Members, replicas: Replicas, *, callers: Callers, keys: FleetKeys | None
) -> web.Application:
    """The application; it changes nothing but `members` and `replicas`.

    `keys` tells whose a Flower node is, None where workers have no certificates.
    """
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[door(callers, ALLOWED)])
    app[_BOARD], app[_MEMBERS], app[_REPLICAS] = board, members, replicas
    if keys is not None:
        app[_KEYS] = keys
    app.add_routes(
        [
            web.get("/progress", _progress),
            web.get("/healthz", _healthz),
            web.get("/checkpoint", _checkpoint),
            web.post("/register", _register),
            web.post("/beat", _beat),
            web.post("/leave", _leave),
            web.post("/replica", _replica),
        ]
    )
    return app


async def _progress(request: web.Request) -> web.Response:
    document = progress_document(request.app[_BOARD].status, request.app[_MEMBERS], datetime.now(UTC))
    return web.json_response(document, dumps=to_json)


async def _healthz(request: web.Request) -> web.Response:
    status = request.app[_BOARD].status
    healthy = status.phase is not Phase.FAILED
    return web.Response(text=f"{status.phase}\n", status=200 if healthy else 500)


async def _checkpoint(request: web.Request) -> web.Response:
    """The newest checkpoint, for workers to keep a copy of."""
    kept = request.app[_BOARD].status.checkpoint
    if kept is None or not kept.round:
        raise web.HTTPNotFound(text="no round has been finished yet\n")
    return web.Response(body=request.app[_REPLICAS].content(kept))


async def _register(request: web.Request) -> web.Response:
    """A worker announces itself: {address, flower_node, shards: [{name, sha256, samples}], cached: [...], kept_round}.

    428 asks for its copy of the checkpoint first.
    """
    members, replicas, node = request.app[_MEMBERS], request.app[_REPLICAS], caller_of(request).node
    said = await _read(request, Introduction)
    keys = request.app.get(_KEYS)
    if keys is not None and not keys.owns(node, said.flower_node):
        raise web.HTTPForbidden(text=f"Flower node {said.flower_node} is not the one that {node} registered\n")
    if said.kept_round and _has_no_round(request) and replicas.round_of(node) is None:
        return web.json_response({"error": "send the checkpoint that you have kept"}, status=428)
    try:
        members.register(_member(node, said, replicas.round_of(node)))
    except Unwelcome as error:
        raise web.HTTPForbidden(text=f"{error}\n") from error
    return web.json_response({"epoch": members.epoch})


def _has_no_round(request: web.Request) -> bool:
    """Whether a copy of the checkpoint could be news to this coordinator."""
    kept = request.app[_BOARD].status.checkpoint
    return kept is None or not kept.round


async def _replica(request: web.Request) -> web.Response:
    """A worker gives back its copy of the checkpoint; 403 for one that this job's coordinator did not seal."""
    content = bytearray()
    async for chunk in request.content.iter_chunked(1 << 16):
        content += chunk
        if len(content) > LARGEST_REPLICA_BYTES:
            raise web.HTTPRequestEntityTooLarge(max_size=LARGEST_REPLICA_BYTES, actual_size=len(content))
    if _has_no_round(request):
        try:
            request.app[_REPLICAS].take(caller_of(request).node, bytes(content))
        except SealError as error:
            raise web.HTTPForbidden(text=f"the checkpoint {error}\n") from error
    return web.json_response({})


async def _beat(request: web.Request) -> web.Response:
    """A sign of life that waits for news; 409 tells a worker to register again."""
    members, board, node = request.app[_MEMBERS], request.app[_BOARD], caller_of(request).node
    sign = await _read(request, SignOfLife)
    known = sign.epoch == members.epoch and members.heard(
        node,
        cached_shards=tuple(sign.cached),
        seconds_per_batch=sign.seconds_per_batch,
        batches_done=sign.batches_done,
    )
    if not known:
        return web.json_response({"error": "register again"}, status=409)
    wait = 0.0 if board.status.phase is Phase.COMPLETE else BEAT_SECONDS
    bell = await members.wait_for_bell(node, after=sign.after, timeout_seconds=wait)
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
    """A worker says goodbye."""
    request.app[_MEMBERS].leave(caller_of(request).node)
    return web.json_response({})


def _member(node: str, said: Introduction, kept_round: int | None) -> Member:
    return Member(
        node=node,
        address=said.address,
        flower_node=said.flower_node,
        heard_seconds=0.0,
        home_shards=tuple(
            ServedShard(name=shard.name, sha256=shard.sha256, samples=shard.samples) for shard in said.shards
        ),
        cached_shards=tuple(said.cached),
        kept_round=kept_round,
    )


async def _read(request: web.Request, body: type[_Said]) -> _Said:
    """The body, checked; a bad one is answered with 400 and the first field that is wrong."""
    try:
        return body.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        raise web.HTTPBadRequest(text=f"{request.path}: {where}: {first['msg']}\n") from error
