"""Whole batches: every shard complete, every constraint kept, and the loss known."""

from dataclasses import replace

import pytest

from sunward.optimisation.exact.rounding import RoundingError, whole_batches
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import instance, job, node, problem


def pairs(found: Solution) -> dict[tuple[str, str, str, int], float]:
    """Batches by job, home, worker and period."""
    return {(row.job, row.home, row.on, row.period): row.batches for row in found.batches}


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_rounded_plans_are_whole_correct_and_no_better_than_the_bound(first: int) -> None:
    failed = 0
    for seed in range(first, first + 20):
        made = instance(seed, whole=True)
        exact = solve_exact(made)
        if exact.status is Status.INFEASIBLE:
            assert whole_batches(made, exact) is exact
            continue
        try:
            rounded = whole_batches(made, exact)
        except RoundingError:
            failed += 1
            continue
        assert verify(made, rounded) == (), seed
        assert rounded.rounded
        assert rounded.status is Status.FEASIBLE
        assert all(row.batches == round(row.batches) for row in rounded.batches)
        assert rounded.objective_grams is not None
        assert exact.lower_bound_grams is not None
        assert rounded.objective_grams >= exact.lower_bound_grams * (1 - 1e-6) - 1e-7
        assert rounded.lower_bound_grams == pytest.approx(exact.lower_bound_grams, rel=1e-6, abs=1e-9)
    assert failed <= 1


def test_a_pair_in_use_changes_by_at_most_one_batch() -> None:
    made = problem(
        node("a"),
        node("b", "clean"),
        node("c"),
        jobs=(job({"a": 601.0, "c": 7.0}, ("b",), maximum_offload_ratio=0.37),),
    )
    exact = solve_exact(made)
    before, after = pairs(exact), pairs(whole_batches(made, exact))
    assert set(after) <= set(before)
    assert all(abs(after.get(place, 0.0) - before[place]) < 1 for place in before)


def test_the_cap_still_holds_after_rounding() -> None:
    made = problem(node("a"), node("b", "clean"), jobs=(job({"a": 7.0}, ("b",)),))
    rounded = whole_batches(made, solve_exact(made))
    assert sum(row.batches for row in rounded.batches if row.on == "b") == 3


def test_rounds_of_synchronous_jobs_stay_within_a_batch_of_each_other() -> None:
    made = problem(
        node("a"),
        node("b"),
        jobs=(job({"a": 4001.0, "b": 3.0}, synchronous=True),),
        offload_tasks=False,
    )
    rounded = whole_batches(made, solve_exact(made))
    assert verify(made, rounded) == ()
    assert sum(row.batches for row in rounded.batches) == 4004


def test_a_shard_that_is_not_whole_is_refused() -> None:
    made = problem(node("a"), jobs=(job({"a": 10.5}),))
    with pytest.raises(RoundingError, match=r"10\.5 batches on a"):
        whole_batches(made, solve_exact(made))


def test_a_fallback_stays_a_fallback() -> None:
    made = problem(node("a"), jobs=(job({"a": 10.0}),))
    fallback = replace(solve_exact(made), status=Status.FALLBACK, fallback="crash")
    rounded = whole_batches(made, fallback)
    assert (rounded.status, rounded.fallback) == (Status.FALLBACK, "crash")
