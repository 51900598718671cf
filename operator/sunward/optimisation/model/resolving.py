"""A linear model solved again and again with other bounds of a few columns, each time from the last basis.

MathOpt reads the whole basis back into Python objects after every solve, which takes ten times as long as the solve;
this interface of the same solver does not. One thread; the same questions in the same order give the same answers.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from ortools.linear_solver import pywraplp

from sunward.optimisation.model.matrix import Floats, Integers, Scaled

MILLISECONDS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reply:
    """Optimum under the bounds asked for: its cost in grams, and by column the value and grams per unit of it.

    For columns with a fixed value the `slopes` are a subgradient: no other values cost less than they say.
    """

    cost: float
    values: Floats  # (columns,)
    slopes: Floats  # (columns,)


class Resolver:
    """The relaxation of a scaled model, whose `columns` are given other bounds in every question."""

    def __init__(self, model: Scaled, columns: Integers) -> None:
        """Hand the model to GLOP once; `columns`, (columns,), keep their unit of one."""
        self._cost_unit = model.cost_unit
        factory: Any = pywraplp.Solver
        self._solver = factory.CreateSolver("GLOP")
        variables = _variables(self._solver, model)
        _add_rows(self._solver, model, variables)
        self._columns = [variables[column] for column in columns.tolist()]
        self._parameters = _parameters()
        self._bounds: list[tuple[float, float] | None] = [None] * len(self._columns)
        self.solves = 0

    def solve(self, lower: Floats, upper: Floats, *, seconds: float) -> Reply | None:
        """The optimum with the columns between these bounds, (columns,); None where none is found in the time."""
        if seconds <= 0:
            return None
        for index, bounds in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
            if self._bounds[index] != bounds:
                self._columns[index].SetBounds(*bounds)
                self._bounds[index] = bounds
        self._solver.SetTimeLimit(max(1, int(seconds * MILLISECONDS)))
        self.solves += 1
        if self._solver.Solve(self._parameters) != pywraplp.Solver.OPTIMAL:
            return None
        return Reply(
            cost=self._solver.Objective().Value() * self._cost_unit,
            values=np.array([column.solution_value() for column in self._columns]),
            slopes=np.array([column.ReducedCost() for column in self._columns]) * self._cost_unit,
        )


def _variables(solver: Any, model: Scaled) -> list[Any]:
    arrays, most = model.model, solver.infinity()
    pairs = zip(arrays.lower.tolist(), arrays.upper.tolist(), strict=True)
    variables = [solver.NumVar(low, high if math.isfinite(high) else most, "") for low, high in pairs]
    for column in np.flatnonzero(arrays.cost).tolist():
        solver.Objective().SetCoefficient(variables[column], float(arrays.cost[column]))
    solver.Objective().SetMinimization()
    return variables


def _add_rows(solver: Any, model: Scaled, variables: list[Any]) -> None:
    arrays, most = model.model, solver.infinity()
    sides = zip(np.maximum(arrays.row_lower, -most).tolist(), np.minimum(arrays.row_upper, most).tolist(), strict=True)
    rows = [solver.Constraint(low, high) for low, high in sides]
    for row, column, value in zip(arrays.rows.tolist(), arrays.columns.tolist(), arrays.values.tolist(), strict=True):
        rows[row].SetCoefficient(variables[column], value)


def _parameters() -> Any:
    """Dual simplex from the basis at hand: bounds of columns change, and nothing else. A presolve would forget it."""
    parameters: Any = pywraplp.MPSolverParameters()
    parameters.SetIntegerParam(parameters.PRESOLVE, parameters.PRESOLVE_OFF)
    parameters.SetIntegerParam(parameters.LP_ALGORITHM, parameters.DUAL)
    parameters.SetIntegerParam(parameters.INCREMENTALITY, parameters.INCREMENTALITY_ON)
    return parameters
