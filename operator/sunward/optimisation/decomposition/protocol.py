"""The price protocol over a network that loses messages: only sums reach the coordinator, and it survives silence.

A reply that does not come is replaced by the node's previous one: still something the node can do, so the cut stays
valid, but the round proves no lower bound. A node silent three times in a row is planned as self-sufficient until the
end: from then on it stands for its opening plan, the coordinator forgets the sums that hold its trades, and lower
bounds proven before stay true. Transport is another module's: this one sees replies or None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sunward.optimisation.decomposition.coordinator import Bounds, OracleResponse, PriceCoordinator
from sunward.optimisation.decomposition.master import PerCoupling

PATIENCE = 3
"""Replies in a row that may be lost before a node is planned as self-sufficient."""


@dataclass(slots=True, kw_only=True)
class Membership:
    """What the collector of sums remembers of one node: its last reply, its opening plan, its losses in a row."""

    opening: OracleResponse
    last: OracleResponse
    lost: int = 0
    alone: bool = False


@dataclass(slots=True)
class Collector:
    """Adds up replies on the nodes' side of the protocol (for example under secure aggregation).

    `openings` are the self-sufficient plans that every node states when it joins. Net supplies of an opening plan are
    zero: it neither sends nor receives anything.
    """

    members: dict[str, Membership] = field(default_factory=dict)

    def join(self, openings: Mapping[str, OracleResponse]) -> None:
        """Registers nodes with their opening plans; raises `ValueError` for a plan that trades."""
        for name, opening in openings.items():
            if np.any(opening.supply != 0):
                raise ValueError(f"the opening plan of {name} must not trade")
            self.members[name] = Membership(opening=opening, last=opening)

    def opening(self) -> OracleResponse:
        """The sum of all opening plans."""
        return _sum([member.opening for member in self.members.values()])

    def collect(self, replies: Mapping[str, OracleResponse | None]) -> tuple[OracleResponse, bool, bool]:
        """The sum of a round, whether it is complete, and whether a node has just become self-sufficient.

        Replies of nodes that are already planned alone are ignored: their plan must not change any more.
        """
        complete, dropped = True, False
        for name, member in self.members.items():
            reply = replies.get(name)
            if member.alone:
                continue
            if reply is None:
                member.lost += 1
                complete = False
                member.alone = member.lost >= PATIENCE
                dropped = dropped or member.alone
            else:
                member.lost, member.last = 0, reply
        return self._sum(), complete, dropped

    def _sum(self) -> OracleResponse:
        return _sum([member.opening if member.alone else member.last for member in self.members.values()])


def round_trip(
    coordinator: PriceCoordinator,
    collector: Collector,
    prices: PerCoupling,
    replies: Mapping[str, OracleResponse | None],
) -> Bounds:
    """One round: adds up the replies to `prices` and hands the sum, and nothing else, to the coordinator."""
    total, complete, dropped = collector.collect(replies)
    if dropped:
        coordinator.restart()
        coordinator.add([collector.opening()])
    return coordinator.receive(prices, [total], complete=complete)


def _sum(answers: Sequence[OracleResponse]) -> OracleResponse:
    return OracleResponse(
        grams=float(sum(answer.grams for answer in answers)),
        supply=np.sum([answer.supply for answer in answers], axis=0),
    )
