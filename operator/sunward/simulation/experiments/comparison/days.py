"""Days under every policy, and how they are compared: equal work, the same baseline, the same days.

Work that a policy left undone is charged to it at what the baseline emits per batch, so that no policy saves by not
working. Knows nothing of claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from sunward.simulation.experiments.statistics import Estimate, points_gained, reduction_percent
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import PURE
from sunward.simulation.policies.rules import BASELINE, RULES

BEST: Final = "DETA" + PURE
"""The paper's model, without the operator's guards."""
_HOURS_OF_TRACES = 28 * 24

Days = Mapping[str, Sequence[Outcome]]


def first_hour(seed: int) -> int:
    """At which hour of the traces the day of a seed begins."""
    return int(np.random.default_rng(seed).integers(0, _HOURS_OF_TRACES))


def grams(days: Days, name: str, *, location: bool = False) -> list[float]:
    """Emissions of each day, with the work that was left undone charged at the baseline's grams per batch."""
    return [day.charged_grams(base, location=location) for day, base in zip(days[name], days[BASELINE], strict=True)]


def settled(days: Days) -> dict[str, list[float]]:
    """The grams of every policy's days."""
    return {name: grams(days, name) for name in days}


def market_reduction(days: Days, name: str, baseline: str = BASELINE) -> Estimate:
    """Market-based reduction against a baseline on the same days."""
    return reduction_percent(grams(days, baseline), grams(days, name))


def location_reduction(days: Days, name: str) -> Estimate:
    """Location-based reduction against none on the same days."""
    return reduction_percent(grams(days, BASELINE, location=True), grams(days, name, location=True))


def gain(days: Days, name: str, *, comparisons: int = 1) -> Estimate:
    """Points of none's market-based emissions that DETA (pure) saves more than a policy, on the same days."""
    return points_gained(grams(days, BASELINE), grams(days, name), grams(days, BEST), comparisons=comparisons)


def best_rule(days: Days) -> str:
    """The published rule that emits least while it may move only what may be moved."""
    rules = {rule.name for rule in RULES if not rule.unbounded} & set(days) - {BASELINE, "DET"}
    return max(rules, key=lambda name: market_reduction(days, name).value)
