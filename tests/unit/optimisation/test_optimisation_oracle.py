"""The exact solver against a second, naive solver written from the description alone."""

import os

import pytest

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.model.solvers import Backend
from sunward.optimisation.problem.solution import Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import as_document, instance
from support.optimisation.oracle import judge

INSTANCES = int(os.environ.get("SUNWARD_OPTIMISATION_INSTANCES", "500"))
"""Small instances judged by the oracle; a larger number looks further."""
BLOCK = 25


def close(left: float, right: float) -> bool:
    """Equal to the precision that the format promises."""
    return abs(left - right) <= 1e-6 * abs(right) + 1e-7


@pytest.mark.parametrize("first", range(0, INSTANCES, BLOCK))
def test_small_instances_have_the_optimum_that_the_oracle_finds(first: int) -> None:
    for seed in range(first, min(first + BLOCK, INSTANCES)):
        problem = instance(seed, limits=seed % 2 == 1)
        truth = judge(as_document(problem))
        found = solve_exact(problem)
        greedy = solve_greedy(problem)
        assert verify(problem, found, reference=greedy) == (), seed
        if truth.objective is None:
            assert found.status is Status.INFEASIBLE, seed
            assert greedy.status is Status.INFEASIBLE, seed
            continue
        assert found.status is Status.OPTIMAL, seed
        assert found.objective_grams is not None
        assert found.lower_bound_grams is not None
        assert truth.is_close(found.objective_grams), seed
        assert found.lower_bound_grams <= truth.objective * (1 + 1e-6) + 1e-7, seed
        assert verify(problem, greedy) == (), seed


@pytest.mark.parametrize("seed", range(12))
def test_larger_instances_have_the_optimum_that_the_oracle_finds(seed: int) -> None:
    problem = instance(seed, nodes=5, periods=6, limits=seed % 2 == 1)
    truth = judge(as_document(problem))
    found = solve_exact(problem)
    assert (found.objective_grams is None) == (truth.objective is None)
    if found.objective_grams is not None:
        assert truth.is_close(found.objective_grams)


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_highs_and_gscip_agree(first: int) -> None:
    for seed in range(first, first + 15):
        problem = instance(seed)
        one, other = (solve_exact(problem, backend=backend) for backend in (Backend.HIGHS, Backend.GSCIP))
        assert one.status is other.status, seed
        if one.objective_grams is not None and other.objective_grams is not None:
            assert close(one.objective_grams, other.objective_grams), seed
