"""How much one owner gains by lying about its price while all others tell the truth, under four ways to trade.

Every owner has one private price: a seller what its block costs it on average in grams per unit sent, a buyer what a
unit is worth to it. How much there is to trade is metered and cannot be lied about. Reports tried are multiples of
the truth and prices just beside everybody else's, so gains are lower bounds that come close. Trade reduction is
truthful in theory (McAfee 1992; blocks of unequal size, cut by size: Huang, Scheller-Wolf and Sycara 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sunward.simulation.experiments.incomplete_information.markets import Market

FACTORS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 1.75, 2.0)
_BESIDE = 1e-6
"""How far beside another owner's price a false report lies, relative and absolute."""
_NOTHING = 1e-12
"""Units that are left over from differences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An owner that sells (or buys) up to `units` above (or below) a price in grams per unit sent."""

    node: int
    sells: bool
    price: float
    units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Units that one owner sends or gets, and the grams credited (or, below zero, charged) to it for them."""

    units: float
    credit: float


Deals = Mapping[int, Deal]
Rule = Callable[[Sequence[Owner]], Deals]


def owners(market: Market) -> tuple[Owner, ...]:
    """A market with one price for each owner: a seller's is the mean cost of what it may send."""
    sellers = [
        Owner(node=k, sells=True, price=market.intensities[k] * _own_share(market, k), units=market.exportable(k))
        for k in range(len(market.harvest))
        if market.exportable(k) > 0.0
    ]
    buyers = [
        Owner(node=k, sells=False, price=market.efficiency * carbon, units=market.deficit(k) / market.efficiency)
        for k, carbon in enumerate(market.intensities)
        if market.deficit(k) > 0.0
    ]
    return (*sellers, *buyers)


def _own_share(market: Market, node: int) -> float:
    return 1.0 - market.surplus(node) / market.exportable(node)


def largest_gain(rule: Rule, truth: Sequence[Owner]) -> float:
    """The most that any single owner gains by a false price, in grams; zero where none gains."""
    honest = rule(truth)
    return max(
        (
            _worth(liar, rule(_told(truth, liar, report))) - _worth(liar, honest)
            for liar in truth
            for report in _reports(truth, liar)
        ),
        default=0.0,
    )


def saved(deals: Deals, truth: Sequence[Owner]) -> float:
    """Grams that trades really save, whatever was reported."""
    return sum((-one.price if one.sells else one.price) * deals[one.node].units for one in truth if one.node in deals)


def _told(truth: Sequence[Owner], liar: Owner, report: float) -> list[Owner]:
    return [replace(one, price=report) if one is liar else one for one in truth]


def _reports(truth: Sequence[Owner], liar: Owner) -> Iterator[float]:
    yield from (factor * liar.price for factor in FACTORS)
    for other in truth:
        if other is not liar:
            yield from (max(0.0, other.price * (1.0 + side * _BESIDE) + side * _BESIDE) for side in (-1.0, 1.0))


def _worth(owner: Owner, deals: Deals) -> float:
    """What the deal is worth to an owner at its true price."""
    deal = deals.get(owner.node)
    if deal is None:
        return 0.0
    return deal.credit - owner.price * deal.units if owner.sells else owner.price * deal.units + deal.credit


def double_auction(told: Sequence[Owner]) -> Deals:
    """One price halfway between the last ask and the last bid that trade: the k-double auction with k = 1/2.

    Chatterjee and Samuelson, Bargaining under incomplete information, Operations Research 31, 1983.
    """
    fills = _fills(told)
    return _at_price(fills, (fills[-1][0].price + fills[-1][1].price) / 2.0) if fills else {}


def marginal_prices(told: Sequence[Owner]) -> Deals:
    """The planner's optimum at its shadow price: what one more unit would save or cost by the reports."""
    fills = _fills(told)
    if not fills:
        return {}
    seller, buyer, _ = fills[-1]
    left = seller.units - sum(units for one, _, units in fills if one is seller)
    return _at_price(fills, seller.price if left > _NOTHING else buyer.price)


def trade_reduction(told: Sequence[Owner]) -> Deals:
    """The last seller and the last buyer do not trade and set the prices; the longer side is cut in proportion.

    McAfee, A dominant strategy double auction, Journal of Economic Theory 56, 1992.
    """
    fills = _fills(told)
    if not fills:
        return {}
    last_seller, last_buyer, _ = fills[-1]
    sellers = _unique(seller for seller, _, _ in fills if seller is not last_seller)
    buyers = _unique(buyer for _, buyer, _ in fills if buyer is not last_buyer)
    supply, demand = (sum(one.units for one in side) for side in (sellers, buyers))
    traded = min(supply, demand)
    if traded <= 0.0:
        return {}
    sold = {one.node: _deal(one, traded / supply, last_seller.price) for one in sellers}
    return sold | {one.node: _deal(one, traded / demand, last_buyer.price) for one in buyers}


def one_to_one(told: Sequence[Owner]) -> Deals:
    """The pair that saves most by the reports first, each at the price halfway between its two reports."""
    pairs = [
        (min(seller.units, buyer.units) * (buyer.price - seller.price), seller, buyer)
        for seller in told
        for buyer in told
        if seller.sells and not buyer.sells and buyer.price > seller.price
    ]
    deals: dict[int, Deal] = {}
    for _, seller, buyer in sorted(pairs, key=lambda pair: (-pair[0], pair[1].node, pair[2].node)):
        if seller.node not in deals and buyer.node not in deals:
            fill = (seller, buyer, min(seller.units, buyer.units))
            deals |= _at_price([fill], (seller.price + buyer.price) / 2.0)
    return deals


RULES: Final[Mapping[str, Rule]] = {
    "optimum at marginal prices": marginal_prices,
    "double auction, k = 1/2": double_auction,
    "one-to-one matching": one_to_one,
    "trade reduction": trade_reduction,
}
"""Ways to trade, from reports to deals."""

_Fill = tuple[Owner, Owner, float]


def _fills(told: Sequence[Owner]) -> list[_Fill]:
    """Cheapest asks against dearest bids until the next pair would lose by the reports."""
    asks = sorted((one for one in told if one.sells), key=lambda one: (one.price, one.node))
    bids = sorted((one for one in told if not one.sells), key=lambda one: (-one.price, one.node))
    left, fills, buyer = [bid.units for bid in bids], list[_Fill](), 0
    for ask in asks:
        units = ask.units
        while units > _NOTHING and buyer < len(bids) and bids[buyer].price > ask.price:
            traded = min(units, left[buyer])
            fills.append((ask, bids[buyer], traded))
            units -= traded
            left[buyer] -= traded
            buyer += left[buyer] <= _NOTHING
    return fills


def _at_price(fills: Iterable[_Fill], price: float) -> dict[int, Deal]:
    units: dict[int, float] = {}
    sign: dict[int, float] = {}
    for seller, buyer, traded in fills:
        for owner, side in ((seller, 1.0), (buyer, -1.0)):
            units[owner.node] = units.get(owner.node, 0.0) + traded
            sign[owner.node] = side
    return {node: Deal(units=count, credit=sign[node] * price * count) for node, count in units.items()}


def _deal(owner: Owner, share: float, price: float) -> Deal:
    units = share * owner.units
    return Deal(units=units, credit=(price if owner.sells else -price) * units)


def _unique(found: Iterable[Owner]) -> list[Owner]:
    return list({one.node: one for one in found}.values())
