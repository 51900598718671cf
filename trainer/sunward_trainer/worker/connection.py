"""One connection of a worker to one coordinator, from registration to goodbye.

Training runs in a thread of its own, so that the signs of life go on while numpy works. A thread that outlives
its connection (stuck in a call to a coordinator that lost its power) stops by itself and disturbs no other.
"""

import asyncio
import contextlib
import logging
import threading
import time
from typing import Any, Final

import aiohttp
from flwr.app import Context, Message

from sunward_trainer.protocol.callers import NODE_HEADER
from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica
from sunward_trainer.protocol.identity import COORDINATOR_NAME
from sunward_trainer.worker.settings import ConnectionSettings
from sunward_trainer.worker.supernode import CONNECTION_ERRORS, SuperNode
from sunward_trainer.worker.work import Shards, Work

_FLOWER_HEARTBEAT_SECONDS: Final = 15.0
_GOODBYE_SECONDS: Final = 3.0
_SEND_REPLICA: Final = 428
_REFUSED: Final = 403
_log = logging.getLogger(__name__)


class Finished(Exception):
    """The job is complete, or this process was asked to end."""


class Disconnected(Exception):
    """The coordinator or the SuperLink does not know this worker any more, or does not answer."""


class Connection:
    """Registers, gives signs of life, and trains when the bell rings."""

    def __init__(
        self,
        settings: ConnectionSettings,
        work: Work,
        shards: Shards,
        replica: CheckpointReplica,
        session: aiohttp.ClientSession,
        url: str,
    ) -> None:
        self._settings, self._job, self._shards = settings, work, shards
        self._replica = replica
        self._session, self._url = session, url
        self._bell = threading.Event()
        self._ended = threading.Event()
        self._last_closed_round = 0
        self._connected, self._over = asyncio.Event(), asyncio.Event()
        self._node: SuperNode | None = None
        self._failure = ""
        self._loop = asyncio.get_running_loop()

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and work. Raises Finished or Disconnected, or what aiohttp raises."""
        threading.Thread(target=self._live, name="training", daemon=True).start()
        stopping = asyncio.ensure_future(stop.wait())
        working = asyncio.ensure_future(self._work())
        try:
            await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Finished
            await working
        except Finished:
            await self._end()
            await self._say_goodbye()
            raise
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.gather(stopping, working, return_exceptions=True)
            await self._end()

    async def _end(self) -> None:
        """Stop training; what is finished may still be pushed, but not for longer than a few seconds."""
        self._ended.set()
        self._bell.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), _GOODBYE_SECONDS)

    async def _say_goodbye(self) -> None:
        """After the last reply, so that a coordinator that hears it need not wait for another."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=1.0)
            await self._request("POST", "/leave", json={}, timeout=timeout)

    async def _work(self) -> None:
        """Register and stay in touch."""
        await self._connected.wait()
        if self._node is None:
            raise Disconnected(self._failure)
        epoch = await self._register(self._node)
        heard, last = 0, time.monotonic()
        while not self._over.is_set():
            news = await self._post("/beat", self._sign_of_life(epoch, heard))
            if news["bell"] == heard and news["round"] > (self._replica.round or 0):
                await self._keep_copy(news["round"])
            heard = self._listen(news, heard)
            if time.monotonic() - last >= _FLOWER_HEARTBEAT_SECONDS:
                last = time.monotonic()
                await self._beat_for_flower(self._node)
        raise Disconnected(self._failure)

    async def _register(self, node: SuperNode) -> str:
        """Introduce this worker; the epoch of the coordinator. A coordinator without a checkpoint gets ours first."""
        for _ in range(2):
            async with self._request("POST", "/register", json=self._introduction(node)) as answer:
                if answer.status != _SEND_REPLICA:
                    answer.raise_for_status()
                    return str((await answer.json())["epoch"])
            await self._give_back()
        raise Disconnected("the coordinator did not take the checkpoint that was kept")

    async def _give_back(self) -> None:
        async with self._request("POST", "/replica", data=self._replica.content) as answer:
            if answer.status == _REFUSED:
                _log.warning("dropping the checkpoint that was kept: %s", (await answer.text()).strip()[:200])
                self._replica.drop()
            else:
                answer.raise_for_status()

    def _request(self, method: str, path: str, **options: Any) -> Any:
        """A request to the coordinator, which has to prove that it is the coordinator of the job."""
        headers = {NODE_HEADER: self._settings.node} if self._settings.credentials is None else None
        return self._session.request(
            method, self._url + path, headers=headers, server_hostname=COORDINATOR_NAME, **options
        )

    async def _beat_for_flower(self, node: SuperNode) -> None:
        """The SuperLink gives up a node that is silent for a minute, however long its training takes."""
        try:
            known = await asyncio.to_thread(node.heartbeat)
        except CONNECTION_ERRORS as error:
            raise Disconnected(f"{type(error).__name__}: {error}") from error
        if not known:
            raise Disconnected("the SuperLink does not know this node")

    async def _keep_copy(self, number: int) -> None:
        """Fetch the checkpoint when no order brings it, as in a pause or for a worker without work."""
        async with self._request("GET", "/checkpoint") as answer:
            if answer.status == 200:
                self._replica.keep_bytes(number, await answer.read())

    def _listen(self, news: dict[str, Any], heard: int) -> int:
        """React to the answer of a beat; the number of rings heard so far."""
        if news["complete"]:
            _log.info("the job is complete")
            raise Finished
        self._last_closed_round = (news["round_in_work"] or 1) - 1
        if news["bell"] != heard:
            self._bell.set()
        return int(news["bell"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._request("POST", path, json=body) as answer:
            if answer.status == 409:
                raise Disconnected("the coordinator has restarted")
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    def _introduction(self, node: SuperNode) -> dict[str, Any]:
        settings = self._settings
        return {
            "address": f"{settings.address}:{settings.shard_server_port}" if settings.serves_shards else "",
            "flower_node": node.node_id,
            "shards": [
                {"name": file.name, "sha256": file.sha256, "samples": file.samples}
                for file in self._shards.own.values()
            ],
            "cached": list(self._shards.cached),
            "kept_round": self._replica.round,
        }

    def _sign_of_life(self, epoch: str, heard: int) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "after": heard,
            "cached": list(self._shards.cached),
            "seconds_per_batch": self._job.seconds_per_batch,
            "batches_done": self._job.batches_done,
        }

    def _live(self) -> None:
        """The training thread: connect, and answer messages whenever the bell rings."""
        try:
            address = f"{self._settings.coordinator}:{self._settings.superlink_port}"
            with SuperNode(address, self._answer_message, self._settings.credentials) as node:
                self._node = node
                self._loop.call_soon_threadsafe(self._connected.set)
                self._answer(node)
        except Exception as error:
            # Whatever broke, the cure is the same: start over with a fresh connection.
            self._failure = f"{type(error).__name__}: {error}"
        finally:
            with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
                self._loop.call_soon_threadsafe(self._over.set)
                self._loop.call_soon_threadsafe(self._connected.set)

    def _answer(self, node: SuperNode) -> None:
        """Looks for a message after a long silence too, so that a lost ring costs time and not the round."""
        while not self._ended.is_set():
            self._bell.wait(_FLOWER_HEARTBEAT_SECONDS)
            self._bell.clear()
            while not self._ended.is_set() and node.answer_one():
                pass  # several messages may have come with one ring

    def _answer_message(self, message: Message, context: Context) -> Message:
        return self._job.answer(message, context, self._is_over)

    def _is_over(self, round_number: int) -> bool:
        """Whether what a message of that round asks for is of no use any more."""
        return self._ended.is_set() or round_number <= self._last_closed_round
