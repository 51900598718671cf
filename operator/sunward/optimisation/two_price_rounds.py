"""The loop between the coordinator and a fleet: prices out, sums in, until the bounds meet."""

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from sunward.optimisation.columnar import Columns, Floats
from sunward.optimisation.solution import Obstacle, Shortfall
from sunward.optimisation.two_price_coordinator import Coordinator, Scales
from sunward.optimisation.two_price_fleet import Fleet
from sunward.optimisation.two_price_recovery import Mixture
from sunward.optimisation.two_price_rows import Group

ROUND_LIMIT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How far to go: the relative gap to certify, the moment to stop (of `time.perf_counter`), and the helpers.

    `caution` is the coordinator's. `workers` answer chunks of a large fleet in parallel.
    """

    relative_gap: float
    deadline: float
    caution: float
    workers: Executor | None = None


class Rounds:
    """One exchange of prices and sums until the bounds meet."""

    def __init__(self, columns: Columns, parts: Sequence[Group], effort: Effort) -> None:
        self.fleet = Fleet(columns, parts, effort.workers)
        self._effort = effort
        alone = self.fleet.stand_alone()
        grams = abs(sum(answer.grams for answer in alone)) or 1.0
        self.coordinator = Coordinator(
            groups=len(parts),
            least=self.fleet.least,
            scales=Scales(grams=grams, prices=self.fleet.price_scales),
            caution=effort.caution,
        )
        self.coordinator.add(alone)

    def go(self) -> None:
        """Rounds until the gap is closed, the time is up, or prices repeat to the last digit."""
        previous: Floats | None = None
        for _ in range(ROUND_LIMIT):
            prices = self.coordinator.prices()
            bounds = self.coordinator.receive(prices, self.fleet.answer(prices))
            repeated = previous is not None and np.array_equal(prices, previous)
            if bounds.relative_gap <= self._effort.relative_gap / 4 or time.perf_counter() > self._effort.deadline:
                return
            if self.coordinator.out_of_reach or (repeated and np.isfinite(bounds.upper)):
                return
            previous = prices

    def mixtures(self) -> list[Mixture]:
        """The groups' plans, mixed with the weights of the last master."""
        return self.fleet.mixtures(self.coordinator.weights())

    def shortfalls(self) -> list[Shortfall]:
        """What is missing although the prices are as high as they go."""
        answers = self.fleet.answer(self.coordinator.ceiling_prices)
        whole = self.fleet.all_prices(self.fleet.least - np.sum([answer.supply for answer in answers], axis=0))
        found = []
        if whole[-2] > 0:
            found.append(Shortfall(constraint=Obstacle.DEADLINE, shortfall=float(whole[-2])))
        if whole[-1] > 0:
            found.append(Shortfall(constraint=Obstacle.SLEEP_LIMIT, shortfall=float(whole[-1])))
        return found
