"""Flower's SuperLink and its ServerApp inside the coordinator's process.

Stock Flower 1.41 starts processes for each ServerApp and polls every three seconds; on a small cluster that
costs more than the training. Here the stock SuperLink application serves its Fleet API from a thread, and the
ServerApp uses the Grid on the same LinkState directly. Only this module and `supernode` know Flower's inside,
which is why the version is pinned exactly.

Stock Flower knows no client certificates. The protocol class below hands the caller's certificate to the application,
and `FleetDoor` binds the key that Flower authenticates to the worker whom the certificate names.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")

import uvicorn
from flwr.app import Context, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.app.user_config import UserConfig
from flwr.common.constant import NOOP_FLWR_AID, SUPERLINK_NODE_ID
from flwr.server.superlink.linkstate import LinkState, LinkStateFactory
from flwr.serverapp import ServerApp
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, NOOP_FEDERATION_ID, TaskType
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.object_store import NoObjectInStoreError
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid.inmemory_grid import InMemoryGrid
from flwr.superlink.main import create_app
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sunward_trainer.coordinator.fleet_keys import FleetKeys
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.identity import Identity, NotOurs, Role, peer_identity

_START_SECONDS: Final = 60.0
_KEEP_ALIVE_SECONDS: Final = 15.0
_SERVED: Final = ("/v1/fleet/", "/health")
LARGEST_REPLY_BYTES: Final = 256 << 20
"""Room for 400 pairs of the largest model that is bundled."""
_log = logging.getLogger(__name__)
_REGISTER: Final = "/v1/fleet/register-node"
_PEER: Final = "sunward_peer"


class SuperLinkError(RuntimeError):
    """The SuperLink could not be started."""


class FleetOnly:
    """Serve what SuperNodes need and nothing else.

    The stock application also has a Control API, where any client that reaches the port could start or stop runs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on Fleet calls and health checks; answer 404 to the rest."""
        if scope["type"] == "http" and not scope["path"].startswith(_SERVED):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)


class FleetDoor:
    """Let in workers of the job alone, each with the Flower key that it registered."""

    def __init__(self, app: ASGIApp, *, job: str, keys: FleetKeys) -> None:
        self._app, self._job, self._keys = app, job, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on calls of a worker with its own key; answer 401 to the rest."""
        if scope["type"] == "http" and not self._may_pass(scope):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        try:
            peer = peer_identity(scope["state"].get(_PEER))
            key = base64.b64decode(dict(scope["headers"])[FLEET_HTTP_PUBLIC_KEY_HEADER.lower().encode()], validate=True)
        except (KeyError, NotOurs, binascii.Error):
            return False
        if not _is_worker(peer, self._job):
            return False
        if scope["path"] == _REGISTER:
            return self._keys.register(peer.node, key)
        return self._keys.may_use(peer.node, key)


def _is_worker(peer: Identity, job: str) -> bool:
    return peer.role is Role.WORKER and peer.job == job


class _Certified(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, which also tells the application the caller's certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Keep the certificate where each request of this connection finds it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _PEER: transport.get_extra_info("peercert")}


class SuperLink:
    """The SuperLink's HTTP server in a thread of its own, with one run.

    `keys` learns which worker each Flower node belongs to; without credentials it stays empty.
    """

    def __init__(self, host: str, port: int, *, credentials: Credentials | None, keys: FleetKeys) -> None:
        self._address = f"{host}:{port}"
        app = create_app()
        if credentials is not None:
            app.add_middleware(FleetDoor, job=credentials.identity.job, keys=keys)
        app.add_middleware(FleetOnly)
        self._factory: LinkStateFactory = app.state.linkstate_factory
        self._keys = keys
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=_Certified,
            log_config=None,
            access_log=False,
            ws="none",
            ssl_context_factory=None if credentials is None else lambda *_: credentials.server,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="superlink", daemon=True)
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep_alive, name="superlink-run", daemon=True)
        self._task = 0

    def start(self) -> None:
        """Listen, and open the run. Raises SuperLinkError when the address cannot be used."""
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise SuperLinkError(f"the SuperLink cannot listen on {self._address}; is the port taken?")
            time.sleep(0.02)
        self._open_run(self._factory.state())
        self._keys.open(self._factory.state().get_node_id_by_public_key)
        self._keeper.start()

    def run(self, app: ServerApp) -> None:
        """Run a ServerApp on this SuperLink's Grid in the calling thread."""
        app(grid=self.grid(), context=self.context({}))

    def grid(self) -> "ObjectGrid":
        """A Grid for the run."""
        grid = ObjectGrid(self._factory)
        grid.set_run(self._factory.state().get_run_info(run_ids=[TaskIdentity.run_id])[0])
        return grid

    def context(self, run_config: UserConfig) -> Context:
        """What a ServerApp is told of the run."""
        return Context(
            run_id=TaskIdentity.run_id,
            node_id=SUPERLINK_NODE_ID,
            node_config={},
            state=RecordDict(),
            run_config=run_config,
        )

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._server.should_exit = True
        self._thread.join(timeout=3.0)

    def _serve(self) -> None:
        # Uvicorn ends the process when it cannot listen; here it is a thread, and `start` notices.
        with contextlib.suppress(SystemExit):
            self._server.run()

    def _open_run(self, state: LinkState) -> None:
        run_id = state.create_run(
            fab_id=None,
            fab_version=None,
            fab_hash=None,
            override_config={},
            federation_id=NOOP_FEDERATION_ID,
            federation_config=None,
            flwr_aid=NOOP_FLWR_AID,
            primary_task_type=TaskType.SERVER_APP,
        )
        task_id = state.get_run_info(run_ids=[run_id])[0].primary_task_id
        if task_id is None or state.claim_task(task_id) is None or not state.activate_task(task_id):
            raise SuperLinkError("the SuperLink did not open a run")
        self._task = task_id
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = run_id, SUPERLINK_NODE_ID, task_id

    def _keep_alive(self) -> None:
        while not self._stop.wait(_KEEP_ALIVE_SECONDS):
            self._factory.state().acknowledge_task_heartbeat(self._task)


class ObjectGrid(InMemoryGrid):  # type: ignore[misc]  # Flower is not typed for strict checking
    """Flower's in-memory Grid for SuperNodes that connect over the network.

    Over the network a message travels as a tree of content-addressed objects, which the stock in-memory Grid
    (made for simulation) leaves out.
    """

    def __init__(self, factory: LinkStateFactory) -> None:
        super().__init__(factory)
        self._arriving: list[Message] = []

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Store messages and their objects for the SuperNodes to pull. Returns the ids of those accepted."""
        with no_object_id_recompute():
            return [identity for message in messages if (identity := self._push(message))]

    def _push(self, message: Message) -> str | None:
        identity = message.object_id
        message.metadata.__dict__["_message_id"] = identity
        session = self.state.start_session(message.metadata.run_id)
        objects, tree = get_all_nested_objects(message), get_object_tree(message)
        bare = remove_content_from_message(message)
        stored, wanted = self.state.store_message_and_object_tree(bare, tree, session)
        for object_id in wanted:
            self.state.store_object(message.metadata.run_id, session, object_id, objects[object_id].deflate())
        return identity if stored else None

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Replies whose objects have all arrived; the others are returned by a later call."""
        on_the_way = {bare.metadata.reply_to_message_id for bare in self._arriving}
        asked = set(message_ids) - on_the_way
        if asked:
            self._arriving += super().pull_messages(asked)
        pending, self._arriving = self._arriving, []
        return [whole for bare in pending if (whole := self._assemble(bare)) is not None]

    def _assemble(self, bare: Message) -> Message | None:
        store, identity = self.state.object_store, bare.metadata.message_id
        try:
            tree = store.get_object_tree(identity)
        except NoObjectInStoreError:
            return None
        contents: dict[str, Any] = {item.object_id: store.get(item.object_id) for item in iterate_object_tree(tree)}
        if not all(contents.values()):
            self._arriving.append(bare)
            return None
        store.delete(identity)
        return inflated(bare, contents)

    def withdraw(self, message_ids: Iterable[str]) -> None:
        """Forget messages and whatever arrives for them."""
        asked = set(message_ids)
        self.state.delete_messages(asked)
        for identity in asked:
            self.state.object_store.delete(identity)
        for bare in self._arriving:
            self.state.object_store.delete(bare.metadata.message_id)
        self._arriving.clear()


def inflated(bare: Message, contents: dict[str, Any]) -> Message:
    """The message with its content; without it, when that is no content: whoever reads it then refuses it."""
    if sum(len(content) for content in contents.values()) > LARGEST_REPLY_BYTES:
        return bare
    try:
        whole = inflate_object_from_contents(bare.metadata.message_id, contents)
    except Exception:  # the bytes are a worker's, and Flower's own readers raise whatever they meet
        _log.warning("a reply of Flower node %s cannot be unpacked", bare.metadata.src_node_id, exc_info=True)
        return bare
    return whole if isinstance(whole, Message) else bare
