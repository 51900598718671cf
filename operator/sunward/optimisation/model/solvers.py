"""The only door to OR-Tools: solve one scaled model with one solver, and report what happened as a value.

Statuses are read before any number; a solver that fails is an answer (`Answer.reason`), never an exception. One thread.
"""

import contextlib
import ctypes
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from sunward.optimisation.model.matrix import Arrays, PerColumn, PerRow, Scaled, dual_bound

TOLERANCE = 1e-9
"""Feasibility and optimality tolerance asked of every solver, in scaled units."""


class Backend(StrEnum):
    """Solvers in use: GLOP for linear models, HiGHS for integers, GSCIP to check or replace HiGHS."""

    GLOP = "glop"
    HIGHS = "highs"
    GSCIP = "gscip"


class Outcome(StrEnum):
    """What one solver said about one model."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"
    FAILED = "failed"


_TYPES = {
    Backend.GLOP: mathopt.SolverType.GLOP,
    Backend.HIGHS: mathopt.SolverType.HIGHS,
    Backend.GSCIP: mathopt.SolverType.GSCIP,
}
_OUTCOMES = {
    mathopt.TerminationReason.OPTIMAL: Outcome.OPTIMAL,
    mathopt.TerminationReason.FEASIBLE: Outcome.FEASIBLE,
    mathopt.TerminationReason.INFEASIBLE: Outcome.INFEASIBLE,
    mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED: Outcome.INFEASIBLE,
    mathopt.TerminationReason.NO_SOLUTION_FOUND: Outcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """One solver's answer in natural units; `values` and `duals` are None where it gave none.

    `bound` is a lower bound on the optimum, minus infinity where none is known. For linear models it is recomputed
    from the duals and so holds whatever the solver claims.
    """

    outcome: Outcome
    reason: str
    values: PerColumn | None = None
    duals: PerRow | None = None
    bound: float = -math.inf


def solve_model(
    scaled: Scaled,
    backend: Backend,
    *,
    seconds: float,
    relative_gap: float = 0.0,
    hint: PerColumn | None = None,
    node_limit: int | None = None,
) -> Answer:
    """Solve within `seconds`; integers are respected except by GLOP, which solves the relaxation.

    `node_limit` ends a search for integers after so many nodes of its tree. `hint` holds values in natural units from
    which GSCIP starts; the other solvers take none.
    """
    if seconds <= 0:
        return Answer(outcome=Outcome.UNKNOWN, reason="no time left")
    began, relaxed = time.perf_counter(), backend is Backend.GLOP
    try:
        model = mathopt.Model.from_model_proto(_proto(scaled.model, relaxed=relaxed))
        start = _start(model, scaled, hint) if backend is Backend.GSCIP and hint is not None else None
        left = max(seconds - (time.perf_counter() - began), 1e-3 * seconds)  # a large model takes time to hand over
        parameters = _parameters(backend, left, relative_gap)
        parameters.node_limit = None if relaxed else node_limit
        with _silence() if backend is Backend.HIGHS else contextlib.nullcontext():
            result = mathopt.solve(model, _TYPES[backend], params=parameters, model_params=start)
        return _answer(scaled, model, result, linear=relaxed or not scaled.model.integer.any())
    except Exception as error:  # a status that cannot be represented surfaces as AttributeError, others as RuntimeError
        return Answer(outcome=Outcome.FAILED, reason=f"{backend}: {type(error).__name__}: {error}"[:200])


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Send what native code prints to standard error: HiGHS writes stray lines to standard output, where answers go."""
    library = ctypes.CDLL(None)
    library.fflush(None)
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        library.fflush(None)  # native output is buffered
        os.dup2(kept, 1)
        os.close(kept)


def _start(model: mathopt.Model, scaled: Scaled, hint: PerColumn) -> mathopt.ModelSolveParameters:
    values = dict(zip(model.variables(), (hint / scaled.unit).tolist(), strict=True))
    return mathopt.ModelSolveParameters(solution_hints=[mathopt.SolutionHint(variable_values=values)])


def _proto(model: Arrays, *, relaxed: bool) -> model_pb2.ModelProto:
    proto = model_pb2.ModelProto()
    count = len(model.lower)
    proto.variables.ids.extend(range(count))
    proto.variables.lower_bounds.extend(model.lower.tolist())
    proto.variables.upper_bounds.extend(model.upper.tolist())
    proto.variables.integers.extend([False] * count if relaxed else model.integer.tolist())
    priced = np.flatnonzero(model.cost)
    proto.objective.linear_coefficients.ids.extend(priced.tolist())
    proto.objective.linear_coefficients.values.extend(model.cost[priced].tolist())
    proto.linear_constraints.ids.extend(range(len(model.row_lower)))
    proto.linear_constraints.lower_bounds.extend(model.row_lower.tolist())
    proto.linear_constraints.upper_bounds.extend(model.row_upper.tolist())
    order = np.lexsort((model.columns, model.rows))
    proto.linear_constraint_matrix.row_ids.extend(model.rows[order].tolist())
    proto.linear_constraint_matrix.column_ids.extend(model.columns[order].tolist())
    proto.linear_constraint_matrix.coefficients.extend(model.values[order].tolist())
    return proto


def _parameters(backend: Backend, seconds: float, relative_gap: float) -> mathopt.SolveParameters:
    parameters = mathopt.SolveParameters(time_limit=timedelta(seconds=seconds))
    if backend is Backend.GLOP:
        parameters.glop.primal_feasibility_tolerance = TOLERANCE
        parameters.glop.dual_feasibility_tolerance = TOLERANCE
        return parameters
    parameters.relative_gap_tolerance = relative_gap
    parameters.absolute_gap_tolerance = relative_gap / 10
    if backend is Backend.HIGHS:
        parameters.highs.int_options["threads"] = 1  # the common `threads` parameter is refused by HiGHS
        for name in ("mip_feasibility_tolerance", "primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            parameters.highs.double_options[name] = TOLERANCE
    else:
        parameters.cuts = mathopt.Emphasis.LOW  # more of them took longer on every cluster tried
        parameters.gscip.real_params["numerics/feastol"] = TOLERANCE
    return parameters


def _answer(scaled: Scaled, model: mathopt.Model, result: mathopt.SolveResult, *, linear: bool) -> Answer:
    termination = result.termination
    outcome = _OUTCOMES.get(termination.reason, Outcome.FAILED)
    reason = f"{termination.reason.name.lower()} {termination.detail}".strip()[:200]
    if outcome not in (Outcome.OPTIMAL, Outcome.FEASIBLE, Outcome.UNKNOWN):
        return Answer(outcome=outcome, reason=reason)
    variables = list(model.variables())
    found = result.has_primal_feasible_solution()
    values = np.array(result.variable_values(variables)) if found else None
    duals = None
    bound = termination.objective_bounds.dual_bound
    if linear and result.has_dual_feasible_solution():
        duals = np.array(result.dual_values(list(model.linear_constraints())))
        bound = dual_bound(scaled.model, duals)
    return Answer(
        outcome=outcome if found else Outcome.UNKNOWN,
        reason=reason,
        values=None if values is None else values * scaled.unit,
        duals=None if duals is None else duals * scaled.cost_unit / scaled.row_unit,
        bound=bound * scaled.cost_unit,
    )
