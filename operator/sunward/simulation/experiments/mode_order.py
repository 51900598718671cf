"""Is DETA, as the operator runs it, ever worse than a mode that may do less, when all know the future equally well?

A plan of DETA is never worse than one of none, DET or DAT under the same forecast; what is carried out and settled
afterwards might be, for plans look only so far, and rounds and guards have their own time. Counted over whole runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sunward.simulation.experiments.result import Claim, Level, Row, Table, cells
from sunward.simulation.experiments.statistics import points_gained

MOST: Final = "DETA, oracle"
LESS: Final = ("none, oracle", "DET, oracle", "DAT, oracle")
"""The paper's modes as the operator runs them, all with perfect and thus equal forecasts."""

_EQUAL_RATIO = 1e-6

Grams = Mapping[str, Sequence[float]]


def excess(grams: Grams, less: str) -> list[float]:
    """Grams that DETA emitted more, on each day on which it did so by more than a millionth."""
    pairs = zip(grams[MOST], grams[less], strict=True)
    return [own - other for own, other in pairs if own > other * (1.0 + _EQUAL_RATIO)]


def order_claim(grams: Grams) -> Claim:
    """On how many days which mode was better, and by how much."""
    return Claim(
        name="DETA carried out against DET, DAT and none, equal forecasts",
        paper="DETA lowest on every number of servers",
        ours="; ".join(_counted(grams, less) for less in LESS),
        level=Level.PREDICTED,
        note="every mode under the operator's guards with perfect forecasts, settled grams of whole days; plans alone "
        "are never worse",
    )


def _counted(grams: Grams, less: str) -> str:
    worse, count = excess(grams, less), len(grams[MOST])
    if not worse:
        return f"worse than {less} on 0 of {count} days"
    return f"worse than {less} on {len(worse)} of {count} days, by {max(worse):.2f} g at most"


def order_table(grams: Grams) -> Table:
    """The same with what is gained over all days."""
    return Table(
        name="modes",
        title="DETA as the operator runs it against modes that may do less, all with perfect forecasts, paired days; "
        "gains in points of none's emissions with 95 % intervals",
        header=(
            "mode",
            "points gained",
            "low",
            "high",
            "days",
            "days worse",
            "worst excess g",
            "worst excess % of none",
        ),
        rows=tuple(_row(grams, less) for less in LESS),
    )


def _row(grams: Grams, less: str) -> Row:
    none, worse = grams[LESS[0]], excess(grams, less)
    worst = max(worse, default=0.0)
    share = 100.0 * worst / (sum(none) / len(none))
    gained = points_gained(none, grams[less], grams[MOST])
    return (less, *cells(gained, 2), len(none), len(worse), round(worst, 3), round(share, 2))
