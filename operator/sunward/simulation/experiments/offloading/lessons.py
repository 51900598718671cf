"""What a training has: chance, a budget that is equal for all learners, a tuning, and somebody who watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sunward.simulation.experiments.offloading.acting import Policy
from sunward.simulation.experiments.offloading.model import (
    States,
    draw,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """States seen, steps taken, and rows of a step: equal for all learners."""

    samples: int = 160_000
    updates: int = 10_000
    rows: int = 256

    def part(self, share: float) -> Budget:
        """A share of it."""
        return Budget(samples=int(self.samples * share), updates=int(self.updates * share), rows=self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a search chooses: rates of actor and critic, noise of exploration, range of PPO's clipping."""

    rate: float = 1e-3
    critic_rate: float = 1e-3
    noise: float = 0.2
    clip: float = 0.2


Seen = Callable[[int, Policy], None]
"""Hears after each step how many there were, and the policy so far."""


@dataclass(slots=True)
class Lesson:
    """One training: chance, budget, what a search chose, and who watches."""

    generator: np.random.Generator
    budget: Budget
    tuning: Tuning
    seen: Seen

    def rate(self, step: int, first: float) -> float:
        """Rates fall evenly to a twentieth."""
        return first * (1.0 - 0.95 * step / self.budget.updates)

    def drawn(self) -> States:
        """All states of the budget."""
        return draw(self.budget.samples, self.generator)

    def batch(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Rows of a step among the first `count`, (rows,)."""
        return self.generator.integers(0, count, self.budget.rows)
