"""What the operator's guards cost, and what its decisions gain when everybody obeys the same guards.

A sleeping rule alone lets all nodes sleep, for parts of a period and as often as it likes; under the guards it is held
back as a plan is. The first difference is the price of the guards, the second the worth of planning.
"""

from __future__ import annotations

from typing import Final

from sunward.simulation.experiments.comparison.days import Days, grams, market_reduction
from sunward.simulation.experiments.result import Claim, Level, Row, Table, cells, percent, points
from sunward.simulation.experiments.statistics import points_gained
from sunward.simulation.policies.registry import GUARDED, SLEEPERS
from sunward.simulation.policies.rules import BASELINE, IN_ROUNDS

HELD_BACK: Final = tuple(name + GUARDED for name in (*SLEEPERS, *(rule.name for rule in IN_ROUNDS)))
"""Rules under the operator's safety rules."""

OPERATED: Final = "DETA"


def best_held_back(days: Days) -> str:
    """The rule that emits least under the guards."""
    return max((name for name in HELD_BACK if name in days), key=lambda name: market_reduction(days, name).value)


def guards_claim(days: Days) -> Claim:
    """The operator against rules that obey the same guards."""
    best = best_held_back(days)
    against = market_reduction(days, OPERATED, best)
    worse = sum(own > other for own, other in zip(grams(days, OPERATED), grams(days, best), strict=True))
    return Claim(
        name="The operator against rules under the same guards",
        paper=None,
        ours=f"DETA {percent(against)} below {best} ({percent(market_reduction(days, best))} below none), worse on "
        f"{worse} of {len(days[OPERATED])} days; guards cost " + ", ".join(_cost(days, name) for name in _alone(days)),
        level=Level.PREDICTED,
        note="the same sleep state machine, budgets and rounds for all; where more want to sleep than may, the "
        "dirtiest sleep, whether or not the rule knows of intensities",
    )


def _alone(days: Days) -> list[str]:
    return [name for name in SLEEPERS if name in days and name + GUARDED in days]


def _cost(days: Days, name: str) -> str:
    none = grams(days, BASELINE)
    return f"{name} {points(points_gained(none, grams(days, name + GUARDED), grams(days, name)))}"


def guards_table(days: Days) -> Table:
    """Each rule under the guards: what it saves, and what DETA under the same guards saves more."""
    return Table(
        name="guards",
        title="Rules under the operator's guards, paired days, 95 % intervals; points of none's emissions",
        header=(
            "policy",
            "reduction %",
            "low",
            "high",
            "DETA saves more, points",
            "low ",
            "high ",
            "days DETA better",
            "most wakes of a node",
        ),
        rows=tuple(_row(days, name) for name in HELD_BACK if name in days),
    )


def _row(days: Days, name: str) -> Row:
    none, own, other = (grams(days, one) for one in (BASELINE, OPERATED, name))
    better = sum(mine < theirs for mine, theirs in zip(own, other, strict=True))
    most = max(day.power_cycles for day in days[name])
    return (name, *cells(market_reduction(days, name)), *cells(points_gained(none, other, own)), better, most)
