"""Independent runs: what is sent to another process is named at module level and pickles.

The planner is made in the process that uses it, so that the number of processes never changes an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import SolveError, solve_exact
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import Scenario
from sunward.simulation.simulator import simulate

_PLANNING_GAP = 1e-4
_PLANNING_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One simulation to do."""

    scenario: Scenario
    policy: str
    seed: int
    first_period: int = 0


def planner(problem: Problem) -> Solution:
    """The exact solver as simulations use it: a plan within 1e-4 of the optimum is good enough to carry out.

    Where it has no trustworthy answer the greedy plan stands in, as in the operator.
    """
    try:
        return solve_exact(problem, relative_gap=_PLANNING_GAP, time_limit_seconds=_PLANNING_SECONDS)
    except SolveError:
        return solve_greedy(problem)


def run_one(run: Run) -> Outcome:
    """One simulation with a planner of its own."""
    policy = policies(planner)[run.policy]
    return simulate(run.scenario, policy, planner, seed=run.seed, first_period=run.first_period)
