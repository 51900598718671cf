"""What planning needs from elsewhere, declared where it is consumed."""

from __future__ import annotations

from typing import Protocol

from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution


class SolverPort(Protocol):
    """Solves planning problems; its answers are verified, and a problem that passes its check never makes it raise."""

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        """Best plan found within the limit; `infeasible` and `fallback` are answers. `start` says when nodes are on in
        a plan that is known: where it is possible, the answer is not worse."""
