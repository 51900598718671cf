"""Shares of nodes between namespaces: max-min fair, by brute force and by what fairness promises."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.jobs import JobView
from sunward.domain.reasons import Reason
from sunward.planning.compile import compile_problem
from sunward.planning.decide import plan
from sunward.planning.hold import held_pattern
from sunward.planning.jobs.admission import out_of_turn
from sunward.planning.jobs.fair_share import Demand, max_min, shares, turns
from sunward.planning.jobs.pace import rounds_that_fit
from support.planning import NOW, InProcessSolver, a_job, a_node, a_policy, a_snapshot, some_forecasts

PERIOD = timedelta(seconds=300)
UNITS = 60
AMOUNTS = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 90), min_size=1)


def filled(capacity: int, demands: dict[str, int]) -> dict[str, Fraction]:
    """Brute force: a sixtieth of a unit for everybody in turn who still wants one, as long as there is enough."""
    step = Fraction(1, UNITS)
    granted, left = dict.fromkeys(demands, Fraction(0)), Fraction(capacity)
    while hungry := [name for name in demands if granted[name] < demands[name]]:
        if left < step * len(hungry):
            break
        for name in hungry:
            granted[name] += step
            left -= step
    return granted


@given(st.integers(0, 120), AMOUNTS)
def test_progressive_filling_gives_what_brute_force_gives(capacity: int, demands: dict[str, int]) -> None:
    assert max_min(capacity, dict(demands)) == pytest.approx(
        {name: float(value) for name, value in filled(capacity, demands).items()}, abs=5 / UNITS
    )


@given(st.integers(0, 120), AMOUNTS)
def test_all_is_given_away_and_nobody_has_more_than_one_who_lacks_something(
    capacity: int, demands: dict[str, int]
) -> None:
    granted = max_min(capacity, dict(demands))
    assert sum(granted.values()) == pytest.approx(min(capacity, sum(demands.values())))
    lacking = [granted[name] for name in demands if granted[name] < demands[name] - 1e-9]
    assert all(max(granted.values()) <= least + 1e-9 for least in lacking)


@given(st.integers(1, 120), AMOUNTS, st.sampled_from("abcde"), st.integers(0, 1000))
def test_nobody_falls_below_the_fair_share_because_another_asks_for_more(
    capacity: int, demands: dict[str, int], greedy: str, more: int
) -> None:
    wanted = dict(demands) | {greedy: demands.get(greedy, 0) + more}
    granted = max_min(capacity, wanted)
    for name, asked in wanted.items():
        assert granted[name] >= min(asked, capacity / len(wanted)) - 1e-9


def demand(job: str, namespace: str, priority: int = 0, deadline: float = 9.0, **seconds: float) -> Demand:
    return Demand(job=job, namespace=namespace, order=(-priority, deadline), seconds=seconds)


@st.composite
def many(draw: st.DrawFn) -> list[Demand]:
    """Up to nine jobs of three namespaces on two nodes."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from("xyz"), st.integers(-1, 1), st.integers(0, 2), st.integers(0, 9), st.integers(1, 9)
            ),
            max_size=9,
        )
    )
    return [
        demand(f"j{n}", space, prio, when, n1=float(a), n2=float(b)) for n, (space, prio, when, a, b) in enumerate(rows)
    ]


def used(demands: list[Demand], served: dict[str, float], node: str, namespace: str | None = None) -> float:
    own = [one for one in demands if namespace in (None, one.namespace)]
    return sum(served[one.job] * one.seconds[node] for one in own)


@given(many(), st.randoms(use_true_random=False))
def test_shares_fit_on_every_node_and_do_not_depend_on_the_order(demands: list[Demand], chance: Any) -> None:
    served = shares(demands, 10.0)
    assert all(0.0 <= share <= 1.0 for share in served.values())
    assert all(used(demands, served, node) <= 10.0 + 1e-9 for node in ("n1", "n2"))
    shuffled = list(demands)
    chance.shuffle(shuffled)
    assert shares(shuffled, 10.0) == pytest.approx(served)


@given(many(), st.integers(1, 20))
def test_more_jobs_of_one_namespace_leave_another_its_fair_share(demands: list[Demand], count: int) -> None:
    others = [one for one in demands if one.namespace != "x"]
    flood = [demand(f"flood{n}", "x", 1, 0.0, n1=100.0) for n in range(count)]
    spaces = {one.namespace for one in others}
    served = shares([*others, *flood], 10.0)
    for space in spaces:
        own = [one for one in others if one.namespace == space]
        first = min(own, key=lambda one: (one.order, one.job))
        fair = [10.0 / (len(spaces) + 1) / seconds for seconds in first.seconds.values() if seconds]
        tied = sum(one.order == first.order for one in own)
        assert tied > 1 or served[first.job] >= min(1.0, *fair) - 1e-9


def test_within_a_namespace_priority_comes_first_and_then_the_deadline() -> None:
    jobs = [
        demand("urgent", "x", 1, 9.0, n=4.0),
        demand("soon", "x", 0, 1.0, n=4.0),
        demand("later", "x", 0, 5.0, n=4.0),
        demand("last", "x", 0, 9.0, n=4.0),
    ]
    assert shares(jobs, 10.0) == {"urgent": 1.0, "soon": 1.0, "later": 0.5, "last": 0.0}


def test_jobs_with_the_same_of_both_share_in_proportion() -> None:
    assert shares([demand("a", "x", n=15.0), demand("b", "x", n=5.0)], 10.0) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"x": 20, "y": 1}, {"x": 1, "y": 1}),
        ({"x": 20, "y": 3}, {"x": 3, "y": 3}),
        ({"x": 4, "y": 4, "z": 1}, {"x": 1, "y": 1, "z": 1}),
    ],
)
def test_as_many_jobs_run_at_once_as_the_shares_stand_to_each_other(
    counts: dict[str, int], expected: dict[str, int]
) -> None:
    jobs = [demand(f"{space}{n}", space, n=100.0) for space, count in counts.items() for n in range(count)]
    assert turns(jobs, 10.0) == {"n": expected}


def test_one_that_asks_less_leaves_the_others_more_turns() -> None:
    jobs = [demand("small", "y", n=2.0), *(demand(f"x{n}", "x", n=100.0) for n in range(20))]
    assert turns(jobs, 10.0) == {"n": {"x": 4, "y": 1}}


@given(many())
def test_where_there_is_time_for_all_or_one_namespace_only_nobody_takes_turns(demands: list[Demand]) -> None:
    assert turns(demands, 1000.0) == {}
    assert turns([one for one in demands if one.namespace == "x"], 1.0) == {}


def job(name: str, namespace: str, **changes: Any) -> JobView:
    """A job of ten hours."""
    return a_job(name, namespace=namespace, **{"rounds": 1440, "homes": ("pi-01",)} | changes)


def waits(*jobs: JobView) -> set[str]:
    return set(out_of_turn([(one, one.spec.shards) for one in jobs], NOW, PERIOD))


def test_twenty_long_jobs_beside_one_run_one_at_a_time() -> None:
    flood = [job(f"flood-{n:02}", "team-a", created_at=NOW - timedelta(minutes=20 - n)) for n in range(20)]
    alone = job("mine", "team-b")
    assert waits(alone, *flood) == {one.spec.key for one in flood[1:]}
    assert waits(*flood) == set()


def test_a_job_of_higher_priority_takes_the_turn_of_its_own_namespace_only() -> None:
    first, urgent, other = job("first", "team-a"), job("urgent", "team-a", priority=5), job("other", "team-b")
    assert waits(first, urgent, other) == {"team-a/first"}
    assert waits(first, job("urgent", "team-b", priority=100), other) == {"team-b/other"}


def test_short_jobs_run_beside_each_other() -> None:
    assert waits(*(job(f"j{n}", space, rounds=1) for n in range(3) for space in ("team-a", "team-b"))) == set()


def test_a_namespace_without_others_shares_a_node_as_before() -> None:
    jobs = [job("a", "team-a", rounds=1000), job("b", "team-a", rounds=3000)]
    fit = rounds_that_fit([(one, one.spec.shards) for one in jobs], NOW, PERIOD)
    assert fit == pytest.approx({"team-a/a": 300 * 0.95 / 25 / 4, "team-a/b": 300 * 0.95 / 25 * 3 / 4})


def test_a_plan_lets_the_others_wait_and_says_what_for() -> None:
    jobs = [job(name, space) for space, names in (("team-a", "abc"), ("team-b", "d")) for name in names]
    snapshot = a_snapshot(a_node("pi-01"), jobs=jobs, policy=a_policy())
    result = plan(snapshot, some_forecasts(snapshot), solver=InProcessSolver(), previous=None)
    held = held_pattern(snapshot).jobs
    for directives in (result.jobs, held):
        assert {one.job: one.run for one in directives} == {
            "team-a/a": True,
            "team-a/b": False,
            "team-a/c": False,
            "team-b/d": True,
        }
        cause = next(one.cause for one in directives if one.job == "team-a/b")
        assert cause.reason is Reason.WAITING_FOR_FAIR_SHARE
        assert "what team-a may have of the time of pi-01" in cause.message
    compiled = compile_problem(snapshot, some_forecasts(snapshot))
    rounds = {part.job.spec.key: part.rounds_that_fit for part in compiled.parts}
    assert rounds == pytest.approx({"team-a/a": 300 * 0.95 / 25 / 2, "team-b/d": 300 * 0.95 / 25 / 2})
