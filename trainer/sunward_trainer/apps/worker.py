"""The worker of an app's job: the app's messages go to its own process, with the data of their shard."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flwr.app import Context, Message, MessageType

from sunward_trainer.apps.envelope import Envelope, open_envelope, pack_state, seal_reply, unpack_state
from sunward_trainer.apps.folders import FolderStore
from sunward_trainer.apps.project import load_project
from sunward_trainer.apps.sandbox import AppProcess
from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica
from sunward_trainer.worker.service import WorkerProcess
from sunward_trainer.worker.settings import ConnectionSettings
from sunward_trainer.worker.work import IsOver, Shards, Work

_CONFIG = "config"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppWorkerSettings(ConnectionSettings):
    """What the command line says of an app's worker; `homes` are the shards' nodes, `shard_data` their folders."""

    app: Path
    changes: Mapping[str, str]
    homes: Mapping[str, str]
    shard_data: Mapping[str, Path]


class App(Protocol):
    """The app's ClientApp, wherever it runs."""

    def call(self, message: Message, context: Context, stop: Callable[[], bool]) -> tuple[Message, Context]:
        """The reply, and the context as the app left it; raises when `stop` ended it or it failed."""


class AppWork:
    """Answers messages of virtual clients."""

    def __init__(self, settings: AppWorkerSettings, shards: FolderStore, app: App) -> None:
        self._settings, self._shards, self._app = settings, shards, app
        self._run_config = load_project(settings.app, settings.changes).run_config
        self._seconds_per_batch: float | None = None
        self._batches_done: dict[str, int] = {}
        self._round = 0

    @property
    def seconds_per_batch(self) -> float | None:
        """Of the last client, with the batches that the plan counts for it; None before the first."""
        return self._seconds_per_batch

    @property
    def batches_done(self) -> Mapping[str, int]:
        """Of the round in work, by shard."""
        return self._batches_done

    def answer(self, message: Message, context: Context, is_over: IsOver) -> Message:
        """The app's reply, with the client's new state beside it."""
        content, envelope = open_envelope(message.content)
        client, number = envelope.client, envelope.round_number
        if number != self._round:
            self._round, self._batches_done = number, {}
        message.content = content
        is_training = str(message.metadata.message_type).split(".")[0] == str(MessageType.TRAIN)
        if is_training and _CONFIG in content.config_records:
            content.config_records[_CONFIG].update({"sunward.shard": client.shard, "sunward.plan": envelope.plan})
        started = time.perf_counter()
        theirs = self._context(context, envelope)
        reply, theirs = self._app.call(message, theirs, lambda: is_over(number))
        if is_training and client.batches:
            self._seconds_per_batch = max((time.perf_counter() - started) / client.batches, 1e-6)
            done = self._batches_done.get(client.shard, 0) + client.batches
            self._batches_done = {**self._batches_done, client.shard: done}
        if reply.has_content():
            reply.content = seal_reply(reply.content, pack_state(theirs.state))
        return reply

    def _context(self, ours: Context, envelope: Envelope) -> Context:
        client = envelope.client
        folder = self._shards.get(client.shard, envelope.source, home=client.home)
        node_config: dict[str, bool | float | int | str] = {
            "partition-id": client.partition,
            "num-partitions": client.partitions,
            "sunward.shard": client.shard,
            "sunward.node": self._settings.node,
        }
        if folder is not None:
            node_config["data-path"] = str(folder)
        return Context(
            run_id=ours.run_id,
            node_id=client.identity,
            node_config=node_config,
            state=unpack_state(envelope.state),
            run_config=dict(self._run_config),
        )


class AppWorker(WorkerProcess):
    """Everything one node does for a job of somebody's app."""

    def __init__(self, settings: AppWorkerSettings) -> None:
        super().__init__(settings)
        self._settings = settings

    def prepare(self, replica: CheckpointReplica) -> tuple[Shards, Work]:
        """Pack the node's shards for others. The app is imported in its own process only."""
        del replica  # the coordinator keeps the state of an app's job
        settings = self._settings
        shards = FolderStore(
            settings.shard_data,
            own=frozenset(name for name, home in settings.homes.items() if home == settings.node),
            serves=settings.serves_shards,
            archives=settings.shards_folder,
            cache=settings.cache_folder,
            credentials=settings.credentials,
        )
        return shards, AppWork(settings, shards, AppProcess(settings.app, settings.changes))
