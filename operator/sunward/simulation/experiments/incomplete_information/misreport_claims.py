"""What owners gain by lying, over many markets, as a table and a claim. Knows nothing of how trades are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sunward.simulation.experiments.incomplete_information.markets import draw_market
from sunward.simulation.experiments.incomplete_information.misreports import (
    RULES,
    largest_gain,
    marginal_prices,
    owners,
    saved,
)
from sunward.simulation.experiments.paper import REGIONS
from sunward.simulation.experiments.result import Claim, Level, Row, Table, cells, percent
from sunward.simulation.experiments.statistics import Estimate, mean

MARKETS: Final = 100
TRUTHFUL: Final = "trade reduction"
_NOTHING_PERCENT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Temptation:
    """By market, in percent of what the best trades save: the largest gain of one liar, and what is saved honestly."""

    gains: tuple[float, ...]
    captured: tuple[float, ...]

    @property
    def mean_gain(self) -> Estimate:
        """The largest gain of any one owner, averaged over markets."""
        return mean(self.gains)

    @property
    def tempted(self) -> int:
        """Markets in which an owner gains."""
        return sum(gain > _NOTHING_PERCENT for gain in self.gains)


def temptations(seeds: Sequence[int]) -> dict[str, Temptation]:
    """Every way to trade on the same markets; those in which nothing can be saved are left out."""
    drawn = [owners(draw_market(tuple(REGIONS.values()), seed)) for seed in seeds]
    best = [(truth, saved(marginal_prices(truth), truth)) for truth in drawn]
    markets = [(truth, top) for truth, top in best if top > 0.0]
    return {
        name: Temptation(
            gains=tuple(100.0 * largest_gain(rule, truth) / top for truth, top in markets),
            captured=tuple(100.0 * saved(rule(truth), truth) / top for truth, top in markets),
        )
        for name, rule in RULES.items()
    }


def misreport_claim(found: Mapping[str, Temptation]) -> Claim:
    """Only trade reduction leaves nothing to gain."""
    return Claim(
        name="What one owner gains by lying about its price",
        paper="buyers and sellers matched in a game",
        ours="; ".join(f"{name} {percent(one.mean_gain)}, worst {max(one.gains):.1f} %" for name, one in found.items()),
        level=Level.PREDICTED,
        holds=max(found[TRUTHFUL].gains) <= _NOTHING_PERCENT,
        note="the largest gain of one liar, in percent of what the best trades save, mean and worst over markets; "
        "theory: none under trade reduction (McAfee 1992). Amounts are metered, one price for each owner",
    )


def misreport_table(found: Mapping[str, Temptation]) -> Table:
    """The same in numbers, beside what truth costs."""
    return Table(
        name="misreports",
        title="Gain of the one owner that gains most by a false price, in percent of what the best trades save",
        header=("rule", "mean gain %", "low", "high", "worst gain %", "markets with a gain", "markets", "captured %"),
        rows=tuple(_row(name, one) for name, one in found.items()),
    )


def _row(name: str, one: Temptation) -> Row:
    captured = round(mean(one.captured).value, 1)
    return (name, *cells(one.mean_gain, 2), round(max(one.gains), 2), one.tempted, len(one.gains), captured)
