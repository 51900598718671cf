"""Flower apps of the tests, and a Grid below the governed one whose workers are objects in this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Context, Error, Message, RecordDict
from flwr.common import parameters_to_ndarrays
from flwr.server.server import Server
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from sunward_trainer.apps.checkpoint import AppCheckpoint, fresh
from sunward_trainer.apps.envelope import open_envelope
from sunward_trainer.apps.folders import FolderStore
from sunward_trainer.apps.grid import GovernedGrid
from sunward_trainer.apps.loops import govern
from sunward_trainer.apps.project import Project, load_project
from sunward_trainer.apps.session import Metric, Session, SessionSettings
from sunward_trainer.apps.worker import AppWork, AppWorkerSettings
from sunward_trainer.coordinator.progress import Status, StatusBoard
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.data_mobility import DataMobility
from sunward_trainer.protocol.members import Member, Members
from support.trainer import JOB, assignment_text

APPS = Path(__file__).parents[1] / "apps"
RUN_ID = 7
Work = Mapping[str, Iterable[tuple[str, str, int]]]
Change = Callable[[int, Message], Message | None]


@contextmanager
def flower_loops() -> Iterator[None]:
    """Flower's own loops and imported apps are back afterwards."""
    start, fit, modules, path = Strategy.start, Server.fit, set(sys.modules), list(sys.path)
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = RUN_ID, 1, 1
    try:
        yield
    finally:
        Strategy.start, Server.fit = start, fit
        sys.path[:] = path
        for name in {name for name in sys.modules if name.split(".")[0].endswith("_app")} - modules:
            del sys.modules[name]


class InProcess:
    """The ClientApp without a process of its own."""

    def __init__(self, project: Project) -> None:
        self._app = project.client_app()

    def call(self, message: Message, context: Context, stop: Callable[[], bool]) -> tuple[Message, Context]:
        del stop
        return self._app(message, context), context


@dataclass(slots=True)
class Fleet:
    """Workers by node, which answer at once. `mute` ones never do; `changes` alters a node's replies by round."""

    project: Project
    folder: Path
    members: Members
    works: dict[str, AppWork] = field(default_factory=dict)
    mute: set[str] = field(default_factory=set)
    changes: dict[str, Change] = field(default_factory=dict)
    asked: list[tuple[int, str, str, str]] = field(default_factory=list)  # round, message type, shard, node
    _replies: dict[str, Message] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ids: int = 0

    def join(self, *nodes: str) -> None:
        """Workers that are there."""
        for number, node in enumerate(nodes, start=len(self.works) + 1):
            settings = AppWorkerSettings(
                node=node, coordinator="", coordinator_port=0, superlink_port=0, address="", shard_server_port=0,
                shards_folder=self.folder, cache_folder=self.folder, data_mobility=DataMobility.ANYWHERE,
                credentials=None, app=self.project.folder, changes={}, homes={}, shard_data={},
            )  # fmt: skip
            none = frozenset[str]()
            store = FolderStore({}, own=none, serves=False, archives=self.folder, cache=self.folder, credentials=None)
            self.works[node] = AppWork(settings, store, InProcess(self.project))
            self.members.register(Member(node=node, address="", flower_node=number, heard_seconds=0.0))

    @property
    def run(self) -> Run:
        return Run.create_empty(RUN_ID)

    def set_run(self, run: Run) -> None:
        del run

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        return [self._push(message) for message in messages]

    def _push(self, message: Message) -> str:
        node = next(m.node for m in self.members.all() if m.flower_node == message.metadata.dst_node_id)
        _, envelope = open_envelope(message.content)
        with self._lock:
            self._ids += 1
            identity = f"real-{self._ids}"
            self.asked.append((envelope.round_number, message.metadata.message_type, envelope.client.shard, node))
        message.metadata.__dict__["_message_id"] = identity
        if node not in self.mute:
            self._answer(node, message, identity, envelope.round_number)
        return identity

    def _answer(self, node: str, message: Message, identity: str, number: int) -> None:
        context = Context(run_id=RUN_ID, node_id=1, node_config={}, state=RecordDict(), run_config={})
        try:
            reply: Message | None = self.works[node].answer(message, context, lambda _: False)
        except Exception as error:
            reply = Message(Error(0, f"{type(error).__name__}: {error}"), reply_to=message)
        change = self.changes.get(node)
        if change is not None and reply is not None:
            reply = change(number, reply)
        with self._lock:
            if reply is not None:
                self._replies[identity] = reply

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        with self._lock:
            return [self._replies.pop(identity) for identity in list(message_ids) if identity in self._replies]

    def withdraw(self, message_ids: Iterable[str]) -> None:
        with self._lock:
            for identity in message_ids:
                self._replies.pop(identity, None)


@dataclass(slots=True)
class Scene:
    """An app, its job and its workers in this process."""

    name: str
    folder: Path
    shards: tuple[str, ...] = ("a", "b", "c")
    metric: Metric | None = None
    rounds: int = 3
    minimum_workers: int = 1
    target: float | None = None
    pieces: int = 1
    steps: int = 10
    members: Members = field(default_factory=lambda: Members(gone_after_seconds=60.0))
    stop: threading.Event = field(default_factory=threading.Event)
    fleet: Fleet = field(init=False)
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = Fleet(load_project(APPS / self.name, {}), self.folder, self.members)

    def assign(self, work: Work, *, plan: str = "plan-1", until_round: int | None = None) -> None:
        """Write the assignment file."""
        (self.folder / "assignment.json").write_text(assignment_text(work, plan=plan, until_round=until_round))

    def at_home(self) -> None:
        """Each shard on a node of its own, all there."""
        nodes = [f"pi-{index:02d}" for index, _ in enumerate(self.shards, start=1)]
        self.assign({node: [(shard, node, self.steps)] for node, shard in zip(nodes, self.shards, strict=True)})
        self.fleet.join(*nodes)

    def run(self, start: AppCheckpoint | None = None, *, changes: Mapping[str, str] | None = None) -> AppCheckpoint:
        """The app's main, to its end; what it left. Whatever it raises."""
        project = load_project(APPS / self.name, changes or {}, rounds=self.rounds)
        self.session = Session(
            SessionSettings(
                job=JOB, rounds=self.rounds, steps_per_round=self.steps, minimum_workers=self.minimum_workers,
                target_accuracy_percent=self.target, state_folder=self.folder, shards=self.shards,
                pieces=self.pieces, metric=self.metric, join_seconds=0.1,
            ),
            start=start or fresh(JOB, project.name, "2026-11-22T12:00:00.000Z"),
            assignments=AssignmentFile(path=self.folder / "assignment.json", job=JOB),
            members=self.members,
            board=StatusBoard(Status(job=JOB, rounds=self.rounds, target_accuracy_percent=self.target)),
            stop=self.stop,
        )  # fmt: skip
        grid = GovernedGrid(
            self.fleet, self.session, weight_key="num-examples", norm_factor=10.0, round_timeout_seconds=2.0
        )
        govern(self.session)
        context = Context(run_id=RUN_ID, node_id=1, node_config={}, state=RecordDict(), run_config=project.run_config)
        project.server_app()(grid=grid, context=context)
        self.session.finish()
        return self.session.checkpoint


class StockGrid(Grid):  # type: ignore[misc]  # Flower is not typed for strict checking
    """What the stock runtime gives an app: one node for each partition, always there, with its state."""

    def __init__(self, project: Project, partitions: int) -> None:
        self._app, self._config = project.client_app(), project.run_config
        self._contexts = {
            number + 1: Context(
                run_id=RUN_ID, node_id=number + 1, state=RecordDict(), run_config=dict(self._config),
                node_config={"partition-id": number, "num-partitions": partitions},
            )
            for number in range(partitions)
        }  # fmt: skip
        self._replies: dict[str, Message] = {}

    def set_run(self, run: Run) -> None:
        del run

    @property
    def run(self) -> Run:
        return Run.create_empty(RUN_ID)

    def create_message(self, content: RecordDict, message_type: str, dst_node_id: int, *more: Any) -> Message:
        return Message(content, dst_node_id, message_type)

    def get_node_ids(self) -> list[int]:
        return list(self._contexts)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        found = []
        for message in messages:
            identity = f"stock-{len(self._replies)}"
            message.metadata.__dict__["_message_id"] = identity
            self._replies[identity] = self._app(message, self._contexts[message.metadata.dst_node_id])
            found.append(identity)
        return found

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        return [self._replies[identity] for identity in message_ids]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        del timeout
        return self.pull_messages(self.push_messages(messages))


def stock(name: str, rounds: int, partitions: int) -> list[np.ndarray]:
    """The arrays that the stock runtime ends with."""
    kept: list[ArrayRecord] = []
    project = load_project(APPS / name, {}, rounds=rounds)
    start, fit = Strategy.start, Server.fit

    def keeping(strategy: Strategy, *given: Any, **named: Any) -> Any:
        result = start(strategy, *given, **named)
        kept.append(result.arrays)
        return result

    def fitting(server: Server, *given: Any, **named: Any) -> Any:
        result = fit(server, *given, **named)
        kept.append(ArrayRecord(parameters_to_ndarrays(server.parameters)))
        return result

    Strategy.start, Server.fit = keeping, fitting
    context = Context(run_id=RUN_ID, node_id=1, node_config={}, state=RecordDict(), run_config=project.run_config)
    project.server_app()(grid=StockGrid(project, partitions), context=context)
    Strategy.start, Server.fit = start, fit
    return kept[0].to_numpy_ndarrays()
