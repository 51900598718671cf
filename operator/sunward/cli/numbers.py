"""Numbers on the command line."""

from __future__ import annotations

import math

import typer

from sunward.domain.errors import InvalidInput


def not_nan(option: typer.CallbackParam, seconds: float) -> float:
    """The option's value. Raises InvalidInput for NaN, which a bound does not refuse: it lies beyond none."""
    if math.isnan(seconds):
        raise InvalidInput(option.opts[0], "must be a number of seconds")
    return seconds
