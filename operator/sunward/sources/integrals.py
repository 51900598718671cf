"""Energy of a window from the samples of a counter, exact at both edges.

Prometheus' own `increase()` extrapolates to the edges and may be off by a whole scrape interval. Here the counter is
read as a line through its samples, cut at both ends of the half-open window [start, end). Power that is constant
between two scrapes is integrated without error; otherwise only the two steps that the edges cut are wrong, by at most
step * (highest - lowest power in it) / 4 each: the part x of a step holds at most x * (1 - x) * step * difference more
or less than its share of the line. Adjacent windows cut the same line, so their sum is exact. What no sample covers is
reported as a gap and never guessed. Pure; it must not know what is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from sunward.sources.samples import Sample

_BEAT_SECONDS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A part of a window of which nothing is known, in seconds since 1970, half-open."""

    start_seconds: float
    end_seconds: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_seconds - self.start_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Increase:
    """By how much a counter grew inside a window, in the counter's own unit.

    `amount` holds what the samples prove; `resets` how often the counter began again, each of which hides what was
    counted between its last sample and its end.
    """

    amount: float
    gaps: tuple[Gap, ...]
    resets: int

    @property
    def gap_seconds(self) -> float:
        """How much of the window nothing is known of."""
        return fsum(gap.seconds for gap in self.gaps)


def merge(series: Sequence[Sequence[Sample]]) -> tuple[Sample, ...] | None:
    """Join the series of one counter whose labels changed (a new pod); None when two of them live at the same time."""
    ordered = sorted((one for one in series if one), key=lambda one: one[0].seconds)
    if any(late[0].seconds <= early[-1].seconds for early, late in pairwise(ordered)):
        return None
    return tuple(sample for one in ordered for sample in one)


def increase(
    samples: Sequence[Sample], start_seconds: float, end_seconds: float, *, longest_step_seconds: float
) -> Increase:
    """Growth of the counter over [start, end).

    `samples` are in order of time and should reach beyond both edges. A step with a reset counts what the new counter
    shows; if that step is longer than `longest_step_seconds` the machine was probably off, and the step is a gap too.
    A longer step without a reset is no gap: the counter itself went on counting.
    """
    parts: list[float] = []
    gaps: list[Gap] = []
    resets = 0
    for before, after in pairwise(samples):
        step = after.seconds - before.seconds
        inside = min(after.seconds, end_seconds) - max(before.seconds, start_seconds)
        if inside <= 0.0:
            continue
        reset = after.value < before.value
        grown = after.value if reset else after.value - before.value
        resets += reset
        if reset and step > longest_step_seconds:
            gaps.append(_within(before.seconds, after.seconds, start_seconds, end_seconds))
            # What the new counter shows was counted just before its first sample: no line leads to it.
            parts.append(grown if after.seconds < end_seconds else 0.0)
        else:
            parts.append(grown * inside / step)
    gaps += _edges(samples, start_seconds, end_seconds)
    return Increase(amount=fsum(parts), gaps=tuple(sorted(gaps, key=lambda gap: gap.start_seconds)), resets=resets)


def area(
    samples: Sequence[Sample], start_seconds: float, end_seconds: float, *, longest_step_seconds: float
) -> Increase:
    """What a gauge adds up to over [start, end), in its unit times seconds: a line through its samples.

    A step that is longer than `longest_step_seconds` is a gap: the gauge was not read in between.
    """
    parts: list[float] = []
    gaps: list[Gap] = []
    for before, after in pairwise(samples):
        start, end = max(before.seconds, start_seconds), min(after.seconds, end_seconds)
        if end <= start:
            continue
        if after.seconds - before.seconds > longest_step_seconds:
            gaps.append(Gap(start_seconds=start, end_seconds=end))
        else:
            parts.append((end - start) * (_at(before, after, start) + _at(before, after, end)) / 2.0)
    gaps += _edges(samples, start_seconds, end_seconds)
    return Increase(amount=fsum(parts), gaps=tuple(sorted(gaps, key=lambda gap: gap.start_seconds)), resets=0)


def _at(before: Sample, after: Sample, seconds: float) -> float:
    share = (seconds - before.seconds) / (after.seconds - before.seconds)
    return before.value + share * (after.value - before.value)


def _within(start: float, end: float, window_start: float, window_end: float) -> Gap:
    return Gap(start_seconds=max(start, window_start), end_seconds=min(end, window_end))


def _edges(samples: Sequence[Sample], start: float, end: float) -> list[Gap]:
    """Parts of the window before the first and after the last sample."""
    if not samples:
        return [Gap(start_seconds=start, end_seconds=end)]
    first, last = samples[0].seconds, samples[-1].seconds
    if first >= end or last <= start:
        return [Gap(start_seconds=start, end_seconds=end)]
    gaps = []
    if first > start + _BEAT_SECONDS:
        gaps.append(Gap(start_seconds=start, end_seconds=first))
    if last < end - _BEAT_SECONDS:
        gaps.append(Gap(start_seconds=last, end_seconds=end))
    return gaps
