"""The whole input space of the planner, extremes included: always an answer, always correct, never a traceback."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import (
    Battery,
    EnergyPool,
    ExportRule,
    Job,
    Network,
    Node,
    Policy,
    PoolKind,
    Problem,
)
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import BATTERY, as_document, job, node, pool, problem
from support.optimisation.oracle import Unsettled, judge

EFFORT = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
RATIOS = st.sampled_from([0.0, 0.1, 0.5, 1.0])
EFFICIENCIES = st.sampled_from([0.05, 0.5, 0.9, 1.0])


def amounts(typical: float) -> st.SearchStrategy[float]:
    """Zero, ordinary amounts, and amounts a thousand times smaller and larger."""
    ordinary = st.floats(0.01 * typical, 10 * typical, allow_nan=False)
    return st.one_of(st.just(0.0), ordinary, st.sampled_from([1e-3 * typical, typical, 1e3 * typical]))


@st.composite
def batteries(draw: st.DrawFn) -> Battery:
    """A battery whose levels are in order."""
    levels = sorted(draw(st.lists(amounts(5.0), min_size=3, max_size=3)))
    exportable = draw(st.booleans())
    return Battery(
        minimum_watt_hours=levels[0],
        initial_watt_hours=levels[1],
        final_watt_hours=draw(st.sampled_from(levels)),
        capacity_watt_hours=levels[2],
        charge_efficiency=draw(EFFICIENCIES),
        discharge_efficiency=draw(EFFICIENCIES),
        maximum_charge_watts=draw(amounts(5.0)),
        maximum_discharge_watts=draw(amounts(5.0)),
        wear_grams_per_watt_hour=draw(st.sampled_from([0.0, 0.01])),
        charge_from_grid=not exportable and draw(st.booleans()),
        exportable=exportable,
    )


@st.composite
def some_nodes(draw: st.DrawFn, name: str, periods: int) -> Node:
    """Any node."""
    return node(
        name,
        draw(st.sampled_from(["clean", "dirty"])),
        harvest=tuple(draw(amounts(2.0)) for _ in range(periods)),
        idle_watts=draw(amounts(2.0)),
        asleep_watts=draw(amounts(0.1)),
        can_sleep=draw(st.booleans()),
        initially_awake=draw(st.booleans()),
        wake_watt_hours=draw(st.sampled_from([0.0, 0.05, 5.0])),
        wake_seconds=draw(st.sampled_from([0.0, 45.0, 5000.0])),
        minimum_awake_periods=draw(st.integers(1, 4)),
        minimum_asleep_periods=draw(st.integers(1, 4)),
        maximum_sleeps=draw(st.none() | st.integers(0, 2)),
        maximum_export_ratio=draw(RATIOS),
        storage_gigabytes=draw(amounts(1.0)),
        battery=draw(st.none() | batteries()),
    )


@st.composite
def some_jobs(draw: st.DrawFn, name: str, names: list[str], periods: int) -> Job:
    """Any job; some nodes cannot work on it."""
    able = draw(st.sets(st.sampled_from(names)))
    release = draw(st.integers(1, periods))
    homes = sorted(draw(st.sets(st.sampled_from(names))))
    return job(
        {home: draw(amounts(500.0)) for home in homes},
        name=name,
        release_period=release,
        deadline_period=draw(st.integers(release, periods)),
        synchronous=draw(st.booleans()),
        watt_hours_per_batch={each: draw(amounts(0.001)) for each in sorted(able)},
        seconds_per_batch={each: draw(amounts(1.0)) for each in sorted(able)},
        gigabytes_per_batch=draw(amounts(0.0004)),
        maximum_offload_ratio=draw(RATIOS),
        maximum_offloaded_batches=draw(st.none() | st.just(dict.fromkeys(homes[:1], 50.0))),
        movable_to=draw(st.none() | st.sets(st.sampled_from(names)).map(lambda chosen: tuple(sorted(chosen)))),
        minimum_workers=draw(st.integers(0, 3)),
        minimum_batches_per_worker=draw(st.sampled_from([0.0, 1.0, 100.0])),
    )


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Any small problem that the format allows."""
    periods = draw(st.integers(1, 4))
    names = [f"n{i}" for i in range(draw(st.integers(1, 4)))]
    factors = st.sampled_from([0.0, 24.0, 400.0, 1000.0])
    made = Problem(
        period_seconds=draw(st.sampled_from([1.0, 900.0, 86400.0])),
        intensity_grams_per_kilowatt_hour={
            zone: tuple(draw(factors) for _ in range(periods)) for zone in ("clean", "dirty")
        },
        harvest_intensity_grams_per_kilowatt_hour=draw(st.sampled_from([0.0, 45.0])),
        nodes=tuple(draw(some_nodes(name, periods)) for name in names),
        energy_pools=tuple(
            EnergyPool(
                name=f"pool-{index}",
                kind=draw(st.sampled_from(PoolKind)),
                members=tuple(sorted(draw(st.sets(st.sampled_from(names))))),
                efficiency=draw(EFFICIENCIES),
            )
            for index in range(draw(st.integers(0, 2)))
        ),
        jobs=tuple(draw(some_jobs(f"default/j{i}", names, periods)) for i in range(draw(st.integers(0, 2)))),
        network=draw(networks()),
        policy=draw(policies()),
    )
    check_problem(made)
    return made


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Any network, free ones included."""
    return Network(
        send_watt_hours_per_gigabyte=draw(amounts(0.5)),
        receive_watt_hours_per_gigabyte=draw(amounts(0.5)),
        seconds_per_gigabyte=draw(amounts(160.0)),
        transit_watt_hours_per_gigabyte=draw(amounts(4.0)),
        transit_intensity_grams_per_kilowatt_hour=draw(st.sampled_from([0.0, 400.0])),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy."""
    return Policy(
        share_energy=draw(st.booleans()),
        offload_tasks=draw(st.booleans()),
        sleep=draw(st.booleans()),
        shift_in_time=draw(st.booleans()),
        partial_period_sleep=draw(st.booleans()),
        export_rule=draw(st.sampled_from(ExportRule)),
        maximum_asleep_nodes=draw(st.none() | st.integers(0, 3)),
        include_embodied=draw(st.booleans()),
    )


def answer(made: Problem) -> Solution:
    """The exact answer, judged correct."""
    found = solve_exact(made, time_limit_seconds=60.0)
    assert verify(made, found) == ()
    return found


@EFFORT
@given(problems())
def test_every_problem_has_a_correct_answer_that_the_greedy_plan_does_not_beat(made: Problem) -> None:
    found = answer(made)
    greedy = solve_greedy(made)
    if greedy.status is Status.INFEASIBLE:
        return
    assert verify(made, greedy) == ()
    assert found.status is Status.OPTIMAL
    if made.policy.shift_in_time:
        assert found.objective_grams is not None
        assert greedy.objective_grams is not None
        assert found.objective_grams <= greedy.objective_grams * (1 + 1e-6) + 1e-7


@EFFORT
@given(problems())
def test_the_answer_is_the_oracles(made: Problem) -> None:
    try:
        truth = judge(as_document(made))
    except Unsettled:
        return
    found = answer(made)
    assert (found.status is Status.INFEASIBLE) == (truth.objective is None)
    if found.objective_grams is not None:
        assert truth.is_close(found.objective_grams)


@EFFORT
@given(problems())
def test_files_keep_every_problem(made: Problem) -> None:
    assert parse_problem(made.to_json()) == made


def sized(scale: float) -> Problem:
    """Two nodes that share sun and work, with all powers and energies times a number."""
    battery = Battery(
        **{
            name: value * scale if name.endswith(("watts", "watt_hours")) else value
            for name, value in as_fields(BATTERY).items()
        }
    )
    sun = node(
        "sun",
        "clean",
        harvest=(3.0 * scale, 0.0),
        idle_watts=2.0 * scale,
        wake_watt_hours=0.05 * scale,
        battery=battery,
        can_sleep=False,
    )
    dark = node("dark", idle_watts=3.0 * scale, wake_watt_hours=0.05 * scale)
    work = job({"dark": 600.0}, ("sun",), watt_hours_per_batch={"dark": 0.001 * scale, "sun": 0.001 * scale})
    return problem(sun, dark, jobs=(work,), pools=(pool("sun", "dark"),))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_nodes_of_any_size_are_planned_alike_from_a_sensor_to_a_data_centre(scale: float) -> None:
    found, usual = answer(sized(scale)), answer(sized(1.0))
    assert found.status is usual.status is Status.OPTIMAL
    assert found.objective_grams is not None
    assert found.objective_grams / scale == pytest.approx(usual.objective_grams, rel=1e-6)


def as_fields(battery: Battery) -> dict[str, Any]:
    """A battery's fields by name."""
    return {name: getattr(battery, name) for name in battery.__slots__}
