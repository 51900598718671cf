"""The job's rounds: wait for a quorum, give orders, collect updates, aggregate, checkpoint.

This is the body of the Flower ServerApp, written against a port so that the same loop runs over Flower and in
process. It reads the assignment file at each round start and nowhere else: within a round the plan is fixed.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sunward_trainer.coordinator.checkpoint import Checkpoint, RoundRecord, replace_file, save
from sunward_trainer.coordinator.gate import Gate, usable_accuracy
from sunward_trainer.coordinator.patience import Patience
from sunward_trainer.coordinator.progress import Phase, StatusBoard, UpdateChecks, timestamp
from sunward_trainer.coordinator.quorum import Quorum
from sunward_trainer.coordinator.refusals import Refusals
from sunward_trainer.coordinator.result import result_document
from sunward_trainer.learning.inspection import USUAL_NORM_FACTOR, Refusal
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.robust import UpdateRule, applicable, combine
from sunward_trainer.protocol.assignment import AssignmentFile, RoundAssignment
from sunward_trainer.protocol.members import Member, Members
from sunward_trainer.protocol.plain_json import to_json
from sunward_trainer.protocol.rounds import MissingReason, RoundBook, WorkerOrder, WorkerReply, settle

_log = logging.getLogger(__name__)


class Stopped(Exception):
    """The process was asked to end; everything that counts is in the checkpoint."""


class Transport(Protocol):
    """How orders reach workers and replies come back. Called from the training thread only."""

    def send(self, order: WorkerOrder, *, plan: str, kept: Checkpoint) -> None:
        """Give a worker its order for the round after `kept`; sending again replaces the first."""

    def replies(self) -> Iterable[WorkerReply]:
        """Replies that have arrived since the last call, without waiting."""

    def lost(self, node: str) -> bool:
        """Whether the worker has started anew since its order was sent, so that the order is gone."""

    def close_round(self) -> None:
        """Withdraw what was not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """What to reach and how patient to be.

    `join_seconds` is how long a round waits for an assigned worker that is not there yet, once a quorum is;
    `stall_seconds` is how long a worker that is alive may go without finishing a batch, and
    `round_timeout_seconds` closes a round in any case. `update_rule` makes one vector of the updates, of which
    none may change `maximum_norm_factor` times as much as usual.
    """

    job: str
    rounds: int
    steps_per_round: int
    target_accuracy_percent: float | None
    minimum_workers: int
    state_folder: Path
    update_rule: UpdateRule = UpdateRule.GATE
    maximum_norm_factor: float = USUAL_NORM_FACTOR
    join_seconds: float = 10.0
    stall_seconds: float = 60.0
    round_timeout_seconds: float = 1800.0
    retry_seconds: float = 2.0
    poll_seconds: float = 0.05

    @property
    def checkpoint_path(self) -> Path:
        """The one file that a restart continues from."""
        return self.state_folder / "checkpoint.npz"

    @property
    def result_path(self) -> Path:
        """Written when the job is complete."""
        return self.state_folder / "result.json"


class Job:
    """One job from its checkpoint to its result."""

    def __init__(
        self,
        settings: JobSettings,
        *,
        start: Checkpoint,
        assignments: AssignmentFile,
        members: Members,
        transport: Transport,
        board: StatusBoard,
        evaluate: Callable[[Weights], float],
        stop: threading.Event,
        clock: Callable[[], float],
        fetch_kept: Callable[[Member], Checkpoint | None],
    ) -> None:
        self._settings = settings
        self._kept = start
        self._assignments = assignments
        self._members = members
        self._transport = transport
        self._board = board
        self._evaluate = evaluate
        self._stop = stop
        self._clock = clock
        self._fetch_kept = fetch_kept
        self._gate = Gate(settings.maximum_norm_factor)
        self._refusals = Refusals(clock=clock, counted=start.refused_updates)
        self._quorum = Quorum(
            members,
            minimum_workers=settings.minimum_workers,
            join_seconds=settings.join_seconds,
            clock=clock,
            is_paused=self._is_paused,
        )
        self._show(checkpoint=start, updates=self._checks(None, norm_bounded=None))

    def run(self) -> Checkpoint:
        """Train until the rounds or the accuracy are reached. Raises Stopped when asked to end."""
        if not self._kept.round:
            self._recover()
        while not self._reached():
            parameters = len(self._kept.weights)
            self._round(RoundBook(number=self._kept.round + 1, owed=self._kept.debt.owed, parameters=parameters))
        self._write_result()
        self._show(phase=Phase.COMPLETE, reason="", round_in_work=None, assigned_batches={})
        self._members.ring_all()
        return self._kept

    def _reached(self) -> bool:
        target, accuracy = self._settings.target_accuracy_percent, self._kept.accuracy_percent
        if target is not None and accuracy is not None and accuracy >= target:
            return True
        return self._kept.round >= self._settings.rounds

    def _recover(self) -> None:
        """Without a checkpoint of its own, continue from the newest that a worker has kept.

        A coordinator that is moved to another node loses its disk; its workers still have what it last sent.
        """
        self._wait_for_quorum(round_number=1)
        known = [member for member in self._members.all() if self._members.is_alive(member) and member.kept_round]
        for member in sorted(known, key=lambda member: member.kept_round or 0, reverse=True):
            found = self._fetch_kept(member)
            if found is not None:
                _log.info("continuing after round %d, which %s has kept", found.round, member.node)
                save(found, self._settings.checkpoint_path)
                self._kept = found
                self._refusals = Refusals(clock=self._clock, counted=found.refused_updates)
                self._show(checkpoint=found, updates=self._checks(None, norm_bounded=None))
                return

    def _round(self, book: RoundBook) -> None:
        assignment = self._wait_for_quorum(book.number)
        started = self._clock()
        while not (self._try(book, assignment) and self._close(book, assignment, seconds=self._clock() - started)):
            self._wait(self._settings.retry_seconds)
            assignment = self._wait_for_quorum(book.number)

    def _wait_for_quorum(self, round_number: int) -> RoundAssignment:
        """The assignment to obey, once enough of its workers are there."""
        while True:
            assignment = self._assignments.read()
            reason = self._quorum.why_not(assignment, round_number, self._assignments.problem)
            if assignment is not None and reason is None:
                return assignment
            self._show(
                phase=Phase.WAITING,
                reason=reason or "",
                round_in_work=round_number,
                assignment_problem=self._assignments.problem,
                assigned_batches={},
            )
            self._wait(self._settings.poll_seconds * 4)

    def _is_paused(self, node: str) -> bool:
        return self._refusals.is_paused(node)

    def _try(self, book: RoundBook, assignment: RoundAssignment) -> bool:
        """Give orders and collect replies. Whether the round may be closed with what has arrived."""
        orders = book.give_orders(assignment)
        self._show(
            phase=Phase.TRAINING,
            reason="",
            plan=assignment.plan,
            round_in_work=book.number,
            assignment_problem=self._assignments.problem,
            assigned_batches={order.node: order.batches for order in orders},
            offloading_batches=book.offloading,
        )
        try:
            self._collect(book, {order.node: order for order in orders}, assignment.plan)
        finally:
            self._transport.close_round()
        checks = self._check(book, {order.node for order in orders})
        complete = not book.missing
        self._show(missing=tuple(book.missing), updates=checks)
        return bool(book.updates) and (complete or len(book.answered) >= self._settings.minimum_workers)

    def _check(self, book: RoundBook, asked: set[str]) -> UpdateChecks:
        """Bound what has arrived and remember who was refused; what is to be told of it."""
        norm_bounded = self._gate.close(book, self._kept.weights)
        self._refusals.note(answered=asked & set(book.answered), missing=book.missing)
        for entry in book.missing:
            if entry.refusal is not None:
                _log.warning("refused the update of %s for shard %s: %s", entry.node, entry.shard, entry.refusal)
        applied = applicable(self._settings.update_rule, len(book.answered)) if book.updates else None
        return self._checks(applied, norm_bounded=norm_bounded)

    def _checks(self, applied: UpdateRule | None, *, norm_bounded: bool | None) -> UpdateChecks:
        return UpdateChecks(
            rule=self._settings.update_rule,
            applied_rule=applied,
            norm_bounded=norm_bounded,
            refused=self._refusals.totals,
            workers=self._refusals.workers,
        )

    def _collect(self, book: RoundBook, orders: dict[str, WorkerOrder], plan: str) -> None:
        for node, order in orders.items():
            if self._quorum.is_there(node):
                self._transport.send(order, plan=plan, kept=self._kept)
            else:
                paused = self._refusals.is_paused(node)
                book.give_up(node, MissingReason.REFUSED if paused else MissingReason.WORKER_ABSENT)
        patience = Patience(
            stall_seconds=self._settings.stall_seconds,
            round_timeout_seconds=self._settings.round_timeout_seconds,
            started=self._clock(),
        )
        while book.waiting_for:
            # Who is gone is asked before the replies are read: a worker that leaves sends its reply first.
            gone = {node: reason for node in book.waiting_for if (reason := self._why_gone(node, patience))}
            for reply in self._transport.replies():
                book.take(reply)
            for node, reason in gone.items():
                book.give_up(node, reason)
            for node in book.waiting_for:
                if self._transport.lost(node):
                    self._transport.send(orders[node], plan=plan, kept=self._kept)
            if book.waiting_for:
                self._wait(self._settings.poll_seconds)

    def _why_gone(self, node: str, patience: Patience) -> MissingReason | None:
        """Why there is no point in waiting for the worker any longer, or None."""
        member = self._members.find(node)
        if member is None or not (member.left or self._members.is_alive(member)):
            return MissingReason.WORKER_GONE
        if member.left:
            return MissingReason.WORKER_LEFT
        return patience.lost_with(node, sum(member.batches_done.values()), self._clock())

    def _close(self, book: RoundBook, assignment: RoundAssignment, *, seconds: float) -> bool:
        """Aggregate, evaluate, and make the round count by writing its checkpoint.

        False when the new model cannot be evaluated: every update is then refused, and the old model stays.
        """
        self._show(phase=Phase.AGGREGATING, reason="", assigned_batches={})
        weights = combine(book.updates, self._settings.update_rule)
        accuracy_percent = usable_accuracy(self._evaluate, weights)
        if accuracy_percent is None:
            self._refuse_all(book)
            return False
        record = RoundRecord(
            round=book.number,
            plan=assignment.plan,
            accuracy_percent=accuracy_percent,
            loss=round(sum(u.loss * u.batches for u in book.updates) / book.arrived.total(), 6),
            seconds=round(seconds, 3),
            workers=book.answered,
            batches=book.arrived.total(),
            missing_batches=sum(entry.batches for entry in book.missing),
        )
        kept = self._after(book, record, weights)
        save(kept, self._settings.checkpoint_path)
        self._kept = kept
        self._show(checkpoint=kept, round_in_work=None, offloading_batches={})
        _log.info("round closed %s", to_json(asdict(record)))
        return True

    def _refuse_all(self, book: RoundBook) -> None:
        for update in list(book.updates):
            book.take_back(update, Refusal.UNUSABLE_MODEL)
        self._refusals.note(answered=(), missing=book.missing)
        _log.warning("round %d: the new model cannot be evaluated, and every update is refused", book.number)
        self._show(missing=tuple(book.missing), updates=self._checks(None, norm_bounded=None))

    def _after(self, book: RoundBook, record: RoundRecord, weights: Weights) -> Checkpoint:
        nodes, shards = Counter(self._kept.node_batches), Counter(self._kept.shard_batches)
        for update in book.updates:
            nodes[update.node] += update.batches
        shards.update(book.arrived)
        offloaded = Counter(self._kept.offloaded_batches) + book.offloaded
        return replace(
            self._kept,
            round=book.number,
            weights=weights,
            written=timestamp(),
            node_batches=dict(sorted(nodes.items())),
            shard_batches=dict(sorted(shards.items())),
            offloaded_batches=dict(sorted(offloaded.items())),
            debt=settle(
                self._kept.debt, wanted=book.wanted, arrived=book.arrived, limit=self._settings.steps_per_round
            ),
            history=(*self._kept.history, record),
            refused_updates=self._refusals.totals,
        )

    def _write_result(self) -> None:
        document = result_document(
            self._kept,
            rounds=self._settings.rounds,
            target_accuracy_percent=self._settings.target_accuracy_percent,
        )
        replace_file(self._settings.result_path, (to_json(document, indent=2) + "\n").encode())

    def _show(self, **changes: Any) -> None:
        self._board.show(replace(self._board.status, **changes))

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
