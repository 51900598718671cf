"""A federation in virtual time: the coordinator's own job, workers that really train, and faults at chosen rounds.

Time passes only while the job waits, so that a minute of silence costs nothing. What crosses the network are the orders
and replies themselves; processes, Flower and HTTP are left out, and are killed for real in the integration tests.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sunward_trainer.coordinator.checkpoint import Checkpoint, load
from sunward_trainer.coordinator.job import Job, JobSettings
from sunward_trainer.coordinator.progress import Phase, Status, StatusBoard
from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import DataSet
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.shards import Shard, ShardSpecification, cut, take
from sunward_trainer.learning.training import Recipe
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.members import Member, Members
from sunward_trainer.protocol.rounds import Missing, MissingReason, WorkerOrder, WorkerReply
from sunward_trainer.worker.trainee import Trainee
from support.trainer import JOB, assignment_text

MODEL = "mnist-softmax"
STEPS = 10
NODES = ("pi-01", "pi-02", "pi-03", "pi-04")
WORK = {
    "pi-01": [("a", "pi-01", 10)],
    "pi-02": [("b", "pi-02", 10)],
    "pi-03": [("c", "pi-03", 10)],
    "pi-04": [("d", "pi-04", 4), ("e", "pi-01", 10)],
}
SPLIT = {**WORK, "pi-03": [("c", "pi-03", 10), ("d", "pi-04", 6)]}
TRAINING_SECONDS = 2.0
LATEST_SECONDS = 20_000.0

WORKER_FAULTS = ("kill", "hang", "slow", "leave", "partial", "duplicate", "nan", "short", "batches", "huge")
COORDINATOR_FAULTS = ("waiting", "training", "aggregating", "saved", "saved, disk lost", "training, disk lost")
BAD: Mapping[str, Callable[[Update], Update]] = {
    "nan": lambda one: replace(one, weights=np.full_like(one.weights, np.nan)),
    "short": lambda one: replace(one, weights=one.weights[:-5]),
    "batches": lambda one: replace(one, batches=10**12),
    "huge": lambda one: replace(one, weights=one.weights * np.float32(1e6)),
}


class Crash(BaseException):
    """The coordinator's process is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens in a round, to a worker or, without a node, to the coordinator."""

    round: int
    kind: str
    node: str = ""
    seconds: float = 10.0


@dataclass(slots=True)
class Worker:
    """One worker's process, as far as others can see it."""

    node: str
    trainee: Trainee
    is_up: bool = True
    life: int = 1
    batches_done: int = 0
    kept: Checkpoint | None = None


@dataclass(slots=True)
class Federation:
    """Four workers and a coordinator that is started again whenever it crashes. Also the job's clock and transport."""

    folder: Path
    data: DataSet
    faults: list[Fault]
    rounds: int
    happened: list[Fault] = field(default_factory=list)
    seconds: float = 0.0
    members: Members = field(init=False)
    board: StatusBoard = field(init=False)
    workers: dict[str, Worker] = field(init=False)
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterable[int] = field(default_factory=itertools.count)
    _arrived: list[WorkerReply] = field(default_factory=list)
    _sent_to_life: dict[str, int] = field(default_factory=dict)
    _shards: Mapping[str, Shard] = field(init=False)

    def __post_init__(self) -> None:
        self.workers = {node: Worker(node, Trainee(node=node)) for node in NODES}
        homes = {shard: home for works in SPLIT.values() for shard, home, _ in works}
        wanted = [ShardSpecification(name=name, node=home, samples=250) for name, home in sorted(homes.items())]
        indices = cut(self.data, wanted, seed=0)
        self._shards = {name: take(self.data, name, rows) for name, rows in indices.items()}
        (self.folder / "assignment.json").write_text(assignment_text(SPLIT))
        for worker in self.workers.values():
            self._beat(worker)

    # the coordinator's process

    def run(self) -> Checkpoint:
        """The last checkpoint. Raises AssertionError when the job does not end."""
        while True:
            self._begin()
            try:
                return self._job().run()
            except Crash:
                self._arrived.clear()
                self._sent_to_life.clear()

    def _begin(self) -> None:
        self.members = Members(gone_after_seconds=10.0, clock=lambda: self.seconds)
        status = Status(job=JOB, rounds=self.rounds, target_accuracy_percent=None)
        self.board = _CrashingBoard(status, self._shown)

    def _job(self) -> Job:
        settings = JobSettings(
            job=JOB,
            rounds=self.rounds,
            steps_per_round=STEPS,
            target_accuracy_percent=None,
            minimum_workers=3,
            state_folder=self.folder,
        )
        stop = threading.Event()
        stop.wait = self.wait  # type: ignore[method-assign, assignment]
        test, model = self.data.evaluation_set(), build_model(MODEL, self.data.classes)
        return Job(
            settings,
            start=self._start(settings.checkpoint_path),
            assignments=AssignmentFile(path=self.folder / "assignment.json", job=JOB),
            members=self.members,
            transport=self,
            board=self.board,
            evaluate=lambda weights: model.accuracy_percent(weights, test.images, test.labels),
            stop=stop,
            clock=lambda: self.seconds,
            fetch_kept=lambda member: self.workers[member.node].kept,
        )

    def _start(self, path: Path) -> Checkpoint:
        facts = {"job": JOB, "model": MODEL, "data_set": self.data.name, "seed": 0}
        weights = build_model(MODEL, self.data.classes).initial(0)
        fresh = Checkpoint(**facts, round=0, weights=weights, written="2026-11-22T12:00:00.000Z")  # type: ignore[arg-type]
        return load(path, **facts) or fresh  # type: ignore[arg-type]

    def _shown(self, status: Status) -> None:
        """Crash where a fault says so; what was shown last is then lost with the process."""
        for fault in [one for one in self.faults if not one.node]:
            if _is_here(fault, status):
                self.faults.remove(fault)
                self.happened.append(fault)
                if "disk lost" in fault.kind:
                    (self.folder / "checkpoint.npz").unlink(missing_ok=True)
                raise Crash

    # time

    def wait(self, seconds: float) -> bool:
        """What the stop event's wait does: time passes and things happen."""
        until = self.seconds + seconds
        assert until < LATEST_SECONDS, f"the job never ends: {self.board.status}"
        while self._events and self._events[0][0] <= until:
            self.seconds, _, event = heapq.heappop(self._events)
            event()
        self.seconds = until
        return False

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.seconds + seconds, next(iter(self._numbers)), event))

    # the workers

    def _beat(self, worker: Worker) -> None:
        """A sign of life every second; a coordinator that does not know the worker is introduced to it."""
        if worker.is_up and hasattr(self, "members"):
            done = {"all": worker.batches_done}
            if not self.members.heard(worker.node, cached_shards=(), seconds_per_batch=0.1, batches_done=done):
                self.members.register(
                    Member(
                        node=worker.node,
                        address=f"{worker.node}:9814",
                        flower_node=worker.life,
                        heard_seconds=0.0,
                        kept_round=worker.kept.round if worker.kept and worker.kept.round else None,
                    )
                )
        self._after(1.0, lambda: self._beat(worker))

    def _carry_out(self, worker: Worker, order: WorkerOrder, kept: Checkpoint) -> None:
        worker.kept, worker.batches_done = kept, 0
        reply = worker.trainee.carry_out(
            order.pairs,
            kept.weights,
            round_number=kept.round + 1,
            model=(MODEL, self.data.classes),
            recipe=Recipe(batch_size=25, learning_rate=0.05, momentum=0.9, seed=0),
            shard_of=lambda pair: self._shards[pair.shard],
        )
        fault = next((one for one in self.faults if (one.round, one.node) == (kept.round + 1, worker.node)), None)
        if fault is None:
            self._deliver(reply, after=TRAINING_SECONDS)
            return
        self.faults.remove(fault)
        self.happened.append(fault)
        self._suffer(worker, fault, reply)

    def _suffer(self, worker: Worker, fault: Fault, reply: WorkerReply) -> None:
        match fault.kind:
            case "kill":
                self._be_away(worker, fault.seconds)
            case "hang":
                self._deliver(reply, after=60.0 + fault.seconds)
            case "slow":
                for second in range(1, 56):
                    self._after(float(second), lambda: self._work_on(worker))
                self._deliver(reply, after=55.0 + fault.seconds)
            case "leave":
                first, *rest = reply.updates
                lost = tuple(
                    Missing(shard=one.shard, node=one.node, batches=one.batches, reason=MissingReason.ABANDONED)
                    for one in rest
                )
                self._deliver(replace(reply, updates=(first,), missing=lost), after=0.5)
                self._after(1.0, lambda: self.members.leave(worker.node))
                self._after(1.0, lambda: self._be_away(worker, fault.seconds))
            case "partial":
                self._deliver(replace(reply, updates=reply.updates[1:]), after=TRAINING_SECONDS)
            case "duplicate":
                for after in (TRAINING_SECONDS, TRAINING_SECONDS, TRAINING_SECONDS + 0.5, fault.seconds):
                    self._deliver(reply, after=after)
            case kind:
                self._deliver(replace(reply, updates=tuple(map(BAD[kind], reply.updates))), after=TRAINING_SECONDS)

    def _work_on(self, worker: Worker) -> None:
        worker.batches_done += 1

    def _be_away(self, worker: Worker, seconds: float) -> None:
        """Without power for some seconds, and then a new process that knows nothing of its order."""
        worker.is_up = False

        def come_back() -> None:
            worker.is_up, worker.life, worker.kept, worker.batches_done = True, worker.life + 1, None, 0
            self.members.leave(worker.node)  # so that its next sign of life introduces the new process

        self._after(seconds, come_back)

    def _deliver(self, reply: WorkerReply, *, after: float) -> None:
        board = self.board

        def arrive() -> None:
            if board is self.board:  # a coordinator that was started anew does not know the order
                self._arrived.append(reply)

        self._after(after, arrive)

    # the transport

    def send(self, order: WorkerOrder, *, plan: str, kept: Checkpoint) -> None:
        """To a worker without power nothing gets through."""
        del plan
        worker = self.workers[order.node]
        self._sent_to_life[order.node] = worker.life
        if worker.is_up:
            self._carry_out(worker, order, kept)

    def replies(self) -> Iterable[WorkerReply]:
        """Everything that has arrived, late and twice included."""
        found, self._arrived = self._arrived, []
        return found

    def lost(self, node: str) -> bool:
        """Whether the worker has registered anew since its order was sent."""
        member = self.members.find(node)
        return (
            member is not None
            and not member.left
            and node in self._sent_to_life
            and member.flower_node != self._sent_to_life[node]
        )

    def close_round(self) -> None:
        """Replies may still come; nothing waits for them."""
        self._sent_to_life.clear()


class _CrashingBoard(StatusBoard):
    """Lets somebody look before anything is shown."""

    def __init__(self, status: Status, look: Callable[[Status], None]) -> None:
        super().__init__(status)
        self._look = look

    def show(self, status: Status) -> None:
        """Look, then show."""
        self._look(status)
        super().show(status)


def _is_here(fault: Fault, status: Status) -> bool:
    kind = fault.kind.split(",")[0]
    if kind == "saved":
        return status.checkpoint is not None and status.checkpoint.round == fault.round and status.round_in_work is None
    phases = {"waiting": Phase.WAITING, "training": Phase.TRAINING, "aggregating": Phase.AGGREGATING}
    return (status.round_in_work, status.phase) == (fault.round, phases[kind])


def accuracy_percent(data: DataSet, weights: Weights) -> float:
    """On the test set; `weights` is (parameters,)."""
    test = data.evaluation_set()
    return build_model(MODEL, data.classes).accuracy_percent(weights, test.images, test.labels)
