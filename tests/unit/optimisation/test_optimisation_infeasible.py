"""Infeasible problems: the constraint that has to give is named, with the shortfall in its own unit."""

from dataclasses import replace

import pytest

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Shortfall, Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import BATTERY, job, node, problem


def reasons(made: Problem) -> tuple[Shortfall, ...]:
    """Why a problem has no plan."""
    found = solve_exact(made)
    assert found.status is Status.INFEASIBLE
    assert verify(made, found) == ()
    assert found.objective_grams is None
    return found.infeasible_because


def only(made: Problem) -> Shortfall:
    """The one reason there is."""
    (reason,) = reasons(made)
    return reason


def test_too_little_time_is_told_in_batches_that_miss_the_deadline() -> None:
    reason = only(problem(node("a"), jobs=(job({"a": 7320.0}),)))
    assert (reason.constraint, reason.job) == ("deadline", "default/job")
    assert reason.shortfall == pytest.approx(120.0)


def test_synchronous_rounds_that_take_too_long_miss_the_deadline() -> None:
    reason = only(
        problem(
            node("a"),
            node("b"),
            jobs=(job({"a": 8000.0, "b": 800.0}, synchronous=True),),
            sleep=False,
            offload_tasks=False,
        )
    )
    assert reason.constraint == "deadline"
    assert reason.shortfall == pytest.approx(880.0)


def test_a_shard_that_no_node_can_work_on_is_named_with_its_home() -> None:
    able = {"b": 0.001}
    made = problem(node("a"), node("b"), jobs=(job({"a": 60.0}, watt_hours_per_batch=able, movable_to=()),))
    reason = only(made)
    assert (reason.constraint, reason.job, reason.node) == ("no-worker", "default/job", "a")
    assert reason.shortfall == pytest.approx(60.0)


def test_a_cap_below_what_must_leave_is_named() -> None:
    able = {"b": 0.001}
    reason = only(problem(node("a"), node("b"), jobs=(job({"a": 60.0}, ("b",), watt_hours_per_batch=able),)))
    assert (reason.constraint, reason.job) == ("offload", "default/job")
    assert reason.shortfall == pytest.approx(30.0)


def test_storage_that_is_too_small_is_named_with_its_node() -> None:
    moved = job(
        {"a": 60.0}, ("b",), watt_hours_per_batch={"b": 0.001}, maximum_offload_ratio=1.0, gigabytes_per_batch=0.01
    )
    reason = only(problem(node("a"), node("b", storage_gigabytes=0.25), jobs=(moved,)))
    assert (reason.constraint, reason.node) == ("storage", "b")
    assert reason.shortfall == pytest.approx(0.35)


def test_too_few_workers_are_counted() -> None:
    reason = only(
        problem(
            node("a"), node("b"), jobs=(job({"a": 60.0}, ("b",), minimum_workers=3, minimum_batches_per_worker=1.0),)
        )
    )
    assert (reason.constraint, reason.job) == ("workers", "default/job")
    assert reason.shortfall == pytest.approx(1.0)


def test_more_workers_than_nodes_are_missed_even_without_a_least_number_of_batches() -> None:
    reason = only(problem(node("a"), jobs=(job({"a": 60.0}, minimum_workers=2),)))
    assert reason.constraint == "workers"


def test_a_job_too_small_for_its_workers_is_named() -> None:
    small = job({"a": 10.0}, minimum_batches_per_worker=50.0)
    assert only(problem(node("a"), jobs=(small,))).constraint == "workers"


def test_a_node_that_cannot_wake_and_may_not_sleep_breaks_the_sleep_limit() -> None:
    made = problem(node("a", initially_awake=False, wake_seconds=4000.0), maximum_asleep_nodes=0)
    assert {reason.constraint.value for reason in reasons(made)} == {"sleep-limit"}


def test_a_node_that_must_be_on_but_wakes_too_slowly_breaks_the_sleep_limit() -> None:
    made = problem(node("a", initially_awake=False, can_sleep=False, wake_seconds=4000.0))
    assert {reason.constraint.value for reason in reasons(made)} == {"sleep-limit"}


def test_a_battery_that_cannot_reach_its_final_energy_is_named() -> None:
    weak = replace(BATTERY, initial_watt_hours=2.0, final_watt_hours=8.0)
    reason = only(problem(node("a", battery=weak, harvest=(3.0, 2.0))))
    assert (reason.constraint, reason.node) == ("battery", "a")
    assert reason.shortfall == pytest.approx(8.0 - 2.0 - 0.9 * 5.0)


def test_several_causes_at_once_are_all_named() -> None:
    weak = replace(BATTERY, initial_watt_hours=2.0, final_watt_hours=8.0)
    made = problem(node("a", battery=weak), jobs=(job({"a": 1e6}),))
    assert {reason.constraint.value for reason in reasons(made)} == {"battery", "deadline"}


def test_an_overloaded_node_beside_an_idle_one_needs_time_or_a_wider_cap() -> None:
    made = problem(node("a"), node("b"), jobs=(job({"a": 9000.0}, ("b",), maximum_offload_ratio=0.1),))
    assert {reason.constraint.value for reason in reasons(made)} == {"deadline", "offload"}


def test_a_problem_on_the_very_edge_has_a_reason_too() -> None:
    """It lacks 5e-9 of its time: solvers call 1e-9 rounding, and reasons usually start at 1e-7."""
    owed, moved = {"a": 98.56536182403536}, {"b": 0.008153486809064248}
    seconds = {"a": 36.52860759493671, "b": 36.52860759493671}
    rate = {"synchronous": True, "deadline_period": 1, "gigabytes_per_batch": 1e-5, "seconds_per_batch": seconds}
    jobs = (
        job(owed, ("b",), name="default/stays", maximum_offload_ratio=0.00012649081003492712, **rate),
        job(moved, ("a",), name="default/moves", maximum_offload_ratio=0.9999124051119112, **rate),
    )
    reason = only(
        problem(
            node("a", harvest=(0.0,), initially_awake=False, storage_gigabytes=1e6, wake_seconds=0.0),
            node("b", harvest=(0.0,), storage_gigabytes=1e6),
            jobs=jobs,
            intensity_grams_per_kilowatt_hour={"dirty": (500.0,), "clean": (100.0,)},
        )
    )
    assert reason.constraint in ("deadline", "offload")
    assert 0 < reason.shortfall < 1e-6
