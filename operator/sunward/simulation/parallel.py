"""Independent runs: what is sent to another process is named at module level and pickles.

The planner is made in the process that uses it, so that the number of processes never changes an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import SolveError, solve_exact
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import Scenario
from sunward.simulation.simulator import simulate

_PLANNING_GAP = 1e-4
_PLANNING_SECONDS = 60.0
_SHORT = 4
"""Periods up to which the search for integers is short, whatever the problem."""
_LONG_GAP = 1e-3
_NODES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One simulation to do."""

    scenario: Scenario
    policy: str
    seed: int
    first_period: int = 0


def planner(problem: Problem, start: OnPattern | None = None) -> Solution:
    """The exact solver as simulations use it: a plan within 1e-4 of the optimum is good enough to carry out.

    Where nodes sleep for whole periods over a long horizon the search ends after the root of its tree, whatever the
    gap: a limit of time would make the simulation depend on the machine. From a known plan it searches further.

    Where it has no trustworthy answer the greedy plan stands in, as in the operator.
    """
    try:
        return solve_exact(
            problem,
            relative_gap=_PLANNING_GAP if problem.period_count <= _SHORT else _LONG_GAP,
            time_limit_seconds=_PLANNING_SECONDS,
            start=start,
            node_limit=None if problem.period_count <= _SHORT else _NODES,
        )
    except SolveError:
        return solve_greedy(problem)


def run_one(run: Run) -> Outcome:
    """One simulation with a planner of its own."""
    policy = policies(planner)[run.policy]
    return simulate(run.scenario, policy, planner, seed=run.seed, first_period=run.first_period)
