"""Grams per unit of what work was wanted for: a task in time, a task that ended early, a point of accuracy.

Energy per bit and grams per batch reward a plan that does much and late. Each figure here charges all emissions, those
of work in vain included, to the part that served its purpose. `docs/accounting.md` states the limits of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum


def promptness(taken_periods: int, window_periods: int) -> float:
    """What a task that took so many periods is worth: 1 in the first period of its window, falling in even steps.

    One that ends in the last period of its window is worth one share of the window, and one after it nothing.
    """
    if not 1 <= taken_periods <= window_periods:
        return 0.0
    return 1.0 - (taken_periods - 1) / window_periods


def prompt_tasks(taken: Iterable[tuple[int, int]]) -> float:
    """Tasks weighted by their promptness, from periods taken and periods of the window."""
    return fsum(promptness(periods, window) for periods, window in taken)


def grams_per(grams: float | None, served: float) -> float | None:
    """Emissions per unit served; None where they are not known, or where nothing was served."""
    return None if grams is None or served <= 0.0 else grams / served
