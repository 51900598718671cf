"""The worker's process: cuts and serves its shards, and works for the coordinator until the job is complete.

The connection to the coordinator may break at any time; the worker then starts over with a fresh one, keeping
its shards.
"""

import asyncio
import contextlib
import logging
import signal
from typing import Final

import aiohttp
from aiohttp import web

from sunward_trainer.learning.data import load_data
from sunward_trainer.learning.shards import ShardFile, cut, store, take
from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica
from sunward_trainer.worker.connection import Connection, Disconnected, Finished
from sunward_trainer.worker.settings import WorkerSettings
from sunward_trainer.worker.shard_server import build_app
from sunward_trainer.worker.shard_store import ShardStore
from sunward_trainer.worker.trainee import Trainee

_RETRY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


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
        replica = CheckpointReplica()
        runner = web.AppRunner(build_app(shards, replica), access_log=None)
        await runner.setup()
        everywhere = "0.0.0.0"  # noqa: S104  # other pods fetch shards, and a pod's own address is not known beforehand
        await web.TCPSite(runner, everywhere, self._settings.shard_server_port).start()
        timeout = aiohttp.ClientTimeout(total=10.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await self._work_until_finished(session, shards, replica)
        await runner.cleanup()
        return 0

    def _ask_to_stop(self) -> None:
        _log.info("asked to stop")
        self._stop.set()

    async def _work_until_finished(
        self, session: aiohttp.ClientSession, shards: ShardStore, replica: CheckpointReplica
    ) -> None:
        said = ""
        while not self._stop.is_set():
            connection = Connection(self._settings, self._trainee, shards, replica, session, self._url)
            try:
                await connection.run(self._stop)
            except Finished:
                return
            except (Disconnected, aiohttp.ClientError, TimeoutError) as error:
                trouble = str(error) or type(error).__name__
                if trouble != said:
                    _log.info("starting over with %s: %s", self._url, trouble)
                said = trouble
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _RETRY_SECONDS)
