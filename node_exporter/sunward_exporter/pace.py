"""When to sample: once in every period, at a moment of it that nothing can be in step with.

Samples at equal distances see the same phase of a ripple whose frequency is a multiple of theirs, and its mean is then
wrong for as long as one waits. One moment drawn evenly from each period (stratified sampling) has the right mean.
A period that was missed is left out: samples taken in a burst to make up for it would say nothing new.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Pace:
    """The moments of one meter. `draw` gives numbers in [0, 1)."""

    def __init__(self, rate_hertz: float, start: float, draw: Callable[[], float] = random.random) -> None:
        self.rate_hertz = rate_hertz
        self._period = 1.0 / rate_hertz
        self._start = start
        self._draw = draw
        self._slot = -1

    def next(self, now: float, *, spread: bool) -> float:
        """The moment of the next sample, in the seconds of *now*; at the beginning of its period unless *spread*."""
        self._slot = max(self._slot + 1, int((now - self._start) / self._period))
        return self._start + self._period * (self._slot + (self._draw() if spread else 0.0))
