"""Checks of amounts: what can never be true is refused where a value is made, and later code need not check again."""

from __future__ import annotations

import math

from sunward.domain.errors import InvalidInput


def require_finite(name: str, value: float) -> None:
    """Raise InvalidInput unless `value` is a finite number."""
    if not math.isfinite(value):
        raise InvalidInput(name, f"{value} is not a finite number")


def require_amount(name: str, value: float) -> None:
    """Raise InvalidInput unless `value` is finite and not negative."""
    require_finite(name, value)
    if value < 0.0:
        raise InvalidInput(name, f"{value} is negative; an amount is zero or more")


def require_efficiency(name: str, value: float) -> None:
    """Raise InvalidInput unless `value` lies in (0, 1]."""
    if not 0.0 < value <= 1.0:
        raise InvalidInput(name, f"{value} is outside (0, 1]")
