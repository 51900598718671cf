"""Figures as the resources have them: whole numbers in millionths of a unit. Pure."""

from __future__ import annotations

MICRO = 1_000_000


def micro(value: float) -> int:
    """A figure in millionths, rounded to the nearest."""
    return round(value * MICRO)


def micro_or_none(value: float | None) -> int | None:
    """A figure in millionths; None stays None, and in a merge patch removes what stood there."""
    return None if value is None else micro(value)
