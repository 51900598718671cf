"""Our optima against an independent implementation with another solver, on files that use every field."""

import json
import random

import pytest

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import solve_exact, solve_two_price, supports
from sunward.optimisation.verify import verify
from support.optimisation.reference import GRAMS, MODES, RELATIVE, Document, Least, cost_of, in_mode, optimum
from support.optimisation.reference_cases import document, limited_document

CHUNK = 3


def cases(chunk: int) -> list[Document]:
    """Some files, the last of them with the optional fields, each under its own policy and in the four modes."""
    last = CHUNK * chunk + CHUNK - 1
    files = [*(document(seed) for seed in range(CHUNK * chunk, last)), limited_document(last)]
    return [file if mode is None else in_mode(file, mode) for file in files for mode in (None, *MODES)]


def rows_hold(case: Document, plan: Solution) -> bool:
    """Whether a plan's rows keep every rule of the reference implementation and cost what the plan says."""
    cost, claimed = cost_of(case, json.loads(plan.to_json())), plan.objective_grams
    return cost is not None and claimed is not None and abs(cost - claimed) <= 3 * RELATIVE * abs(cost) + 10 * GRAMS


def at_least(value: float | None, least: Least) -> bool:
    """Whether a value is not below the optimum."""
    return value is not None and value >= min(least.whole, least.nearly_whole) * (1 - RELATIVE) - GRAMS


@pytest.mark.parametrize("chunk", range(15))
def test_the_exact_optimum_is_that_of_the_reference(chunk: int) -> None:
    for case in cases(chunk):
        least, found = optimum(case), solve_exact(parse_problem(json.dumps(case)))
        assert (found.status is Status.INFEASIBLE) == (least is None)
        if least is not None:
            assert found.status is Status.OPTIMAL
            assert found.objective_grams is not None
            assert least.agrees(found.objective_grams)
            assert rows_hold(case, found)


@pytest.mark.parametrize("chunk", range(15, 30))
def test_greedy_and_two_price_plans_lie_above_the_reference_optimum_and_bounds_below(chunk: int) -> None:
    for case in cases(chunk):
        made, least = parse_problem(json.dumps(case)), optimum(case)
        priced = None if supports(made) else solve_two_price(made, time_limit_seconds=20.0)
        plans = [plan for plan in (priced, solve_greedy(made)) if plan and plan.status is not Status.INFEASIBLE]
        assert not (plans and least is None)
        for plan in plans if least is not None else ():
            assert at_least(plan.objective_grams, least) or not made.policy.shift_in_time
            assert verify(made, plan) == ()
            assert rows_hold(case, plan)
        if priced is not None and least is not None:
            assert priced.lower_bound_grams is not None
            assert priced.lower_bound_grams <= max(least.whole, least.nearly_whole) * (1 + RELATIVE) + GRAMS


def test_a_problem_that_emits_nothing_is_planned_by_prices() -> None:
    free = {**document(36), "harvest_intensity_grams_per_kilowatt_hour": 0.0}
    free["intensity_grams_per_kilowatt_hour"] = {
        zone: [0.0] * len(grams) for zone, grams in free["intensity_grams_per_kilowatt_hour"].items()
    }
    free["policy"] |= {"include_embodied": False, "shift_in_time": True}
    free["network"]["transit_intensity_grams_per_kilowatt_hour"] = 0.0
    made = parse_problem(json.dumps(free))
    assert supports(made) is None
    assert solve_two_price(made, time_limit_seconds=20.0).objective_grams == pytest.approx(0.0, abs=GRAMS)


def shaken(solution: Document, case: Document, seed: int) -> Document:
    """The solution with the rounding of another solver in every amount: 1e-8 of what it is measured by."""
    draw = random.Random(seed)
    hours = case["period_seconds"] / 3600
    watt_hours = min(max(node["idle_watts"], node["asleep_watts"]) * hours for node in case["nodes"])
    batches = {job["name"]: job["batches"] for job in case["jobs"]}

    def shake(value: float, scale: float) -> float:
        return value + draw.uniform(-1e-8, 1e-8) * scale

    for row in solution["batches"]:
        row["batches"] = shake(row["batches"], batches[row["job"]][row["from"]])
    for row in (*solution["sends"], *solution["draws"]):
        row["watt_hours"] = shake(row["watt_hours"], watt_hours)
    for row in solution["nodes"]:
        row["awake_hours"] = [shake(value, hours) for value in row["awake_hours"]]
        for name in ("grid_watt_hours", "harvest_used_watt_hours"):
            row[name] = [shake(value, watt_hours) for value in row[name]]
    return solution


@pytest.mark.parametrize("seed", range(40))
def test_the_rounding_of_another_solver_is_no_violation(seed: int) -> None:
    case = document(seed)
    made = parse_problem(json.dumps(case))
    found = json.loads(solve_exact(made).to_json())
    if found["status"] == "optimal":
        assert verify(made, Solution.from_json(json.dumps(shaken(found, case, seed)))) == ()


@pytest.mark.parametrize("seed", [41, 204, 264, 344])
def test_megawatts_are_planned_as_well_as_watts(seed: int) -> None:
    """The rounding of a battery of megawatt-hours is more than 1e-12 Wh, and no reason to refuse a plan."""
    case = in_megawatts(document(seed))
    least, found = optimum(case), solve_exact(parse_problem(json.dumps(case)))
    assert (least is None) == (found.status is Status.INFEASIBLE)
    if least is not None:
        assert found.status is Status.OPTIMAL
        assert found.objective_grams is not None
        assert least.agrees(found.objective_grams)


def in_megawatts(case: Document) -> Document:
    """The file with a hundred thousand times the power and energy, and without data or work to keep its scales near."""
    for node in case["nodes"]:
        for holder in (node, node["battery"] or {}):
            for name in holder:
                if name.endswith(("_watts", "_watt_hours")) and name != "harvest_watt_hours":
                    holder[name] *= 1e5
        node["harvest_watt_hours"] = [1e5 * value for value in node["harvest_watt_hours"]]
    return {**case, "jobs": []}
