"""The coordinator's side of the price protocol: proposes prices, learns only sums, certifies bounds.

Pure: it opens no connection and reads no clock. A round is `prices()` -> the caller asks the nodes -> `receive()`.
Every round gives a lower bound (the value of the Lagrangian at the prices) and an upper bound (the cost of the best
mixture of answers so far that meets every coupling row), so the gap is certified whenever one stops. What it may not
know: any single node's harvest, battery, shard or reply. The mathematics is in docs/optimisation-model.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sunward.optimisation.decomposition.columnar import Flags
from sunward.optimisation.decomposition.errors import MasterError
from sunward.optimisation.decomposition.master import Master, PerCoupling, Proposal, Weights

CEILING_FACTOR = 16.0
"""By how much the ceiling is raised when the dearest prices bring too little supply."""
FIRST_CEILING = 2.0
"""In the scales of the prices, which no node would pay while capacity lasts."""
HIGHEST_CEILING = 1e7
"""Where even this price brings no supply, there is none."""
ROUNDING = 1e-8
"""A mixture that misses no coupling row by more, scaled, meets all of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OracleResponse:
    """The sum of a group's replies: emissions in grams, and net supply to every coupling row in its unit.

    `least_value` is a proven lower bound on the group's emissions less payments, where the replies come from a solver
    that is exact to a tolerance only; None where they are exact.
    """

    grams: float
    supply: PerCoupling
    least_value: float | None = None


NOTHING_GRAMS = 1e-12
"""Far below the tolerance of 1e-7 g that the file format grants; larger than the rounding of sums of whole problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Certified bounds on the optimum in grams after a round; the upper one is infinite until a mixture fits."""

    lower: float
    upper: float

    @property
    def relative_gap(self) -> float:
        """(upper - lower) / upper; 0 when they meet, infinite while there is no upper bound.

        Bounds closer than a picogram meet: beside an optimum of nothing a relative gap says nothing.
        """
        difference = self.upper - self.lower
        if difference <= NOTHING_GRAMS:
            return 0.0
        return difference / self.upper if np.isfinite(self.upper) and self.upper > 0 else np.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scales:
    """Sizes that bring the master near 1: grams of the whole problem, grams per unit of each coupling row.

    A price never needs to exceed its scale unless capacity is short; the coordinator raises its ceiling then. Rows
    marked `exact` must be met with equality, so their prices may be negative; the others only need enough supply.
    """

    grams: float
    prices: PerCoupling
    exact: Flags | None = None  # (rows,)


class PriceCoordinator:
    """Cutting planes on the aggregate dual with a price in between the best so far and the master's proposal.

    `least` is what the net supply to each row must reach (0 for energy and tasks, minus the limit for sleepers).
    `caution` in [0, 1) is the weight of the best prices so far in the next ones. 0 is Kelley's method (The
    cutting-plane method for solving convex programs, 1960); more smooths prices as Wentges does (Weighted Dantzig-Wolfe
    decomposition for linear mixed-integer programming, 1997).
    """

    def __init__(self, *, groups: int, least: PerCoupling, scales: Scales, caution: float = 0.0) -> None:
        self._groups = groups
        self._scales = scales
        self._least = least
        self._caution = caution
        self._unit = scales.prices / scales.grams
        self._best_prices: PerCoupling | None = None
        self._bounds = Bounds(lower=-np.inf, upper=np.inf)
        self._history: list[Bounds] = []
        self._ceiling = FIRST_CEILING
        self._stalled = False
        self._open()

    def _open(self) -> None:
        ceiling = np.full(len(self._least), self._ceiling)
        exact = np.zeros(len(ceiling), np.bool_) if self._scales.exact is None else self._scales.exact
        self._master = Master(groups=self._groups, least=self._least * self._unit, ceiling=ceiling, exact=exact)
        self._proposal: Proposal | None = None

    @property
    def bounds(self) -> Bounds:
        """The best bounds so far."""
        return self._bounds

    @property
    def history(self) -> tuple[Bounds, ...]:
        """The bounds after every round, oldest first."""
        return tuple(self._history)

    @property
    def best_prices(self) -> PerCoupling:
        """The prices of the best lower bound; the ceiling before the first complete round."""
        return self.ceiling_prices if self._best_prices is None else self._best_prices

    @property
    def ceiling_prices(self) -> PerCoupling:
        """The highest prices considered now: whoever can supply anything does."""
        return self._scales.prices * self._ceiling

    @property
    def out_of_reach(self) -> bool:
        """Whether even absurd prices bring too little supply: the problem is infeasible for practical purposes."""
        return self._ceiling >= HIGHEST_CEILING

    def prices(self) -> PerCoupling:
        """The prices to offer next: the ceiling first, then what the master proposes, held back by `caution`."""
        if self._proposal is None:
            return self.ceiling_prices
        proposed = self._proposed()
        if self._best_prices is None or np.isinf(self._bounds.upper):
            return proposed
        return self._caution * self._best_prices + (1.0 - self._caution) * proposed

    def add(self, answers: Sequence[OracleResponse]) -> None:
        """Adds possible plans of the groups that are no best replies, such as the self-sufficient ones."""
        for group, answer in enumerate(answers):
            self._master.add(group, answer.grams / self._scales.grams, answer.supply * self._unit)

    def receive(self, prices: PerCoupling, answers: Sequence[OracleResponse], *, complete: bool = True) -> Bounds:
        """Takes the groups' answers to `prices` and returns the bounds after this round.

        `complete` is false when a lost reply was replaced by an older one: the cut stays valid, because an old
        reply is still something the node can do, but the sum is no longer a minimum and proves no lower bound.
        """
        self.add(answers)
        if complete:
            self._raise_lower(prices, answers)
        try:
            self._proposal = self._master.propose()
        except MasterError:
            if self._proposal is None:
                raise
            self._proposal = self._kept(self._proposal)
        if self._proposal.shortfall <= ROUNDING:
            upper = min(self._bounds.upper, self._proposal.grams * self._scales.grams)
            self._bounds = Bounds(lower=self._bounds.lower, upper=upper)
        elif np.allclose(prices, self._proposed(), rtol=1e-6, atol=0.0):
            self._lift()
        self._history.append(self._bounds)
        return self._bounds

    @property
    def stalled(self) -> bool:
        """Whether the master program has reached the end of its precision; bounds so far stay certified."""
        return self._stalled

    def weights(self) -> tuple[Weights, ...]:
        """For every group the weights of its answers. Raises ValueError before the first round."""
        if self._proposal is None:
            raise ValueError("weights exist only after the first round")
        return self._proposal.weights

    def restart(self) -> None:
        """Forgets the cuts, because a node became self-sufficient and old sums still hold its trades.

        Lower bounds stay true: taking choices from a node cannot lower the optimum. Upper bounds do not.
        """
        self._bounds = Bounds(lower=self._bounds.lower, upper=np.inf)
        self._open()

    def _raise_lower(self, prices: PerCoupling, answers: Sequence[OracleResponse]) -> None:
        value = sum(_value(answer, prices) for answer in answers) + float(prices @ self._least)
        if value > self._bounds.lower:
            self._bounds = Bounds(lower=value, upper=self._bounds.upper)
            self._best_prices = prices

    def _kept(self, last: Proposal) -> Proposal:
        """The last mixture still stands when the master fails: the newest answers just take no part in it."""
        self._stalled = True
        return replace(last, weights=tuple(np.append(mine, 0.0) for mine in last.weights))

    def _proposed(self) -> PerCoupling:
        assert self._proposal is not None
        return self._proposal.prices * self._scales.prices

    def _lift(self) -> None:
        """Raises the ceiling: the dearest prices were offered and still bring too little supply."""
        self._ceiling *= CEILING_FACTOR
        self._master.raise_ceiling(CEILING_FACTOR)
        self._proposal = self._master.propose()


def _value(answer: OracleResponse, prices: PerCoupling) -> float:
    """Emissions less payments: the group's part of the Lagrangian."""
    return answer.least_value if answer.least_value is not None else answer.grams - float(prices @ answer.supply)
