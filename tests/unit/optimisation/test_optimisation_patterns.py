"""The search for when nodes are on: what it may propose, what it must keep, and that its answer is a plan."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunward.optimisation.exact import search
from sunward.optimisation.exact.moves import moves, spans
from sunward.optimisation.exact.on_off import SleepRules
from sunward.optimisation.exact.patterns import PatternSearch, pattern_search
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.model.build import build
from sunward.optimisation.problem.instance import Node, Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import job, node, problem

PERIODS = 8
AN_HOUR = 3600.0
PATTERNS = st.lists(st.lists(st.booleans(), min_size=PERIODS, max_size=PERIODS), min_size=3, max_size=3)
RULES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.booleans(), st.none() | st.integers(0, 3))


def a_day() -> Problem:
    """Three nodes; the grid of the dirty two is clean for a while at noon, and half of the work may leave them."""
    dirty = (600.0, 600.0, 500.0, 80.0, 60.0, 400.0, 600.0, 600.0)
    none = (0.0,) * PERIODS
    made = problem(
        node("a", "clean", harvest=none),
        node("b", harvest=none),
        node("c", harvest=(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)),
        jobs=(job({"a": 2000.0, "b": 2000.0, "c": 2000.0}, deadline_period=PERIODS, synchronous=True),),
        intensity_grams_per_kilowatt_hour={"clean": (120.0,) * PERIODS, "dirty": dirty},
        maximum_asleep_nodes=2,
    )
    return replace(made, policy=replace(made.policy, partial_period_sleep=False))


def a_search(made: Problem, *, limit: int = 200) -> PatternSearch:
    return pattern_search(build(made), 10.0, limit=limit, left=lambda: AN_HOUR)


def grams(found: Solution) -> float:
    assert found.objective_grams is not None
    return found.objective_grams


def rules_of(least_on: int, least_off: int, awake: bool, sleeps: int | None) -> SleepRules:
    made: list[Node] = [
        node(
            name,
            minimum_awake_periods=least_on,
            minimum_asleep_periods=least_off,
            initially_awake=awake,
            maximum_sleeps=sleeps,
        )
        for name in "abc"
    ]
    return SleepRules(nodes=made, most_asleep=2)


@given(pattern=PATTERNS, rules=RULES)
def test_a_mended_pattern_fits_and_only_adds_time_awake(
    pattern: list[list[bool]], rules: tuple[int, int, bool, int | None]
) -> None:
    given_pattern, allowed = np.array(pattern), rules_of(*rules)
    mended = allowed.mended(given_pattern)
    assert allowed.fits(mended)
    assert (mended | ~given_pattern).all()
    if allowed.fits(given_pattern):
        assert (mended == given_pattern).all()


@settings(max_examples=30)
@given(pattern=PATTERNS, rules=RULES, seed=st.integers(0, 99))
def test_proposed_changes_fit_the_rules_and_promise_a_gain_the_largest_first(
    pattern: list[list[bool]], rules: tuple[int, int, bool, int | None], seed: int
) -> None:
    allowed = rules_of(*rules)
    now = allowed.mended(np.array(pattern))
    slopes = np.random.default_rng(seed).normal(size=now.shape)
    promises = []
    for other in moves(now, slopes, allowed, spans(PERIODS)):
        assert allowed.fits(other)
        promises.append(float(np.sum((other.astype(float) - now) * slopes)))
    assert promises == pytest.approx(sorted(promises))
    assert all(promise < 0 for promise in promises)


def test_slopes_bound_what_any_other_pattern_emits() -> None:
    search = a_search(a_day())
    rng = np.random.default_rng(0)
    on = np.ones(search.shape)
    base = search.resolver.solve(on.ravel(), on.ravel(), seconds=AN_HOUR)
    assert base is not None
    for _ in range(20):
        other = (rng.random(search.shape) < 0.8).astype(float)
        found = search.resolver.solve(other.ravel(), other.ravel(), seconds=AN_HOUR)
        if found is not None:
            assert found.cost >= base.cost + float(base.slopes @ (other - on).ravel()) - 1e-6


def test_the_search_finds_the_proven_optimum_of_a_small_day() -> None:
    made = a_day()
    proven, searched = solve_exact(made), solve_exact(made, node_limit=1)
    assert "patterns" in str(searched.method)
    assert verify(made, searched) == ()
    assert grams(searched) == pytest.approx(grams(proven), rel=1e-6)
    assert grams(searched) < 0.9 * grams(solve_greedy(made))


def test_the_same_question_has_the_same_answer_and_more_effort_is_never_worse() -> None:
    found = []
    for limit in (20, 60, 60, 200):
        search = a_search(a_day(), limit=limit)
        search.run([])
        found.append(search.grams)
        assert search.resolver.solves <= limit
    assert found[1] == found[2]
    assert found == sorted(found, reverse=True)


def test_a_pattern_to_begin_with_bounds_the_answer() -> None:
    """Also where no effort is left for more than to look at it."""
    noon = np.ones((3, PERIODS), dtype=np.bool_)
    noon[1:, :2] = noon[1:, 6:] = False
    alone = a_search(a_day(), limit=2)
    alone.run([noon])
    assert alone.best is not None
    assert (alone.best == noon).all()
    searched = a_search(a_day())
    searched.run([noon])
    assert searched.grams <= alone.grams


@pytest.mark.parametrize("sleeps", [0, 1, 2])
def test_a_node_sleeps_no_more_times_than_it_may(sleeps: int) -> None:
    """Every second period is dirty: without the limit the nodes would sleep in each of them."""
    striped = (600.0, 20.0) * (PERIODS // 2)
    made = a_day()
    made = replace(
        made,
        nodes=tuple(replace(each, maximum_sleeps=sleeps) for each in made.nodes),
        intensity_grams_per_kilowatt_hour={"clean": (120.0,) * PERIODS, "dirty": striped},
    )
    for found in (solve_exact(made), solve_exact(made, node_limit=1), solve_greedy(made)):
        assert verify(made, found) == ()
        for row in found.nodes:
            assert sum(was and not now for was, now in zip((True, *row.on), row.on, strict=False)) <= sleeps


def test_a_home_hands_over_no_more_than_it_has_left() -> None:
    made = a_day()
    limited = replace(made, jobs=(replace(made.jobs[0], maximum_offloaded_batches={"b": 100.0}),))
    for found in (solve_exact(limited), solve_greedy(limited)):
        assert verify(limited, found) == ()
        moved = sum(row.batches for row in found.batches if row.home == "b" != row.on)
        assert moved <= 100.0 + 1e-6
    assert sum(row.batches for row in solve_exact(made).batches if row.home == "b" != row.on) > 900.0
    assert grams(solve_exact(limited)) > grams(solve_exact(made))


def a_random_day(seed: int) -> Problem:
    """Five homes with rules of sleep over ten hours, one or two jobs of rounds."""
    draw, hours = random.Random(seed), range(10)
    homes = [
        node(
            name,
            "clean" if name == "a" else "dirty",
            harvest=tuple(draw.choice([0.0, 0.0, 1.5]) for _ in hours),
            minimum_awake_periods=draw.randint(1, 3),
            minimum_asleep_periods=draw.randint(1, 4),
            initially_awake=draw.random() < 0.7,
            maximum_sleeps=draw.choice([None, 1, 2]),
        )
        for name in "abcde"
    ]
    made = problem(
        *homes,
        jobs=tuple(
            job(
                {name: draw.uniform(500, 3000) for name in "abcde"},
                name=f"default/job-{index}",
                deadline_period=len(hours),
                synchronous=True,
                maximum_offload_ratio=draw.choice([0.3, 0.6, 1.0]),
            )
            for index in range(draw.randint(1, 2))
        ),
        intensity_grams_per_kilowatt_hour={
            "clean": tuple(draw.uniform(80, 300) for _ in hours),
            "dirty": tuple(draw.uniform(100, 600) for _ in hours),
        },
        maximum_asleep_nodes=draw.randint(2, 4),
    )
    return replace(made, policy=replace(made.policy, partial_period_sleep=False))


@pytest.mark.parametrize(("seed", "effort"), [*((seed, 1) for seed in range(6)), (3, 60)])
def test_a_plan_that_may_wait_never_emits_more_than_one_that_may_not(
    seed: int, effort: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With equal effort, however little that is."""
    monkeypatch.setattr(search, "PATTERN_SOLVES", effort)
    waiting = a_random_day(seed)
    soonest = replace(waiting, policy=replace(waiting.policy, shift_in_time=False))
    at_once, found = solve_exact(soonest, node_limit=1), solve_exact(waiting, node_limit=1)
    assert verify(waiting, found) == ()
    assert grams(found) <= grams(at_once) * (1 + 1e-6)
