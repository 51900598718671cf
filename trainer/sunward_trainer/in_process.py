"""The same federation without Flower, processes or a network: for tests and for curves of accuracy.

Orders, local training, averaging and debts are the ones that the coordinator and the workers use.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sunward_trainer.learning.averaging import average
from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.shards import Shard
from sunward_trainer.learning.training import Pair, Recipe
from sunward_trainer.protocol.assignment import RoundAssignment
from sunward_trainer.protocol.rounds import Debt, RoundBook, settle
from sunward_trainer.worker.trainee import Trainee


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """A finished round: the new global weights, batches that arrived by shard, and what is owed after it."""

    round_number: int
    weights: Weights
    batches: Mapping[str, int]
    debt: Debt


def rounds_in_process(
    *,
    model: tuple[str, int],
    weights: Weights,
    shards: Mapping[str, Shard],
    recipe: Recipe,
    assignment_of: Callable[[int], RoundAssignment],
    steps_per_round: int,
) -> Iterator[RoundResult]:
    """Train round after round, for as long as results are taken.

    `assignment_of` gives the assignment of a round, counted from 1. A shard that is not in `shards` counts as
    unreachable: its batches are owed. A round without any update keeps the weights.
    """
    trainees: dict[str, Trainee] = {}
    debt, number = Debt(), 0
    while True:
        number += 1
        book = RoundBook(number=number, owed=debt.owed)
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
            book.take(reply)
        if book.updates:
            weights = average(book.updates)
        debt = settle(debt, wanted=book.wanted, arrived=book.arrived, limit=steps_per_round)
        yield RoundResult(round_number=number, weights=weights, batches=book.arrived, debt=debt)


def _find(shards: Mapping[str, Shard], pair: Pair) -> Shard:
    if pair.shard not in shards:
        raise DataError(f"shard {pair.shard!r} is not on this node")
    return shards[pair.shard]
