"""The same federation without Flower, processes or a network: for tests and for curves of accuracy.

Orders, local training, averaging and debts are the ones that the coordinator and the workers use.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sunward_trainer.coordinator.gate import Gate
from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.inspection import USUAL_NORM_FACTOR
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.robust import UpdateRule, combine
from sunward_trainer.learning.shards import Shard
from sunward_trainer.learning.training import Pair, Recipe
from sunward_trainer.protocol.assignment import RoundAssignment
from sunward_trainer.protocol.rounds import Debt, RoundBook, WorkerReply, settle
from sunward_trainer.worker.trainee import Trainee


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """A finished round: the new global weights, batches that arrived by shard, and what is owed after it."""

    round_number: int
    weights: Weights
    batches: Mapping[str, int]
    debt: Debt


class Aggregator(Protocol):
    """How a round's replies become weights."""

    def open(self, number: int, owed: Mapping[str, int], *, parameters: int) -> RoundBook:
        """The book of a round; the model has so many parameters."""

    def close(self, book: RoundBook, start: Weights) -> Weights:
        """The next weights, (parameters,), from the round's, `start`."""


class Gated:
    """What the coordinator does: checks, the bound on the norm, the rule."""

    def __init__(self, rule: UpdateRule = UpdateRule.GATE, *, maximum_norm_factor: float = USUAL_NORM_FACTOR) -> None:
        self._rule = rule
        self._gate = Gate(maximum_norm_factor)

    def open(self, number: int, owed: Mapping[str, int], *, parameters: int) -> RoundBook:
        """A book that checks."""
        return RoundBook(number=number, owed=owed, parameters=parameters)

    def close(self, book: RoundBook, start: Weights) -> Weights:
        """As when the coordinator closes a round; without any update the weights stay."""
        self._gate.close(book, start)
        return combine(book.updates, self._rule) if book.updates else start


def rounds_in_process(
    *,
    model: tuple[str, int],
    weights: Weights,
    shards: Mapping[str, Shard],
    recipe: Recipe,
    assignment_of: Callable[[int], RoundAssignment],
    steps_per_round: int,
    aggregator: Aggregator | None = None,
    tamper: Callable[[WorkerReply, Weights], WorkerReply] = lambda reply, _start: reply,
) -> Iterator[RoundResult]:
    """Train round after round, for as long as results are taken.

    `assignment_of` gives the assignment of a round, counted from 1. A shard that is not in `shards` counts as
    unreachable: its batches are owed. A round without any update keeps the weights. `aggregator` is Gated by default;
    `tamper` is what becomes of a reply on its way, given the round's weights, (parameters,).
    """
    trainees: dict[str, Trainee] = {}
    closing = aggregator or Gated()
    debt, number = Debt(), 0
    while True:
        number += 1
        book = closing.open(number, debt.owed, parameters=len(weights))
        for order in book.give_orders(assignment_of(number)):
            trainee = trainees.setdefault(order.node, Trainee(node=order.node))
            reply = trainee.carry_out(
                order.pairs,
                weights,
                round_number=number,
                model=model,
                recipe=recipe,
                shard_of=lambda pair: _find(shards, pair),
            )
            book.take(tamper(reply, weights))
        weights = closing.close(book, weights)
        debt = settle(debt, wanted=book.wanted, arrived=book.arrived, limit=steps_per_round)
        yield RoundResult(round_number=number, weights=weights, batches=book.arrived, debt=debt)


def _find(shards: Mapping[str, Shard], pair: Pair) -> Shard:
    if pair.shard not in shards:
        raise DataError(f"shard {pair.shard!r} is not on this node")
    return shards[pair.shard]
