"""Market mechanisms for nodes with different owners, against the planner's optimum.

Loads are fixed; three of ten nodes have more sun than they need. A unit that a seller gives up costs its own
grid's intensity if the seller needed it and nothing if it was surplus; a unit that arrives saves the buyer's.
Energy is in units of one node's need, so that grams are g/kWh times kWh of need. Knows nothing of sessions or modes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_UNIT = 0.01
"""What a double auction trades in: a hundredth of a node's need."""
_SELLERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Intensities (g/kWh) and harvest over need, (nodes,) each, and delivered over sent energy (`efficiency`)."""

    intensities: tuple[float, ...]
    harvest: tuple[float, ...]
    efficiency: float = 0.95
    maximum_export_ratio: float = 0.5

    def exportable(self, node: int) -> float:
        """What the cap lets a node sell at most."""
        return self.maximum_export_ratio * self.harvest[node]

    def surplus(self, node: int) -> float:
        """Harvest beyond the node's need that it may sell, in units of need."""
        return min(self.exportable(node), max(0.0, self.harvest[node] - 1.0))

    def deficit(self, node: int) -> float:
        """Need beyond the node's harvest."""
        return max(0.0, 1.0 - self.harvest[node])

    @property
    def grams_alone(self) -> float:
        """Emissions without any trade."""
        return sum(c * self.deficit(k) for k, c in enumerate(self.intensities))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """Units that a node would sell above (or buy below) a price in grams per unit sent."""

    node: int
    price: float
    units: float


def draw_market(intensities: Sequence[float], seed: int) -> Market:
    """Three random sellers with one to two and a half times their need; no other owner has sun."""
    generator = np.random.default_rng(seed)
    harvest = np.zeros(len(intensities))
    sellers = generator.choice(len(intensities), _SELLERS, replace=False)
    harvest[sellers] = generator.uniform(1.0, 2.5, _SELLERS)
    return Market(intensities=tuple(intensities), harvest=tuple(float(value) for value in harvest))


def optimum(market: Market, *, surplus_only: bool = False) -> float:
    """Grams saved by the best trades: cheapest offers to dearest needs while both gain (exact for one pool)."""
    return _clear(_offers(market, surplus_only=surplus_only), _needs(market))


def double_auction(market: Market) -> float:
    """Uniform price with truthful bids in whole units of a hundredth of a need; what is less is not traded."""
    return _clear(_whole(_offers(market)), _whole(_needs(market)))


def trade_reduction(market: Market) -> float:
    """The seller and the buyer at the margin do not trade: McAfee, A dominant strategy double auction, 1992.

    An owner with one price then gains nothing by a false report (`misreports`); here a seller has two, one for what it
    needs itself.
    """
    offers, needs = _offers(market), _needs(market)
    marginal = _marginal_pair(offers, needs)
    if marginal is None:
        return 0.0
    seller, buyer = marginal
    return _clear([o for o in offers if o.node != seller], [n for n in needs if n.node != buyer])


def stable_matching(market: Market) -> float:
    """One seller with one buyer, surplus only: the pair that saves most first, as both prefer it to any other.

    Stable in the sense of Gale and Shapley 1962, because no two would rather have each other.
    """
    pairs = [
        (_pair_saving(market, seller, buyer), seller, buyer) for seller in _sellers(market) for buyer in _buyers(market)
    ]
    return _matched(sorted(pairs, reverse=True))


def random_matching(market: Market, seed: int) -> float:
    """One seller with one buyer, drawn blindly, surplus only."""
    buyers = np.random.default_rng(seed).permutation(_buyers(market))
    return sum(
        _pair_saving(market, seller, int(buyer)) for seller, buyer in zip(_sellers(market), buyers, strict=False)
    )


MECHANISMS: Final[Mapping[str, Callable[[Market, int], float]]] = {
    "optimum": lambda market, _: optimum(market),
    "uniform-price double auction": lambda market, _: double_auction(market),
    "one-to-one stable matching": lambda market, _: stable_matching(market),
    "truthful auction (trade reduction)": lambda market, _: trade_reduction(market),
    "random one-to-one": random_matching,
}
"""Grams saved by each mechanism on a market; the second argument seeds what is random."""


def _sellers(market: Market) -> list[int]:
    return [k for k in range(len(market.harvest)) if market.surplus(k) > 0.0]


def _buyers(market: Market) -> list[int]:
    return [k for k in range(len(market.harvest)) if market.deficit(k) > 0.0]


def _offers(market: Market, *, surplus_only: bool = False) -> list[Bid]:
    """Surplus for nothing; what a seller needs itself at the grams that replacing it costs."""
    offers = [Bid(node=k, price=0.0, units=market.surplus(k)) for k in _sellers(market)]
    if not surplus_only:
        offers += [
            Bid(node=k, price=market.intensities[k], units=market.exportable(k) - market.surplus(k))
            for k, own in enumerate(market.harvest)
            if own > 0.0
        ]
    return sorted(offers, key=lambda bid: bid.price)


def _needs(market: Market) -> list[Bid]:
    """Units sent that would cover each deficit, at what a delivered unit is worth."""
    needs = [
        Bid(node=k, price=market.efficiency * market.intensities[k], units=market.deficit(k) / market.efficiency)
        for k in _buyers(market)
    ]
    return sorted(needs, key=lambda bid: -bid.price)


def _clear(offers: Sequence[Bid], needs: Sequence[Bid]) -> float:
    """Grams saved when sorted offers meet sorted needs until the next pair would lose."""
    saved, left = 0.0, [need.units for need in needs]
    buyer = 0
    for offer in offers:
        units = offer.units
        while units > 0.0 and buyer < len(needs) and needs[buyer].price > offer.price:
            traded = min(units, left[buyer])
            saved += traded * (needs[buyer].price - offer.price)
            units -= traded
            left[buyer] -= traded
            buyer += left[buyer] <= 0.0
    return saved


def _marginal_pair(offers: Sequence[Bid], needs: Sequence[Bid]) -> tuple[int, int] | None:
    """The dearest seller and the cheapest buyer that still trade; None when none trades."""
    pair, left, buyer = None, [need.units for need in needs], 0
    for offer in offers:
        units = offer.units
        while units > 0.0 and buyer < len(needs) and needs[buyer].price > offer.price:
            pair = (offer.node, needs[buyer].node)
            traded = min(units, left[buyer])
            units -= traded
            left[buyer] -= traded
            buyer += left[buyer] <= 0.0
    return pair


def _whole(bids: Sequence[Bid]) -> list[Bid]:
    return [Bid(node=bid.node, price=bid.price, units=_UNIT * int(bid.units / _UNIT)) for bid in bids]


def _pair_saving(market: Market, seller: int, buyer: int) -> float:
    units = min(market.surplus(seller), market.deficit(buyer) / market.efficiency)
    return units * market.efficiency * market.intensities[buyer]


def _matched(pairs: Sequence[tuple[float, int, int]]) -> float:
    taken: set[tuple[str, int]] = set()
    saved = 0.0
    for saving, seller, buyer in pairs:
        if ("seller", seller) not in taken and ("buyer", buyer) not in taken:
            taken |= {("seller", seller), ("buyer", buyer)}
            saved += saving
    return saved
