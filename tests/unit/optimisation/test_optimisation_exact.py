"""The exact solver on problems whose optimum can be worked out by hand, and its promises about time and proof."""

import time
from dataclasses import replace

import pytest

from sunward.optimisation.model.build import build
from sunward.optimisation.model.matrix import scaled
from sunward.optimisation.model.solvers import Backend, solve_model
from sunward.optimisation.problem.instance import ExportRule, Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import SolveError, solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import BATTERY, job, node, pool, problem


def grams(made: Problem) -> float:
    """The proven optimum."""
    found = solve_exact(made)
    assert found.status is Status.OPTIMAL
    assert verify(made, found) == ()
    assert found.objective_grams is not None
    return found.objective_grams


def moved(found: Solution) -> float:
    """Batches that run away from home."""
    return sum(row.batches for row in found.batches if row.home != row.on)


def test_a_lone_sleeping_node_pays_for_its_work_alone() -> None:
    # 600 batches: 0.6 Wh of work and 600 s at 2 W idle, at 500 g/kWh.
    assert grams(problem(node("a"), jobs=(job({"a": 600.0}),))) == pytest.approx((0.6 + 2 / 6) * 0.5)


def test_a_node_that_may_not_sleep_pays_for_every_hour() -> None:
    assert grams(problem(node("a", can_sleep=False), jobs=(job({"a": 600.0}),))) == pytest.approx((0.6 + 4) * 0.5)


def test_work_waits_for_the_cleaner_period() -> None:
    made = problem(
        node("a", "clean"), jobs=(job({"a": 600.0}),), intensity_grams_per_kilowatt_hour={"clean": (500.0, 10.0)}
    )
    assert {row.period for row in solve_exact(made).batches} == {2}
    hurried = problem(
        node("a", "clean"),
        jobs=(job({"a": 600.0}),),
        intensity_grams_per_kilowatt_hour={"clean": (500.0, 10.0)},
        shift_in_time=False,
    )
    soon = sum(row.batches for row in solve_exact(hurried).batches if row.period == 1)
    assert soon == pytest.approx(600.0, abs=1e-3)  # a millionth of the delay may remain


def test_half_of_the_work_moves_to_the_clean_node_under_a_cap_of_a_half() -> None:
    made = problem(node("a"), node("b", "clean"), jobs=(job({"a": 600.0}, ("b",)),))
    found = solve_exact(made)
    assert moved(found) == pytest.approx(300.0)
    each = 0.3 + 2 * 300 / 3600
    assert found.objective_grams == pytest.approx(each * 0.5 + each * 0.1)


def test_moving_stops_where_transit_costs_more_than_it_saves() -> None:
    # A batch saves (1 mWh + 2 W s) * 400 g/kWh = 0.622 mg; 4 Wh/GB at 400 g/kWh is 1.6 g/GB, and both ends pay.
    light = job({"a": 600.0}, ("b",), gigabytes_per_batch=1e-5)
    heavy = job({"a": 600.0}, ("b",), gigabytes_per_batch=1e-3)
    assert moved(solve_exact(problem(node("a"), node("b", "clean"), jobs=(light,)))) > 299
    assert moved(solve_exact(problem(node("a"), node("b", "clean"), jobs=(heavy,)))) == 0


def test_a_surplus_goes_to_the_neighbour_up_to_the_export_ratio() -> None:
    made = problem(node("sun", "clean", harvest=(4.0, 4.0)), node("b", can_sleep=False), pools=(pool("sun", "b"),))
    # Of 4 Wh in each period 2 may leave and 1.8 arrive; b takes the other 0.2 Wh from the grid.
    assert grams(made) == pytest.approx(2 * 0.2 * 0.5)


def test_selling_harvest_while_buying_needs_the_any_harvest_rule() -> None:
    nodes = (
        node("sun", "clean", harvest=(2.0, 2.0), can_sleep=False, maximum_export_ratio=1.0),
        node("b", can_sleep=False),
    )
    free = problem(*nodes, pools=(pool("sun", "b"),))
    strict = problem(*nodes, pools=(pool("sun", "b"),), export_rule=ExportRule.SURPLUS_ONLY)
    assert grams(free) == pytest.approx(2 * (2 * 0.1 + 0.2 * 0.5))
    assert grams(strict) == pytest.approx(2 * 2 * 0.5)


def test_a_battery_carries_harvest_into_the_dirty_period() -> None:
    made = problem(
        node("a", harvest=(8.0, 0.0), battery=BATTERY, can_sleep=False),
        intensity_grams_per_kilowatt_hour={"dirty": (500.0, 500.0)},
    )
    # 2 Wh are needed in period 2; storing 2 / 0.81 Wh of the 6 Wh surplus covers them.
    found = solve_exact(made)
    assert found.objective_grams == pytest.approx(0.0, abs=1e-9)
    assert found.nodes[0].discharge_watt_hours[1] == pytest.approx(2.0)


def test_an_exportable_battery_does_not_launder_harvest_past_the_export_ratio() -> None:
    battery = replace(BATTERY, exportable=True)
    made = problem(
        node("sun", "clean", harvest=(8.0, 0.0), battery=battery, maximum_export_ratio=0.0),
        node("b", can_sleep=False),
        pools=(pool("sun", "b"),),
        intensity_grams_per_kilowatt_hour={"clean": (100.0, 100.0), "dirty": (500.0, 500.0)},
    )
    found = solve_exact(made)
    assert verify(made, found) == ()
    row = found.nodes[0]
    assert all(
        min(c, d) == pytest.approx(0, abs=1e-9)
        for c, d in zip(row.charge_watt_hours, row.discharge_watt_hours, strict=True)
    )


def test_a_sleeper_wakes_only_when_that_pays() -> None:
    asleep = node("b", "clean", initially_awake=False, wake_watt_hours=0.05)
    worthwhile = problem(node("a"), asleep, jobs=(job({"a": 600.0}, ("b",)),))
    dear = problem(node("a"), replace(asleep, wake_watt_hours=50.0), jobs=(job({"a": 600.0}, ("b",)),))
    assert moved(solve_exact(worthwhile)) > 0
    assert moved(solve_exact(dear)) == 0


def test_whole_period_sleep_bills_idle_power_for_whole_periods() -> None:
    made = problem(node("a"), jobs=(job({"a": 600.0}),), partial_period_sleep=False)
    assert grams(made) == pytest.approx((0.6 + 2) * 0.5)


def test_minimum_awake_and_asleep_periods_hold() -> None:
    made = problem(
        node("a", harvest=(0.0,) * 4, initially_awake=False, minimum_awake_periods=3, wake_watt_hours=0.0),
        jobs=(job({"a": 60.0}, release_period=1, deadline_period=2),),
        intensity_grams_per_kilowatt_hour={"dirty": (500.0,) * 4},
        partial_period_sleep=False,
    )
    assert sum(solve_exact(made).nodes[0].on) == 3


def test_the_limit_on_sleeping_nodes_keeps_the_cleanest_awake() -> None:
    made = problem(node("a"), node("b", "clean"), partial_period_sleep=False, maximum_asleep_nodes=1)
    assert grams(made) == pytest.approx(2 * 2 * 0.1)


def test_embodied_emissions_count_awake_hours_on_request() -> None:
    made = problem(node("a", can_sleep=False), include_embodied=True)
    assert grams(made) == pytest.approx(2 * 2 * 0.5 + 2 * 0.5)


def test_harvest_with_emissions_of_its_own_is_used_only_where_the_grid_is_dirtier() -> None:
    made = problem(
        node("a", harvest=(9.0, 9.0), can_sleep=False),
        node("b", "clean", harvest=(9.0, 9.0), can_sleep=False),
        harvest_intensity_grams_per_kilowatt_hour=200.0,
    )
    assert grams(made) == pytest.approx(4 * 0.2 + 4 * 0.1)


def test_synchronous_rounds_wait_for_the_slowest_node() -> None:
    slow = job({"a": 1800.0, "b": 1800.0}, synchronous=True, seconds_per_batch={"a": 1.0, "b": 4.0})
    found = solve_exact(problem(node("a"), node("b"), jobs=(slow,), offload_tasks=False))
    done = {(row.on, row.period): row.batches for row in found.batches}
    assert done["a", 1] == pytest.approx(done["b", 1]) == pytest.approx(900.0)


def test_a_node_never_sends_work_to_itself() -> None:
    # Both must give half away and only "a" may receive: "a" cannot take its own half back as moved work.
    tight = job({"a": 400.0, "b": 100.0}, movable_to=("a",), maximum_offload_ratio=1.0)
    made = problem(node("a", "clean"), node("b"), jobs=(tight,))
    found = solve_exact(made)
    assert verify(made, found) == ()
    assert {(row.home, row.on) for row in found.batches} == {("a", "a"), ("b", "a")}


def test_a_great_load_does_not_hide_a_small_export_while_buying() -> None:
    # A millionth of the seller's 48 kWh is as much as it could send: only exact integers refuse it.
    small = node("small", "clean", harvest=(0.0,), idle_watts=0.02, can_sleep=False)
    great = node("great", harvest=(3.0,), idle_watts=2000.0, can_sleep=False, maximum_export_ratio=0.1)
    made = problem(
        small,
        great,
        pools=(pool("small", "great"),),
        period_seconds=86400.0,
        intensity_grams_per_kilowatt_hour={"clean": (400.0,), "dirty": (0.0,)},
        export_rule=ExportRule.SURPLUS_ONLY,
    )
    found = solve_exact(made)
    assert found.sends == ()
    assert found.objective_grams == pytest.approx(0.02 * 24 * 0.4, rel=1e-9)


def test_the_price_of_a_cap_is_what_widening_it_saves() -> None:
    narrow = job({"a": 600.0}, ("b",), maximum_offload_ratio=0.4)
    wide = replace(narrow, maximum_offload_ratio=0.41)
    first, second = (solve_exact(problem(node("a"), node("b", "clean"), jobs=(each,))) for each in (narrow, wide))
    assert first.objective_grams is not None
    assert second.objective_grams is not None
    slope = (second.objective_grams - first.objective_grams) / 0.01
    assert first.prices.offload_cap_grams["default/job"] == pytest.approx(slope, rel=1e-6)


def test_the_price_of_shared_energy_is_what_it_replaces() -> None:
    made = problem(node("sun", harvest=(2.0, 0.0)), node("b", can_sleep=False), pools=(pool("sun", "b"),))
    assert solve_exact(made).prices.energy_grams_per_watt_hour["roof"] == pytest.approx((0.45, 0.45))


def test_widening_modes_never_emit_more() -> None:
    made = problem(
        node("a"), node("b", "clean", harvest=(3.0, 0.0)), jobs=(job({"a": 900.0}, ("b",)),), pools=(pool("a", "b"),)
    )
    none, det, dat, deta = (grams(with_mode(made, mode)) for mode in Scheme)
    assert deta <= min(det, dat) + 1e-9
    assert max(det, dat) <= none + 1e-9
    assert deta < none


def whole_period_fleet(count: int, periods: int) -> Problem:
    """A mixed-integer problem too hard to prove within a second."""
    names = [f"n{i:02d}" for i in range(count)]
    nodes = tuple(
        node(
            name,
            "clean" if i % 3 else "dirty",
            harvest=tuple(0.3 * ((i * 7 + t * 3) % 5) for t in range(periods)),
            minimum_awake_periods=2,
            battery=BATTERY,
        )
        for i, name in enumerate(names)
    )
    work = job({name: 2000.0 + 37 * i for i, name in enumerate(names)}, deadline_period=periods)
    return problem(
        *nodes,
        jobs=(work,),
        pools=(pool(*names),),
        partial_period_sleep=False,
        intensity_grams_per_kilowatt_hour={
            "clean": tuple(80.0 + 11 * (t % 7) for t in range(periods)),
            "dirty": tuple(400.0 + 40 * (t % 5) for t in range(periods)),
        },
    )


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_the_time_limit_holds_and_leaves_a_plan_with_an_honest_bound(seconds: float) -> None:
    made = whole_period_fleet(12, 16)
    began = time.process_time()  # the search is in this process; how long it waits for a core is the machine's affair
    found = solve_exact(made, time_limit_seconds=seconds, relative_gap=1e-9)
    assert time.process_time() - began < 1.1 * seconds + 0.5
    assert verify(made, found) == ()
    assert found.lower_bound_grams is not None
    assert found.objective_grams is not None
    assert found.lower_bound_grams <= found.objective_grams
    if found.status is Status.FEASIBLE:
        assert found.relative_gap is not None
        assert found.relative_gap > 1e-6


def relaxed_grams(made: Problem) -> float:
    """The bound of the linear relaxation."""
    return solve_model(scaled(build(made).matrix.arrays(), 1.0), Backend.GLOP, seconds=10.0).bound


def test_the_relaxation_counts_whole_periods_for_work_that_stays_at_home() -> None:
    made = problem(node("a"), jobs=(job({"a": 5400.0}),), partial_period_sleep=False)
    assert relaxed_grams(made) == pytest.approx((5.4 + 2 * 2.0) * 0.5)  # an hour and a half keeps it on for two


def test_the_relaxation_wakes_a_sleeper_entirely() -> None:
    sleeper = node("a", initially_awake=False, wake_watt_hours=4.0, wake_seconds=36.0)
    made = problem(sleeper, jobs=(job({"a": 1800.0}),))
    assert relaxed_grams(made) == pytest.approx((1.8 + 0.51 * 2.0 + 4.0) * 0.5)


def test_the_relaxation_keeps_both_ends_on_while_data_move() -> None:
    later = job({"a": 3600.0}, ("b",), release_period=2, gigabytes_per_batch=1e-9, maximum_offload_ratio=1.0)
    made = problem(node("a"), node("b", "clean"), jobs=(later,), partial_period_sleep=False)
    # Both are on in period 1 for data that take 0.6 ms, then b works.
    assert relaxed_grams(made) == pytest.approx(2.0 * 0.5 + 2.0 * 0.1 + (3.6 + 2.0) * 0.1, rel=1e-4)


def test_no_time_at_all_still_leaves_the_greedy_plan_or_says_that_there_is_none() -> None:
    made = whole_period_fleet(3, 4)
    found = solve_exact(made, time_limit_seconds=1e-9)
    assert found.status is Status.FEASIBLE
    assert verify(made, found) == ()
    hurried = replace(made, policy=replace(made.policy, shift_in_time=False))
    with pytest.raises(SolveError):
        solve_exact(hurried, time_limit_seconds=1e-9)


def test_a_wider_gap_is_reported_as_feasible_never_as_optimal() -> None:
    found = solve_exact(whole_period_fleet(4, 6), relative_gap=0.2)
    assert found.relative_gap is not None
    assert (found.status is Status.OPTIMAL) == (found.relative_gap <= 1e-6)


def test_an_empty_cluster_emits_nothing() -> None:
    assert grams(problem()) == 0.0


def a_day_in_whole_periods() -> Problem:
    """Two nodes and twelve whole periods: an hour of work that may wait, and the grid is cheap in the eleventh."""
    none = (0.0,) * 12
    made = problem(
        node("a", "g", harvest=none),
        node("b", "g", harvest=none),
        jobs=(job({"a": 600.0}, deadline_period=12),),
        intensity_grams_per_kilowatt_hour={"g": (*(400.0,) * 10, 10.0, 400.0)},
    )
    return replace(made, policy=replace(made.policy, partial_period_sleep=False))


def on(found: Solution, name: str) -> tuple[bool, ...]:
    return next(row for row in found.nodes if row.name == name).on


def test_a_known_plan_bounds_the_answer_from_above_and_no_bound_rests_on_it() -> None:
    """The known plan works in the last period, at 400 g/kWh; the best one in the eleventh, at 10."""
    made = a_day_in_whole_periods()
    known = {"a": [*[False] * 11, True], "b": [False] * 12}
    free, kept = solve_exact(made), solve_exact(made, start=known)
    assert {row.period for row in free.batches} == {11}
    assert verify(made, kept) == ()
    assert free.objective_grams is not None
    assert kept.objective_grams is not None
    assert kept.lower_bound_grams is not None
    assert kept.lower_bound_grams <= free.objective_grams * (1 + 1e-6)
    assert kept.objective_grams <= (0.6 + 2.0) * 0.4 + 0.05 * 0.4 + 1e-6


def test_a_known_plan_that_is_impossible_now_is_forgotten() -> None:
    """The work can only be done in the last period, in which the known plan has everybody asleep."""
    made = a_day_in_whole_periods()
    last = replace(made, jobs=(replace(made.jobs[0], release_period=12),))
    found = solve_exact(last, start=dict.fromkeys(("a", "b"), [False] * 12))
    assert (found.status, on(found, "a")[11]) == (Status.OPTIMAL, True)


def test_a_limit_of_nodes_ends_the_search_with_a_plan_and_an_honest_bound() -> None:
    made = a_day_in_whole_periods()
    found, best = solve_exact(made, node_limit=1), solve_exact(made)
    assert verify(made, found) == ()
    assert found.lower_bound_grams is not None
    assert best.objective_grams is not None
    assert found.lower_bound_grams <= best.objective_grams * (1 + 1e-6)


def test_a_solver_that_calls_a_problem_with_a_plan_infeasible_is_checked_by_another() -> None:
    # GSCIP 10 does so: small efficiencies beside a large harvest that may hardly leave its node.
    plain: dict[str, float | bool] = {"can_sleep": False, "initially_awake": False, "wake_watt_hours": 0.0}
    plain |= {"wake_seconds": 0.0, "storage_gigabytes": 0.0, "embodied_grams_per_hour": 0.5}
    stored = replace(
        BATTERY,
        initial_watt_hours=1.0,
        capacity_watt_hours=1.0,
        minimum_watt_hours=0.0,
        final_watt_hours=0.0,
        charge_efficiency=0.05,
        discharge_efficiency=0.05,
        maximum_charge_watts=0.0,
        maximum_discharge_watts=1.0,
        wear_grams_per_watt_hour=0.0,
        charge_from_grid=False,
        exportable=True,
    )
    made = problem(
        node("a", "clean", harvest=(0.0,) * 4, idle_watts=1.0, maximum_export_ratio=0.0, battery=stored, **plain),
        node("b", "clean", harvest=(0.0, 0.0, 2000.0, 0.0), idle_watts=0.0, maximum_export_ratio=0.1, **plain),
        node("c", harvest=(0.0, 0.0, 0.0, 13.078125), idle_watts=1.0274003420039246, maximum_export_ratio=1.0, **plain),
        pools=(pool("a", "b", "c"),),
        period_seconds=86400.0,
        intensity_grams_per_kilowatt_hour={"clean": (0.0,) * 4, "dirty": (0.0, 0.0, 0.0, 24.0)},
        sleep=False,
        shift_in_time=False,
        offload_tasks=False,
        partial_period_sleep=False,
        export_rule=ExportRule.SURPLUS_ONLY,
    )
    assert grams(made) > 0.0


def test_no_schedule_is_called_impossible_by_one_solver_alone() -> None:
    # The HiGHS of OR-Tools 9.15 does so where a node is asleep, may not sleep again, and wakes for more than a period.
    late = {"initially_awake": False, "wake_seconds": 45.0, "minimum_awake_periods": 1, "minimum_asleep_periods": 1}
    made = problem(
        replace(node("a", "clean", harvest=(0.0,) * 4, idle_watts=0.0, **late), maximum_sleeps=0, asleep_watts=0.0),
        period_seconds=1.0,
        intensity_grams_per_kilowatt_hour={"clean": (0.0,) * 4},
        sleep=True,
        shift_in_time=False,
        partial_period_sleep=False,
    )
    assert solve_exact(made).status is Status.OPTIMAL
