"""Changes of an on/off pattern that may lower its emissions, the most promising first.

Slopes (grams per node and period) of the plan at hand bound what a change can gain: emissions are convex in the
pattern, so a change that gains nothing along them gains nothing at all, and is not proposed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sunward.optimisation.exact.on_off import SleepRules
from sunward.optimisation.model.draft import NodePeriods, OnOff, PerPeriod
from sunward.optimisation.model.matrix import Integers

SPANS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Lengths in periods of a stretch that is switched on or off at once."""
PER_NODE = 14
"""Changes of one node that are combined with those of others."""
MOST_TRIED = 80
"""Changes of one node whose minimum times are looked at."""
MOST_PAIRS = 1000
MOST_GROUPS = 200
LARGEST_GROUP = 8
GAIN = -1e-9
"""Grams; changes that promise less than this are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Single:
    """One node with another row, and what that promises in grams (negative is less)."""

    node: int
    row: PerPeriod
    promise: float


def spans(periods: int) -> OnOff:
    """Every stretch of the lengths above, a row each."""
    found = []
    for length in (length for length in SPANS if length <= periods):
        for start in range(periods - length + 1):
            row = np.zeros(periods, dtype=np.bool_)
            row[start : start + length] = True
            found.append(row)
    return np.array(found, dtype=np.bool_)


def moves(pattern: OnOff, slopes: NodePeriods, rules: SleepRules, stretches: OnOff) -> Iterator[OnOff]:
    """Patterns that differ in one node, in two nodes, or in one stretch of several nodes, and that fit the rules."""
    singles = [one for i in range(len(pattern)) for one in _singles(i, pattern, slopes, rules, stretches)]
    found: list[tuple[float, tuple[_Single, ...]]] = [(one.promise, (one,)) for one in singles]
    found += _pairs(singles)
    found += _groups(pattern, slopes, stretches)
    found.sort(key=lambda entry: entry[0])
    for promise, changed in found:
        if promise >= GAIN:
            return
        other = pattern.copy()
        for one in changed:
            other[one.node] = one.row
        if rules.crowd_fits(other) and (len(changed) <= 2 or rules.fits(other)):
            yield other


def _singles(i: int, pattern: OnOff, slopes: NodePeriods, rules: SleepRules, stretches: OnOff) -> list[_Single]:
    """The best few rows of one node."""
    rows = np.unique(np.concatenate([pattern[i] | stretches, pattern[i] & ~stretches]), axis=0)
    rows = rows[np.any(rows != pattern[i], axis=1)]
    promises = (rows.astype(float) - pattern[i]) @ slopes[i]
    found: list[_Single] = []
    for k in np.argsort(promises, kind="stable")[:MOST_TRIED].tolist():
        if rules.row_fits(i, rows[k]):
            found.append(_Single(node=i, row=rows[k], promise=float(promises[k])))
        if len(found) == PER_NODE:
            break
    return found


def _pairs(singles: list[_Single]) -> list[tuple[float, tuple[_Single, ...]]]:
    """Two nodes change at once: one takes over from the other, or both meet in the same periods."""
    promises = np.array([one.promise for one in singles])
    nodes = np.array([one.node for one in singles])
    if not len(singles):
        return []
    first, second = np.nonzero((promises[:, None] + promises < GAIN) & (nodes[:, None] < nodes))
    order: Integers = np.argsort(promises[first] + promises[second], kind="stable")[:MOST_PAIRS]
    chosen = zip(first[order].tolist(), second[order].tolist(), strict=True)
    return [(singles[a].promise + singles[b].promise, (singles[a], singles[b])) for a, b in chosen]


def _groups(pattern: OnOff, slopes: NodePeriods, stretches: OnOff) -> list[tuple[float, tuple[_Single, ...]]]:
    """The same stretch for three nodes and more, those that promise most: rounds need their workers together."""
    others = np.concatenate([pattern | stretches[:, None], pattern & ~stretches[:, None]])  # (changes, nodes, periods)
    promises = np.einsum("cnt,nt->cn", others.astype(float) - pattern, slopes)
    promises[~np.any(others != pattern, axis=2)] = np.inf
    order = np.argsort(promises, axis=1, kind="stable")[:, :LARGEST_GROUP]
    together = np.cumsum(np.take_along_axis(promises, order, axis=1), axis=1)
    together[:, :2] = np.inf
    change, last = np.nonzero(together < GAIN)
    best = np.argsort(together[change, last], kind="stable")[:MOST_GROUPS]
    found: list[tuple[float, tuple[_Single, ...]]] = []
    for c, k in zip(change[best].tolist(), last[best].tolist(), strict=True):
        ones = [_Single(node=i, row=others[c, i], promise=float(promises[c, i])) for i in order[c, : k + 1].tolist()]
        found.append((float(together[c, k]), tuple(ones)))
    return found
