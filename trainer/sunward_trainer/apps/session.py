"""A job's rounds as an app's own loop goes through them: wait for the plan, see who trained, make the round count.

Everything here runs in the ServerApp's thread, or in threads that its strategy starts.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from flwr.app import ArrayRecord, MetricRecord

from sunward_trainer.apps.checkpoint import FILE, AppCheckpoint, save, with_round
from sunward_trainer.apps.clients import VirtualClient, virtual_clients
from sunward_trainer.apps.gate import metric_of
from sunward_trainer.coordinator.checkpoint import RoundRecord, replace_file
from sunward_trainer.coordinator.job import Stopped
from sunward_trainer.coordinator.progress import Phase, StatusBoard, UpdateChecks, timestamp
from sunward_trainer.coordinator.quorum import Quorum
from sunward_trainer.coordinator.refusals import Refusals
from sunward_trainer.coordinator.result import result_document
from sunward_trainer.learning.robust import UpdateRule
from sunward_trainer.protocol.assignment import AssignmentFile, RoundAssignment
from sunward_trainer.protocol.members import Members
from sunward_trainer.protocol.plain_json import to_json
from sunward_trainer.protocol.rounds import Missing, MissingReason, settle

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_GROW_AFTER_SECONDS = 2.0
_RETRY_SECONDS = 1.0
MetricSource = Literal["Evaluate", "Train", "Server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The app's own number that says how good the model is: its name, what makes percent of it, and who reports it."""

    name: str
    scale: float
    source: MetricSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What to reach. `pieces` are those of a shard that can be on different workers; 1 keeps shards whole."""

    job: str
    rounds: int
    steps_per_round: int
    minimum_workers: int
    target_accuracy_percent: float | None
    state_folder: Path
    shards: tuple[str, ...]
    pieces: int = 1
    metric: Metric | None = None
    join_seconds: float = 10.0


class Session:
    """One job from its checkpoint to its result."""

    def __init__(
        self,
        settings: SessionSettings,
        *,
        start: AppCheckpoint,
        assignments: AssignmentFile,
        members: Members,
        board: StatusBoard,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.members, self.board = settings, members, board
        self.checkpoint = start
        self._assignments, self._stop, self._clock = assignments, stop, clock
        self.refusals = Refusals(clock=clock, counted=start.kept.refused_updates)
        self._quorum = Quorum(
            members,
            minimum_workers=settings.minimum_workers,
            join_seconds=settings.join_seconds,
            clock=clock,
            is_paused=self.refusals.is_paused,
        )
        self._lock = threading.RLock()
        self._open: RoundAssignment | None = None
        self._opened = 0.0
        self.clients: tuple[VirtualClient, ...] = ()
        self._trained: dict[str, VirtualClient] = {}
        self._missing: dict[str, Missing] = {}
        self.has_loop = False
        self._show(checkpoint=start.kept)

    @property
    def round(self) -> int:
        """The last round that counts."""
        return self.checkpoint.kept.round

    @property
    def round_in_work(self) -> int:
        """The round after it."""
        return self.round + 1

    @property
    def plan(self) -> str:
        """The plan of the round in work."""
        return "" if self._open is None else self._open.plan

    @property
    def is_reached(self) -> bool:
        """Whether the rounds or the target are reached."""
        target, accuracy = self.settings.target_accuracy_percent, self.checkpoint.kept.accuracy_percent
        if target is not None and accuracy is not None and accuracy >= target:
            return True
        return self.round >= self.settings.rounds

    def open_round(self) -> None:
        """Wait until the plan gives work to a quorum, and fix who trains in this round. Raises Stopped."""
        while True:
            self.check_stopped()
            assignment = self._assignments.read()
            reason = self._quorum.why_not(assignment, self.round_in_work, self._assignments.problem)
            if assignment is not None and reason is None:
                self._begin(assignment)
                return
            self._show(phase=Phase.WAITING, reason=reason or "", round_in_work=self.round_in_work, assigned_batches={})
            self._wait()

    def _begin(self, assignment: RoundAssignment) -> None:
        with self._lock:
            self._open, self._opened = assignment, self._clock()
            self.clients = tuple(
                client for client in self._clients_of(assignment) if self._quorum.is_there(client.node)
            )
            self._trained.clear()
            self._missing.clear()
            for client in self._clients_of(assignment):
                if client not in self.clients:
                    self._missing[client.key] = absent(client)
        self._show_training()

    def _clients_of(self, assignment: RoundAssignment) -> tuple[VirtualClient, ...]:
        settings = self.settings
        return virtual_clients(assignment, settings.shards, pieces=settings.pieces, batches=settings.steps_per_round)

    def grow(self) -> None:
        """Take in clients of a newer plan before any is asked: a strategy may wait for more than there are.

        Never fewer: the strategy may have counted them already.
        """
        assignment = self._assignments.read()
        with self._lock:
            is_early = self._clock() - self._opened < _GROW_AFTER_SECONDS
            if assignment is None or is_early or self._trained or self._missing:
                return
            if self._quorum.why_not(assignment, self.round_in_work, None) is not None:
                return
            more = self._clients_of(assignment)
            if {client.identity for client in more} > {client.identity for client in self.clients}:
                self._begin(assignment)

    def _show_training(self) -> None:
        batches, away = Counter[str](), Counter[str]()
        for client in self.clients:
            batches[client.node] += client.batches
            away[client.shard] += client.batches if client.node != client.home else 0
        self._show(
            phase=Phase.TRAINING,
            reason="",
            plan=self.plan,
            round_in_work=self.round_in_work,
            assignment_problem=self._assignments.problem,
            assigned_batches=dict(batches),
            offloading_batches=dict(+away),
        )

    def trained(self, client: VirtualClient) -> None:
        """A client's update has reached the strategy."""
        with self._lock:
            self._missing.pop(client.key, None)
            self._trained[client.key] = client

    def missed(self, client: VirtualClient, missing: Missing) -> None:
        """A client's update is missing in this round; its batches are owed."""
        with self._lock:
            if client.key not in self._trained:
                self._missing[client.key] = missing
        _log.warning(
            "shard %s on %s: %s %s", missing.shard, missing.node, missing.refusal or missing.reason, missing.detail
        )

    @property
    def has_trained(self) -> bool:
        """Whether any client of this round has been asked and answered."""
        with self._lock:
            return bool(self._trained)

    def keep_state(self, client: VirtualClient, state: bytes) -> None:
        """Remember a client's own state, wherever it runs next."""
        with self._lock:
            if state:
                self.checkpoint.states[client.key] = state

    def state_of(self, client: VirtualClient) -> bytes:
        """The state that the client left, empty before its first round."""
        with self._lock:
            return self.checkpoint.states.get(client.key, b"")

    def close_round(self, arrays: ArrayRecord | None, metrics: "RoundMetrics") -> bool:
        """Make the round count by writing its checkpoint.

        False for a round in which fewer workers than the quorum trained: it does not count, and is tried again after a
        moment. Raises Stopped.
        """
        with self._lock:
            workers = {client.node for client in self._trained.values()}
            self.refusals.note(answered=workers, missing=self._missing.values())
            counts = bool(workers) and (len(workers) >= self.settings.minimum_workers or not self._missing)
            if counts:
                self._count(arrays, metrics)
            else:
                self._show(missing=tuple(self._missing.values()), updates=self._checks())
        if not counts and self._stop.wait(_RETRY_SECONDS):
            raise Stopped
        return counts

    def _count(self, arrays: ArrayRecord | None, metrics: "RoundMetrics") -> None:
        """With the lock held."""
        self._show(phase=Phase.AGGREGATING, assigned_batches={})
        kept = self._after(metrics)
        self.checkpoint = with_round(self.checkpoint, kept, arrays)
        save(self.checkpoint, self.settings.state_folder / FILE)
        self._show(
            checkpoint=kept,
            round_in_work=None,
            offloading_batches={},
            missing=tuple(self._missing.values()),
            updates=self._checks(),
        )
        _log.info("round closed %s", to_json(asdict(kept.history[-1])))

    def _checks(self) -> UpdateChecks:
        refusals = self.refusals
        return UpdateChecks(rule=UpdateRule.GATE, refused=refusals.totals, workers=refusals.workers)

    def _after(self, metrics: "RoundMetrics") -> Any:
        kept, wanted, arrived = self.checkpoint.kept, Counter[str](), Counter[str]()
        nodes, offloaded = Counter(kept.node_batches), Counter(kept.offloaded_batches)
        for client in self._trained.values():
            arrived[client.shard] += client.batches
            nodes[client.node] += client.batches
            offloaded[client.shard] += client.batches if client.node != client.home else 0
        wanted.update(arrived)
        for missing in self._missing.values():
            wanted[missing.shard] += missing.batches
        shards = Counter(kept.shard_batches) + arrived
        record = RoundRecord(
            round=self.round_in_work,
            plan=self.plan,
            accuracy_percent=self._percent(metrics),
            loss=None,
            seconds=round(self._clock() - self._opened, 3),
            workers=tuple(sorted({client.node for client in self._trained.values()})),
            batches=arrived.total(),
            missing_batches=sum(missing.batches for missing in self._missing.values()),
        )
        return replace(
            kept,
            round=self.round_in_work,
            written=timestamp(),
            node_batches=dict(sorted(nodes.items())),
            shard_batches=dict(sorted(shards.items())),
            offloaded_batches=dict(sorted((+offloaded).items())),
            debt=settle(kept.debt, wanted=wanted, arrived=arrived, limit=self.settings.steps_per_round),
            history=(*kept.history, record),
            refused_updates=self.refusals.totals,
        )

    def _percent(self, metrics: "RoundMetrics") -> float | None:
        """The app's metric as percent; None where it is not reported, or is no share."""
        metric = self.settings.metric
        value = None if metric is None else metric_of(metrics.of(metric.source), metric.name)
        percent = None if metric is None or value is None else value * metric.scale
        return None if percent is None or not 0.0 <= percent <= 100.0 else round(percent, 3)

    def finish(self) -> None:
        """The app has come to its end: write the result."""
        document = result_document(
            self.checkpoint.kept,
            rounds=self.settings.rounds,
            target_accuracy_percent=self.settings.target_accuracy_percent,
        )
        arrays = self.checkpoint.arrays
        document["parameters"] = 0 if arrays is None else sum(array.numpy().size for array in arrays.values())
        replace_file(self.settings.state_folder / "result.json", (to_json(document, indent=2) + "\n").encode())
        self._show(phase=Phase.COMPLETE, reason="", round_in_work=None, assigned_batches={})
        self.members.ring_all()

    def check_stopped(self) -> None:
        """Raise Stopped when the process was asked to end."""
        if self._stop.is_set():
            raise Stopped

    def _wait(self) -> None:
        if self._stop.wait(_POLL_SECONDS):
            raise Stopped

    def _show(self, **changes: Any) -> None:
        self.board.show(replace(self.board.status, **changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundMetrics:
    """What the app reported of a round: averaged by its strategy over clients, or by the ServerApp itself."""

    train: MetricRecord | None = None
    evaluate: MetricRecord | None = None
    server: MetricRecord | None = None

    def of(self, source: MetricSource) -> MetricRecord | None:
        """The report of one source."""
        return {"Train": self.train, "Evaluate": self.evaluate, "Server": self.server}[source]


def absent(client: VirtualClient) -> Missing:
    """The worker of a client is not there."""
    return Missing(shard=client.shard, node=client.node, batches=client.batches, reason=MissingReason.WORKER_ABSENT)
