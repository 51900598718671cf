"""The worker's process: cuts and serves its shards, and works for the coordinator until the job is complete.

The connection to the coordinator may break at any time; the worker then starts over with a fresh one, keeping
its shards.
"""

import asyncio
import contextlib
import logging
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from sunward_trainer.learning.data import load_data, load_shard_data
from sunward_trainer.learning.shards import Shard, ShardFile, ShardSpecification, cut, store, take
from sunward_trainer.protocol.callers import callers_of
from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica
from sunward_trainer.protocol.credentials import RENEWED_STATUS, until_renewed
from sunward_trainer.protocol.data_mobility import DataMobility
from sunward_trainer.worker.connection import Connection, Disconnected, Finished
from sunward_trainer.worker.settings import ConnectionSettings, WorkerSettings
from sunward_trainer.worker.shard_server import OnlySite, build_app
from sunward_trainer.worker.shard_store import ShardStore
from sunward_trainer.worker.trainee import Trainee
from sunward_trainer.worker.work import BundledWork, Shards, Work

_RETRY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


def own_shards(settings: WorkerSettings) -> list[ShardFile]:
    """Write the shards that live on this node, and nothing of the others. No file when it is no shard's home.

    Those with a folder of their own are read from it, the others are cut from the data set. Raises DataError.
    """
    mine = [shard for shard in settings.shards if shard.node == settings.node]
    ready = [_from_folder(shard.name, settings.shard_data[shard.name]) for shard in mine if _has_data(shard, settings)]
    to_cut = [shard for shard in settings.shards if not _has_data(shard, settings)]
    if any(shard.node == settings.node for shard in to_cut):
        data = load_data(settings.data_folder, settings.shared_folder)
        indices = cut(data, to_cut, seed=settings.seed, partition=settings.partition)
        ready += [take(data, shard.name, indices[shard.name]) for shard in to_cut if shard.node == settings.node]
    return [store(shard, settings.shards_folder) for shard in ready]


def _has_data(shard: ShardSpecification, settings: WorkerSettings) -> bool:
    return shard.name in settings.shard_data


def _from_folder(name: str, folder: Path) -> Shard:
    images, labels = load_shard_data(folder)
    return Shard(name=name, images=images, labels=labels)


class WorkerProcess(ABC):
    """Everything one node does for a job, whatever the job trains."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._connecting = settings
        self._stop = asyncio.Event()
        self._renewed = False
        scheme = "http" if settings.credentials is None else "https"
        self._url = f"{scheme}://{settings.coordinator}:{settings.coordinator_port}"

    async def run(self) -> int:
        """Work until the job is complete, a signal arrives or the certificate is renewed. The exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        replica = CheckpointReplica()
        shards, work = await asyncio.to_thread(self.prepare, replica)
        runner = await self._serve(shards) if self._connecting.serves_shards else None
        renewal = asyncio.create_task(self._watch_certificate())
        async with self._session() as session:
            await self._work_until_finished(session, shards, work, replica)
        renewal.cancel()
        if runner is not None:
            await runner.cleanup()
        return RENEWED_STATUS if self._renewed else 0

    @abstractmethod
    def prepare(self, replica: CheckpointReplica) -> tuple[Shards, Work]:
        """The node's shards, and what is done with messages. In a thread; raises DataError."""

    def _session(self) -> aiohttp.ClientSession:
        credentials = self._connecting.credentials
        connector = None if credentials is None else aiohttp.TCPConnector(ssl=credentials.client)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10.0))

    async def _serve(self, shards: Shards) -> web.AppRunner:
        """Start the shard server: without credentials on loopback, else on every address of the pod."""
        settings, credentials = self._connecting, self._connecting.credentials
        only = None
        if settings.data_mobility is DataMobility.SAME_SITE:
            only = OnlySite(site=None if credentials is None else credentials.identity.site)
        runner = web.AppRunner(build_app(shards, callers=callers_of(credentials), only=only), access_log=None)
        await runner.setup()
        everywhere = "0.0.0.0"  # noqa: S104  # other pods fetch shards, and a pod's own address is not known beforehand
        await web.TCPSite(
            runner,
            settings.address if credentials is None else everywhere,
            settings.shard_server_port,
            ssl_context=None if credentials is None else credentials.server,
        ).start()
        return runner

    async def _watch_certificate(self) -> None:
        await until_renewed(self._connecting.credentials)
        self._renewed = True
        self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        _log.info("asked to stop")
        self._stop.set()

    async def _work_until_finished(
        self, session: aiohttp.ClientSession, shards: Shards, work: Work, replica: CheckpointReplica
    ) -> None:
        said = ""
        while not self._stop.is_set():
            connection = Connection(self._connecting, work, shards, replica, session, self._url)
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


class Worker(WorkerProcess):
    """A worker of a job of a bundled model."""

    def __init__(self, settings: WorkerSettings) -> None:
        super().__init__(settings)
        self._settings = settings

    def prepare(self, replica: CheckpointReplica) -> tuple[Shards, Work]:
        """Write the node's shards."""
        settings = self._settings
        shards = ShardStore(own_shards(settings), settings.cache_folder, settings.credentials)
        return shards, BundledWork(Trainee(node=settings.node), shards, replica)
