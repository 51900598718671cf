"""From sums back to pairs: who sends how much to whom when only the totals of both sides are known.

Pure arithmetic; knows neither the problem nor a solver.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)


@dataclass(slots=True)
class Shipment(Generic[Name]):
    """An amount that leaves `sender` and reaches `receiver`; `slot` tells a receiver's periods apart."""

    sender: Name
    receiver: Name
    slot: int
    amount: float


def transport(
    leaving: Sequence[tuple[Name, float]], arriving: Sequence[tuple[Name, int, float]]
) -> list[Shipment[Name]]:
    """Match both sides in order, then swap away shipments of a node to itself.

    Possible without self-shipments whenever no node's two sides together exceed the total; needs at most one shipment
    more than both sides have entries, plus one per swap. Sides whose sums differ by rounding end at the smaller.
    """
    shipments: list[Shipment[Name]] = []
    remaining = [(sender, amount) for sender, amount in leaving if amount > 0]
    remaining.reverse()
    for receiver, slot, wanted in arriving:
        while wanted > 0 and remaining:
            sender, offered = remaining.pop()
            amount = min(wanted, offered)
            shipments.append(Shipment(sender, receiver, slot, amount))
            wanted -= amount
            if offered > amount:
                remaining.append((sender, offered - amount))
    return _without_loops(shipments)


def _without_loops(shipments: list[Shipment[Name]]) -> list[Shipment[Name]]:
    loops = [shipment for shipment in shipments if shipment.sender == shipment.receiver]
    others = [shipment for shipment in shipments if shipment.sender != shipment.receiver]
    while loops:
        loop = loops.pop()
        for other in [*loops, *others]:
            if loop.amount <= 0:
                break
            if loop.sender in (other.sender, other.receiver):
                continue
            _swap(loop, other, others)
        if loop.amount > 0:
            others.append(loop)
    return [shipment for shipment in others if shipment.amount > 0]


def _swap(loop: Shipment[Name], other: Shipment[Name], found: list[Shipment[Name]]) -> None:
    """Let the loop's node send to the other's receiver and take from the other's sender instead of itself."""
    amount = min(loop.amount, other.amount)
    if amount <= 0:
        return
    found.append(Shipment(loop.sender, other.receiver, other.slot, amount))
    found.append(Shipment(other.sender, loop.receiver, loop.slot, amount))
    loop.amount -= amount
    other.amount -= amount
