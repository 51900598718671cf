"""The master problem of the coordinator: a small linear program over prices, built from the groups' answers.

max  sum_g theta_g + prices . least   subject to   theta_g <= grams - prices . supply  for every answer of group g,
0 <= prices <= ceiling (|prices| <= ceiling for rows that must be met exactly). Its value bounds the optimum from
above as long as no ceiling binds; the multipliers of the cuts say with what weights the answers mix to a plan that
meets every coupling row. Knows no node.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt.python import mathopt

from sunward.optimisation.decomposition.columnar import Flags
from sunward.optimisation.decomposition.errors import MasterError
from sunward.optimisation.decomposition.warm import NoAnswer, solve_again

PerCoupling = NDArray[np.float64]
"""One number for each coupling row, (rows,): the constraints that tie groups of nodes together."""
Weights = NDArray[np.float64]
"""What part each reply of one group has in a mixture, (replies,) in the order they came; they sum to 1."""

DUST = 1e-13
"""Scaled supplies below this are rounding of zero, which GLOP would take for a coefficient."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """Prices that the cuts so far call best, and the cheapest mixture of answers (weights, emissions) they imply."""

    prices: PerCoupling
    grams: float
    weights: tuple[Weights, ...]
    shortfall: float
    """By how much the mixture misses the worst coupling row, scaled; 0 or less when it meets all."""


class Master:
    """Collects cuts and proposes prices. All amounts are scaled by the caller to be near 1.

    `least`, `ceiling` and `exact` are (rows,), one entry per coupling row. The linear program is the dual of Dantzig
    and Wolfe's restricted master (Decomposition principle for linear programs, Operations Research 8, 1960).
    """

    def __init__(self, *, groups: int, least: PerCoupling, ceiling: PerCoupling, exact: Flags) -> None:
        self._model = mathopt.Model(name="prices")
        self._values = [self._model.add_variable(lb=-np.inf) for _ in range(groups)]
        self._prices = [
            self._model.add_variable(lb=-float(limit) if signed else 0.0, ub=float(limit))
            for limit, signed in zip(ceiling.tolist(), exact.tolist(), strict=True)
        ]
        self._exact = exact
        self._cuts: list[list[mathopt.LinearConstraint]] = [[] for _ in range(groups)]
        self._grams: list[list[float]] = [[] for _ in range(groups)]
        self._supply: list[list[PerCoupling]] = [[] for _ in range(groups)]
        self._least = least
        self._model.maximize(
            mathopt.fast_sum(
                [*self._values, *(float(need) * price for need, price in zip(least, self._prices, strict=True))]
            )
        )
        self._solver = mathopt.IncrementalSolver(self._model, mathopt.SolverType.GLOP)

    def add(self, group: int, grams: float, supply: PerCoupling) -> None:
        """Adds one answer of a group: its emissions and its net supply to each coupling row."""
        supply = np.where(np.abs(supply) < DUST, 0.0, supply)
        self._grams[group].append(grams)
        self._supply[group].append(supply)
        sides = [
            self._values[group],
            *(float(amount) * price for amount, price in zip(supply, self._prices, strict=True)),
        ]
        self._cuts[group].append(self._model.add_linear_constraint(mathopt.fast_sum(sides) <= grams))

    def raise_ceiling(self, factor: float) -> None:
        """Lets prices grow; needed where capacity is so short that work is worth more than any energy."""
        for price in self._prices:
            price.upper_bound *= factor
            price.lower_bound *= factor

    def propose(self) -> Proposal:
        """Solves the master; raises `MasterError` unless it is optimal. Every group needs at least one answer."""
        result = solve_again(self._model, self._solver)
        if isinstance(result, NoAnswer):
            raise MasterError(f"master program: {result.message}")
        weights = tuple(_normalised(result.dual_values(cuts)) for cuts in self._cuts)
        supply = sum((mine @ np.array(all_) for mine, all_ in zip(weights, self._supply, strict=True)), -self._least)
        prices = np.array(result.variable_values(self._prices))
        return Proposal(
            prices=prices if self._exact.any() else np.maximum(prices, 0.0),
            grams=sum(float(mine @ np.array(all_)) for mine, all_ in zip(weights, self._grams, strict=True)),
            weights=weights,
            shortfall=float(np.max(np.where(self._exact, np.abs(supply), -supply), initial=-np.inf)),
        )


def _normalised(duals: Sequence[float]) -> Weights:
    """The multipliers of a group's cuts as weights; a solver's rounding below zero is cut off."""
    weights = np.maximum(np.array(duals), 0.0)
    return np.asarray(weights / weights.sum())
