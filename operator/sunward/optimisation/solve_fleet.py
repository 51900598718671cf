"""A fleet as columns, planned by prices; where these lead to no plan and the fleet is small, by the exact model.

So that an infeasible fleet ends in reasons, and a feasible one in a plan, whatever its choices do to the prices and
whether or not its nodes can reply in closed form.
"""

import time

import numpy as np

from sunward.optimisation.decomposition.columnar import Columns
from sunward.optimisation.decomposition.columnar_rows import plan_of, to_problem
from sunward.optimisation.decomposition.columns import ColumnSolution, solve_columns
from sunward.optimisation.decomposition.errors import MasterError, NoWholePlanError, UnsupportedError
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import SolveError, solve_exact

SMALL_FLEET = 1000
"""Nodes up to which the exact model is a way out."""


def solve_fleet(columns: Columns, *, time_limit_seconds: float = 60.0) -> ColumnSolution:
    """As `solve_columns`; raises its errors for large fleets only, and those of wrong columns."""
    began = time.perf_counter()
    columns.checked()
    try:
        return solve_columns(columns, time_limit_seconds=time_limit_seconds)
    except (MasterError, NoWholePlanError, UnsupportedError):
        left = time_limit_seconds - (time.perf_counter() - began)
        if len(columns) > SMALL_FLEET or left <= 0:
            raise
        found = _exact(columns, left)
        if found is None:
            raise
        return _by_columns(columns, found, time.perf_counter() - began)


def _exact(columns: Columns, seconds: float) -> Solution | None:
    try:
        return solve_exact(to_problem(columns), time_limit_seconds=seconds)
    except SolveError:
        return None


def _by_columns(columns: Columns, found: Solution, seconds: float) -> ColumnSolution:
    prices = found.prices.energy_grams_per_watt_hour
    return ColumnSolution(
        status=found.status,
        plan=None if found.objective_grams is None else plan_of(columns, found),
        lower_bound_grams=found.lower_bound_grams,
        relative_gap=found.relative_gap,
        energy_price=np.array(
            [prices.get(f"pool {index}", (0.0,))[0] for index in range(len(columns.pool_efficiency))]
        ),
        task_price=0.0,
        asleep_price=0.0,
        offload_cap_grams=sum(found.prices.offload_cap_grams.values()),
        rounds=0,
        history=(),
        build_seconds=0.0,
        solve_seconds=seconds,
        infeasible_because=found.infeasible_because,
    )
