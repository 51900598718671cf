"""The worker's process: serves its shards, keeps in touch with the coordinator, trains when the bell rings.

Training runs in a thread of its own, so that the signs of life go on while numpy works. The connection to the
coordinator may break at any time; the worker then starts over with a fresh SuperNode, keeping its shards.
"""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from sunward_trainer.data import load_data
from sunward_trainer.records import order_from_record, reply_to_record
from sunward_trainer.shard_server import build_app
from sunward_trainer.shard_store import ShardStore
from sunward_trainer.shards import Partition, ShardFile, ShardSpecification, cut, store, take
from sunward_trainer.supernode import SuperNode
from sunward_trainer.trainee import Trainee
from sunward_trainer.training import Pair

_RETRY_SECONDS: Final = 1.0
_FLOWER_HEARTBEAT_SECONDS: Final = 15.0
_GOODBYE_SECONDS: Final = 3.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Everything the command line says; `address` is where others reach this worker's shard server."""

    node: str
    coordinator: str
    coordinator_port: int
    superlink_port: int
    address: str
    shard_server_port: int
    shards_folder: Path
    cache_folder: Path
    shards: tuple[ShardSpecification, ...]
    partition: Partition
    seed: int
    data_folder: Path | None
    shared_folder: Path | None


class Finished(Exception):
    """The job is complete, or this process was asked to end."""


class Disconnected(Exception):
    """The coordinator or the SuperLink does not know this worker any more."""


def own_shards(settings: WorkerSettings) -> list[ShardFile]:
    """Write the shards that live on this node, and nothing of the others. No file when it is no shard's home."""
    mine = [shard for shard in settings.shards if shard.node == settings.node]
    if not mine:
        return []
    data = load_data(settings.data_folder, settings.shared_folder)
    indices = cut(data, settings.shards, seed=settings.seed, partition=settings.partition)
    return [store(take(data, shard.name, indices[shard.name]), settings.shards_folder) for shard in mine]


class Worker:
    """Everything one node does for a job."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._trainee = Trainee(node=settings.node)
        self._stop = asyncio.Event()
        self._url = f"http://{settings.coordinator}:{settings.coordinator_port}"

    async def run(self) -> int:
        """Work until the job is complete or a signal arrives. The exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        shards = ShardStore(await asyncio.to_thread(own_shards, self._settings), self._settings.cache_folder)
        runner = web.AppRunner(build_app(shards), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", self._settings.shard_server_port).start()  # noqa: S104
        timeout = aiohttp.ClientTimeout(total=10.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await self._work_until_finished(session, shards)
        await runner.cleanup()
        return 0

    def _ask_to_stop(self) -> None:
        _log.info("asked to stop")
        self._trainee.abandon.set()
        self._stop.set()

    async def _work_until_finished(self, session: aiohttp.ClientSession, shards: ShardStore) -> None:
        said = ""
        while not self._stop.is_set():
            life = Life(self._settings, self._trainee, shards, session, self._url)
            try:
                await life.run(self._stop)
            except Finished:
                return
            except (Disconnected, aiohttp.ClientError, TimeoutError) as error:
                trouble = str(error) or type(error).__name__
                if trouble != said:
                    _log.info("starting over with %s: %s", self._url, trouble)
                said = trouble
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _RETRY_SECONDS)


class Life:
    """One connection to one coordinator, from registration to goodbye."""

    def __init__(
        self,
        settings: WorkerSettings,
        trainee: Trainee,
        shards: ShardStore,
        session: aiohttp.ClientSession,
        url: str,
    ) -> None:
        self._settings, self._trainee, self._shards = settings, trainee, shards
        self._session, self._url = session, url
        self._bell = threading.Event()
        self._ended = threading.Event()
        self._over = asyncio.Event()
        self._node_id: int | None = None
        self._failure = ""
        self._loop = asyncio.get_running_loop()

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and work. Raises Finished or Disconnected."""
        thread = threading.Thread(target=self._live, name="training", daemon=True)
        thread.start()
        try:
            await self._beat_until(stop)
        finally:
            await self._end()

    async def _end(self) -> None:
        """Let the training thread push what it has, then say goodbye. Never longer than a few seconds."""
        self._trainee.abandon.set()
        self._ended.set()
        self._bell.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), _GOODBYE_SECONDS)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            goodbye = aiohttp.ClientTimeout(total=1.0)
            await self._session.post(f"{self._url}/leave", json={"node": self._settings.node}, timeout=goodbye)

    async def _beat_until(self, stop: asyncio.Event) -> None:
        while self._node_id is None:
            if self._over.is_set():
                raise Disconnected(self._failure)
            if stop.is_set():
                raise Finished
            await asyncio.sleep(0.05)
        epoch = (await self._post("/register", self._introduction()))["epoch"]
        heard = 0
        while not self._over.is_set():
            news = asyncio.ensure_future(self._post("/beat", self._sign_of_life(epoch, heard)))
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({news, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if stop.is_set():
                news.cancel()
                raise Finished
            heard = self._listen(await news, heard)
        raise Disconnected(self._failure)

    def _listen(self, news: dict[str, Any], heard: int) -> int:
        """React to the answer of a beat; the number of rings heard so far."""
        if news["complete"]:
            _log.info("the job is complete")
            raise Finished
        mine, current = self._trainee.round_in_work, news["round_in_work"]
        if mine is not None and mine != current:
            self._trainee.abandon.set()  # that round was closed without us
        if news["bell"] != heard:
            self._bell.set()
        return int(news["bell"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(self._url + path, json=body) as answer:
            if answer.status == 409:
                raise Disconnected("the coordinator has started anew")
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    def _introduction(self) -> dict[str, Any]:
        return {
            "node": self._settings.node,
            "address": f"{self._settings.address}:{self._settings.shard_server_port}",
            "flower_node": self._node_id,
            "shards": [
                {"name": file.name, "sha256": file.sha256, "samples": file.samples}
                for file in self._shards.own.values()
            ],
            "cached": list(self._shards.cached),
        }

    def _sign_of_life(self, epoch: str, heard: int) -> dict[str, Any]:
        return {
            "node": self._settings.node,
            "epoch": epoch,
            "after": heard,
            "cached": list(self._shards.cached),
            "seconds_per_batch": self._trainee.seconds_per_batch,
            "batches_done": self._trainee.batches_done,
        }

    def _live(self) -> None:
        """The training thread: connect, and answer messages whenever the bell rings."""
        try:
            address = f"{self._settings.coordinator}:{self._settings.superlink_port}"
            with SuperNode(address, self._client_app()) as node:
                self._trainee.abandon.clear()
                self._node_id = node.node_id
                self._answer(node)
        except Exception as error:
            # Whatever broke, the cure is the same: start over with a fresh connection.
            self._failure = f"{type(error).__name__}: {error}"
        finally:
            self._loop.call_soon_threadsafe(self._over.set)

    def _answer(self, node: SuperNode) -> None:
        last = time.monotonic()
        while not self._ended.is_set():
            # Looked at after a silence too, so that a ring that was lost costs time and not the round.
            self._bell.wait(_FLOWER_HEARTBEAT_SECONDS)
            self._bell.clear()
            if not self._ended.is_set() and node.answer_one():
                self._trainee.abandon.clear()
            if time.monotonic() - last >= _FLOWER_HEARTBEAT_SECONDS:
                last = time.monotonic()
                if not node.heartbeat():
                    raise Disconnected("the SuperLink does not know this node")

    def _client_app(self) -> ClientApp:
        app = ClientApp()

        def train(message: Message, context: Context) -> Message:
            del context  # the order says everything
            order = order_from_record(message.content)

            def shard_of(pair: Pair) -> Any:
                return self._shards.get(pair.shard, order.sources.get(pair.shard))

            reply = self._trainee.carry_out(
                order.pairs,
                order.weights,
                round_number=order.round_number,
                model=(order.model, order.classes),
                recipe=order.recipe,
                shard_of=shard_of,
            )
            return Message(reply_to_record(reply), reply_to=message)

        app.train()(train)
        return app
