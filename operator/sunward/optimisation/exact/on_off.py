"""Which on/off patterns of nodes a problem allows, and how to mend one that it does not.

A pattern is true where a node is on, (nodes, periods). Knows the rules of sleep (constraint 5) and no energy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sunward.optimisation.model.draft import OnOff, PerPeriodFlags
from sunward.optimisation.problem.instance import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepRules:
    """Rules for the nodes that may sleep: their own, and how many of them may do so at the same time."""

    nodes: Sequence[Node]
    most_asleep: int

    def row_fits(self, node: int, row: PerPeriodFlags) -> bool:
        """Whether one node may follow a pattern: its minimum periods and its number of sleeps hold."""
        rules = self.nodes[node]
        before, age, sleeps = rules.initially_awake, len(row) + rules.minimum_awake_periods, 0
        age += rules.minimum_asleep_periods  # starts and stops before the first period are not counted
        for on in row.tolist():
            if on == before:
                age += 1
                continue
            if age < (rules.minimum_awake_periods if before else rules.minimum_asleep_periods):
                return False
            before, age, sleeps = on, 1, sleeps + (not on)
        return rules.maximum_sleeps is None or sleeps <= rules.maximum_sleeps

    def fits(self, pattern: OnOff) -> bool:
        """Whether all nodes may follow their rows together."""
        return self.crowd_fits(pattern) and all(self.row_fits(i, row) for i, row in enumerate(pattern))

    def crowd_fits(self, pattern: OnOff) -> bool:
        """Whether no more nodes sleep at the same time than may."""
        return int(np.max(np.sum(~pattern, axis=0), initial=0)) <= self.most_asleep

    def mended(self, pattern: OnOff) -> OnOff:
        """The pattern with nodes on for longer, until it fits: the shortest sleeps go first."""
        mended = pattern.copy()
        for t in range(mended.shape[1]):
            while np.sum(~mended[:, t]) > self.most_asleep:
                off = np.flatnonzero(~mended[:, t])
                mended[off[np.argmax(np.sum(mended[off], axis=1))], t] = True
        for i, row in enumerate(mended):
            while not self.row_fits(i, row) and not row.all():
                start, end = _shortest_sleep(row)
                row[start:end] = True
        return mended


def _shortest_sleep(row: PerPeriodFlags) -> tuple[int, int]:
    """First and, half-open, last period of the shortest stretch in which a node is off; there has to be one."""
    edges = np.flatnonzero(np.diff(np.concatenate(([True], row, [True])).astype(int)))
    stretches = [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return min(stretches, key=lambda stretch: (stretch[1] - stretch[0], stretch))
