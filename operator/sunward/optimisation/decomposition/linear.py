"""Nodes that answer prices with a small linear program: several periods, batteries, several jobs or pools.

Each block of nodes holds its own part of the model and its own solver, started warm every round because only prices
change. Integers are relaxed while prices move; afterwards every block chooses its integers at the final prices, which
also lifts the lower bound, and prices run once more with these choices held. Knows blocks, not the problem's words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ortools.math_opt.python import mathopt

from sunward.optimisation.decomposition.columnar import Flags
from sunward.optimisation.decomposition.coordinator import OracleResponse
from sunward.optimisation.decomposition.errors import BlockError, InfeasibleBlockError
from sunward.optimisation.decomposition.master import PerCoupling, Weights
from sunward.optimisation.decomposition.rounds import Effort
from sunward.optimisation.decomposition.split import Block, Split
from sunward.optimisation.decomposition.warm import NoAnswer, solve_again
from sunward.optimisation.model.matrix import Arrays, Integers, PerColumn, dual_bound, scaled
from sunward.optimisation.model.solvers import Backend, Outcome, solve_model

CHOICE_GAP = 1e-8
"""Relative gap of a block's choice of integers: far below what the sum over all blocks is certified to."""


class BlockSolver:
    """One block's reply to prices. Its net supplies are columns of their own, so a round changes only their cost."""

    def __init__(self, block: Block, rows: int, grams: float) -> None:
        self._block = block
        self._rows = np.unique(block.supply_rows)
        self._scaled = scaled(_with_supply_columns(block, self._rows), grams)
        relaxed = replace(self._scaled.model, integer=np.zeros_like(self._scaled.model.integer))
        self._scaled = replace(self._scaled, model=relaxed)
        self._model = _model(relaxed)
        self._variables = list(self._model.variables())
        self._constraints = list(self._model.linear_constraints())
        self._solver = mathopt.IncrementalSolver(self._model, mathopt.SolverType.GLOP)
        self._dimensions = rows

    def answer(self, prices: PerCoupling) -> tuple[OracleResponse, PerColumn]:
        """The block's sums at the prices, and its own plan (private: values of its columns)."""
        model = self._priced(prices)
        for variable, cost in zip(self._supplies(), model.cost[self._own() :].tolist(), strict=True):
            self._model.objective.set_linear_coefficient(variable, cost)
        result = self._solve()
        values = np.array(result.variable_values(self._variables)) * self._scaled.unit
        duals = np.array(result.dual_values(self._constraints))
        plan = np.clip(values[: self._own()], self._block.model.lower, self._block.model.upper)
        answer = OracleResponse(
            grams=float(self._block.model.cost @ plan),
            supply=self._supply(plan),
            least_value=dual_bound(model, duals) * self._scaled.cost_unit,
        )
        return answer, plan

    def _own(self) -> int:
        return len(self._block.columns)

    def _supplies(self) -> Sequence[mathopt.Variable]:
        return self._variables[self._own() :]

    def _supply(self, plan: PerColumn) -> PerCoupling:
        amounts = self._block.supply_values * plan[self._block.supply_columns]
        return np.bincount(self._block.supply_rows, weights=amounts, minlength=self._dimensions).astype(np.float64)

    def _priced(self, prices: PerCoupling) -> Arrays:
        cost = self._scaled.model.cost.copy()
        units = self._scaled.unit[self._own() :]
        cost[self._own() :] = -prices[self._rows] * units / self._scaled.cost_unit
        return replace(self._scaled.model, cost=cost)

    def _solve(self) -> mathopt.SolveResult:
        result = solve_again(self._model, self._solver)
        if not isinstance(result, NoAnswer):
            return result
        if result.is_infeasible:
            raise InfeasibleBlockError("a block of nodes has no plan of its own")
        raise BlockError(f"block: {result.message}")


def _model(arrays: Arrays) -> mathopt.Model:
    model = mathopt.Model(name="block")
    bounds = zip(arrays.lower.tolist(), arrays.upper.tolist(), strict=True)
    variables = [model.add_variable(lb=lower, ub=upper) for lower, upper in bounds]
    sides = zip(arrays.row_lower.tolist(), arrays.row_upper.tolist(), strict=True)
    rows = [model.add_linear_constraint(lb=lower, ub=upper) for lower, upper in sides]
    for row, column, value in zip(arrays.rows.tolist(), arrays.columns.tolist(), arrays.values.tolist(), strict=True):
        rows[row].set_coefficient(variables[column], value)
    for variable, cost in zip(variables, arrays.cost.tolist(), strict=True):
        model.objective.set_linear_coefficient(variable, cost)
    return model


def _with_supply_columns(block: Block, rows: Integers) -> Arrays:
    """The block's model with one more column and row per priced row: the column is the block's net supply."""
    model, count = block.model, len(rows)
    reach = np.zeros(count)
    place = np.searchsorted(rows, block.supply_rows)
    np.add.at(reach, place, np.abs(block.supply_values) * model.upper[block.supply_columns])
    own, height = len(model.lower), len(model.row_lower)
    return Arrays(
        lower=np.concatenate([model.lower, -reach]),
        upper=np.concatenate([model.upper, reach]),
        cost=np.concatenate([model.cost, np.zeros(count)]),
        integer=np.concatenate([model.integer, np.zeros(count, np.bool_)]),
        row_lower=np.concatenate([model.row_lower, np.zeros(count)]),
        row_upper=np.concatenate([model.row_upper, np.zeros(count)]),
        rows=np.concatenate([model.rows, height + place, height + np.arange(count)]),
        columns=np.concatenate([model.columns, block.supply_columns, own + np.arange(count)]),
        values=np.concatenate([model.values, block.supply_values, np.full(count, -1.0)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """The blocks with their integers fixed, a lower bound that took them into account, and each block's own plan."""

    split: Split
    lower: float
    values: tuple[PerColumn, ...]


class LinearFleet:
    """All blocks behind the protocol: prices in, sums out, plans kept for the recovery."""

    def __init__(self, split: Split, *, scales: PerCoupling, grams: float) -> None:
        self._split = split
        self._scales = scales
        self._solvers = [BlockSolver(block, len(split.least), grams) for block in split.blocks]
        self._plans: list[list[PerColumn]] = [[] for _ in split.blocks]

    @property
    def group_count(self) -> int:
        """One group per block."""
        return len(self._split.blocks)

    @property
    def least(self) -> PerCoupling:
        """What the net supply to each priced row must reach."""
        return self._split.least

    @property
    def price_scales(self) -> PerCoupling:
        """A price of each row that no node would pay, as long as capacity is not short."""
        return self._scales

    @property
    def exact_rows(self) -> Flags:
        """Which rows balance exactly, (rows,): pools and jobs, so that nothing is stored for work that never comes."""
        return self._split.exact

    def opening(self) -> tuple[OracleResponse, ...]:
        """None: whether a block can stand alone shows in its first answer."""
        return ()

    def answer(self, prices: PerCoupling) -> tuple[OracleResponse, ...]:
        """Every block's sums at the prices; raises `BlockError`."""
        answers = []
        for solver, plans in zip(self._solvers, self._plans, strict=True):
            answer, plan = solver.answer(prices)
            answers.append(answer)
            plans.append(plan)
        return tuple(answers)

    def values(self, weights: Sequence[Weights], size: int) -> PerColumn:
        """The whole model's `size` columns as the weighted mixture of each block's plans."""
        whole = np.zeros(size)
        for block, plans, mine in zip(self._split.blocks, self._plans, weights, strict=True):
            for weight, plan in zip(mine.tolist(), plans, strict=True):
                if weight > 0:
                    whole[block.columns] += weight * plan
        return whole


def choose(split: Split, prices: PerCoupling, effort: Effort, *, grams: float) -> Chosen | None:
    """Every block's best integers at the prices, and the bound of these replies; None where the time is too short.

    Raises `InfeasibleBlockError` where a block has no plan with whole choices.
    """
    lower = float(prices @ split.least)
    blocks: list[Block] = []
    values: list[PerColumn] = []
    for block in split.blocks:
        paid = np.bincount(
            block.supply_columns,
            weights=block.supply_values * prices[block.supply_rows],
            minlength=len(block.columns),
        )
        model = replace(block.model, cost=block.model.cost - paid)
        answer = solve_model(scaled(model, grams), Backend.HIGHS, seconds=effort.seconds_left, relative_gap=CHOICE_GAP)
        if answer.outcome is Outcome.INFEASIBLE:
            raise InfeasibleBlockError("a block of nodes has no plan with whole choices")
        if answer.values is None or answer.outcome not in (Outcome.OPTIMAL, Outcome.FEASIBLE):
            return None
        lower += answer.bound
        whole = np.where(model.integer, np.round(answer.values), answer.values)
        values.append(whole)
        held = replace(
            block.model,
            lower=np.where(model.integer, whole, model.lower),
            upper=np.where(model.integer, whole, model.upper),
            integer=np.zeros_like(model.integer),
        )
        blocks.append(replace(block, model=held))
    return Chosen(split=replace(split, blocks=tuple(blocks)), lower=lower, values=tuple(values))
