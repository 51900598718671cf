"""JSON of other programs -> plain values, or one line of why not. It must not know what the values mean."""

from __future__ import annotations

import json
import math
from typing import Any

LONGEST_INTEGER = 300
"""Digits of a whole number; arithmetic with floats ends at 308."""


def parse_foreign_json(body: bytes | str) -> Any:
    """The values of a JSON text in which every number is finite as a float.

    NaN and infinities are no JSON, and some programs write them all the same; `1e999` is JSON and no number that can be
    reckoned with. Raises ValueError, whose text is one short line, for these and for anything that cannot be read.
    """
    try:
        return json.loads(body, parse_constant=_refused, parse_float=_finite, parse_int=_integer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is beyond every number")
    return number


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise ValueError(f"{text[:20]}... is beyond every number")
    return int(text)
