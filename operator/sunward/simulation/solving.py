"""A solving function behind the port that planning and settlement ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution

Solve = Callable[..., Solution]
"""From a problem to its solution; takes a plan to `start` from, too, where the caller knows one."""


@dataclass(frozen=True, slots=True)
class SolverFunction:
    """The planner's solver in a simulation; who made the function decided which solver it is."""

    function: Solve

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        """Solve with the function's own limits: a limit of wall time would make a simulation depend on the machine."""
        del solver, time_limit_seconds
        return self.function(problem) if start is None else self.function(problem, start=start)
