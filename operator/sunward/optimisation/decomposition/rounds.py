"""The loop between the coordinator and a fleet: prices out, sums in, until the bounds meet."""

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from sunward.optimisation.decomposition.columnar import Flags
from sunward.optimisation.decomposition.coordinator import OracleResponse, PriceCoordinator, Scales
from sunward.optimisation.decomposition.master import PerCoupling

ROUND_LIMIT = 400
"""Rounds after which a search is given up; its bounds stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How far to go: the relative gap to certify, and from when until when to search (by `time.perf_counter`).

    `caution` is the coordinator's. `workers` answer chunks of a large fleet in parallel. `search_columns` are those of
    the largest model that is searched in one piece. The only place where a search by prices reads the clock.
    """

    relative_gap: float
    began: float
    deadline: float
    caution: float
    workers: Executor | None = None
    search_columns: int = 0

    @property
    def seconds_spent(self) -> float:
        """Since the search began."""
        return time.perf_counter() - self.began

    @property
    def seconds_left(self) -> float:
        """Until the search should end; negative when it is late."""
        return self.deadline - time.perf_counter()


class PricedFleet(Protocol):
    """Whoever answers prices: all sums of groups of nodes, in the same order every time."""

    @property
    def group_count(self) -> int:
        """Groups whose sums are told apart."""
        ...

    @property
    def least(self) -> PerCoupling:
        """What the net supply to each priced row must reach."""
        ...

    @property
    def price_scales(self) -> PerCoupling:
        """A price of each row that no node would pay, as long as capacity is not short."""
        ...

    @property
    def exact_rows(self) -> Flags | None:
        """Which rows must be met with equality, (rows,); None when none must."""
        ...

    def opening(self) -> Sequence[OracleResponse]:
        """A possible plan of every group to start from, not a best reply; empty where none is at hand."""
        ...

    def answer(self, prices: PerCoupling) -> Sequence[OracleResponse]:
        """Every group's sums at the prices."""
        ...


AnyFleet = TypeVar("AnyFleet", bound=PricedFleet)


class Rounds(Generic[AnyFleet]):
    """One exchange of prices and sums until the bounds meet."""

    def __init__(self, fleet: AnyFleet, effort: Effort, *, grams: float | None = None) -> None:
        """`grams` is the size of the problem's emissions where the fleet has no opening plan."""
        self.fleet = fleet
        self._effort = effort
        opening = fleet.opening()
        self.coordinator = PriceCoordinator(
            groups=fleet.group_count,
            least=fleet.least,
            scales=Scales(
                grams=grams or sum(answer.grams for answer in opening) or 1.0,
                prices=fleet.price_scales,
                exact=fleet.exact_rows,
            ),
            caution=effort.caution,
        )
        if opening:
            self.coordinator.add(opening)

    def go(self) -> None:
        """Rounds until the gap is closed, the time is up, or prices repeat to the last digit."""
        previous: PerCoupling | None = None
        for _ in range(ROUND_LIMIT):
            prices = self.coordinator.prices()
            bounds = self.coordinator.receive(prices, self.fleet.answer(prices))
            repeated = previous is not None and np.array_equal(prices, previous)
            if bounds.relative_gap <= self._effort.relative_gap / 4 or self._effort.seconds_left < 0:
                return
            if self.coordinator.stalled or self.coordinator.out_of_reach or (repeated and np.isfinite(bounds.upper)):
                return
            previous = prices
