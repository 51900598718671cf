"""The verifier refuses corrupted solutions and names the constraint that broke."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import ExportRule, Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import BATTERY, as_document, instance, job, node, pool, problem

Document = dict[str, Any]
Corruption = Callable[[Document], None]


def working() -> Problem:
    """Work that moves, a battery that cycles, energy that is shared: every constraint has something to break."""
    return problem(
        node("a", harvest=(0.0, 0.0), storage_gigabytes=0.1, idle_watts=3.0),
        node("b", "clean", harvest=(12.0, 1.0), battery=BATTERY, storage_gigabytes=0.1),
        node("c", can_sleep=False),
        jobs=(
            job({"a": 3000.0, "c": 600.0}, ("b",), gigabytes_per_batch=0.00005, minimum_workers=2, name="default/free"),
            job({"a": 300.0, "b": 300.0}, synchronous=True, name="default/rounds", minimum_batches_per_worker=50.0),
        ),
        pools=(pool("a", "b"),),
    )


def every(rows: str, field: str, change: Callable[[float], float]) -> Corruption:
    """Change one field of every row."""

    def corrupt(solution: Document) -> None:
        for row in solution[rows]:
            row[field] = change(row[field])

    return corrupt


def of_node(name: str, field: str, period: int, change: Callable[[Any], Any]) -> Corruption:
    """Change one period of one node's series."""

    def corrupt(solution: Document) -> None:
        row = next(row for row in solution["nodes"] if row["name"] == name)
        row[field][period - 1] = change(row[field][period - 1])

    return corrupt


def set_to(field: str, value: Any) -> Corruption:
    """Set a field of the solution."""

    def corrupt(solution: Document) -> None:
        solution[field] = value

    return corrupt


def move_row(**changes: Any) -> Corruption:
    """Change fields of the first row of batches."""

    def corrupt(solution: Document) -> None:
        solution["batches"][0].update(changes)

    return corrupt


CORRUPTIONS: list[tuple[str, str, Corruption]] = [
    ("1", "half of the batches", every("batches", "batches", lambda x: x / 2)),
    ("1", "more batches than there are", every("batches", "batches", lambda x: x * 1.01)),
    ("1", "no batches", set_to("batches", [])),
    ("4", "no awake time", of_node("c", "awake_hours", 1, lambda _: 0.0)),
    ("4", "longer than a period", of_node("c", "awake_hours", 1, lambda _: 1.5)),
    ("4", "off although it may not sleep", of_node("c", "on", 2, lambda _: False)),
    ("6", "grid energy from nowhere", of_node("c", "grid_watt_hours", 1, lambda x: x * 0.5)),
    ("6", "too much grid energy", of_node("a", "grid_watt_hours", 1, lambda x: x + 0.1)),
    ("6", "harvest that is not there", of_node("b", "harvest_used_watt_hours", 2, lambda x: x + 5)),
    ("7", "drawn is not sent", every("draws", "watt_hours", lambda x: x * 1.1)),
    ("7", "sent by a stranger", every("sends", "node", lambda _: "c")),
    ("7", "drawn by a stranger", every("draws", "node", lambda _: "c")),
    ("8", "sends more than it may", every("sends", "watt_hours", lambda x: x + 20)),
    ("9", "stored energy jumps", of_node("b", "stored_watt_hours", 1, lambda x: x + 1)),
    ("9", "below the minimum", of_node("b", "stored_watt_hours", 1, lambda _: 0.5)),
    ("9", "above the capacity", of_node("b", "stored_watt_hours", 1, lambda _: 11.0)),
    ("9", "ends too low", of_node("b", "stored_watt_hours", 2, lambda _: 4.0)),
    ("9", "charges without a battery", of_node("a", "charge_watt_hours", 1, lambda _: 1.0)),
    ("9", "charges too fast", of_node("b", "charge_watt_hours", 1, lambda _: 11.0)),
    ("objective", "flattering objective", set_to("objective_grams", 0.001)),
    ("bound", "bound above the objective", set_to("lower_bound_grams", 1e6)),
    ("bound", "no bound", set_to("lower_bound_grams", None)),
    ("bound", "wrong gap", set_to("relative_gap", 0.5)),
    ("format", "unknown job", move_row(job="default/none")),
    ("format", "unknown node", move_row(on="z")),
    ("format", "period 0", move_row(period=0)),
    ("format", "period beyond the horizon", move_row(period=3)),
    ("1", "negative batches", every("batches", "batches", lambda x: -x)),
    ("non-negative", "negative grid energy", of_node("b", "grid_watt_hours", 1, lambda _: -1.0)),
    ("non-negative", "negative awake time", of_node("a", "awake_hours", 2, lambda _: -0.1)),
    ("status", "infeasible with a plan", set_to("status", "infeasible")),
]


def corrupted(made: Problem, corrupt: Corruption) -> tuple[set[str], Solution]:
    """Names of the constraints that the verifier finds broken."""
    document = json.loads(solve_exact(made).to_json())
    corrupt(document)
    wrong = Solution.from_json(json.dumps(document))
    return {violation.constraint for violation in verify(made, wrong)}, wrong


@pytest.mark.parametrize(("constraint", "what", "corrupt"), CORRUPTIONS, ids=[entry[1] for entry in CORRUPTIONS])
def test_a_corruption_is_named_by_its_constraint(constraint: str, what: str, corrupt: Corruption) -> None:
    names, _ = corrupted(working(), corrupt)
    assert constraint in names


NUMBERS = 170
SCALED: list[tuple[str, str]] = [
    ("grid_watt_hours", "6"),
    ("harvest_used_watt_hours", "6"),
    ("awake_hours", "6"),
    ("charge_watt_hours", "6"),
    ("discharge_watt_hours", "6"),
    ("stored_watt_hours", "9"),
]


def corruptions_of_numbers() -> Iterator[tuple[Problem, Document, str]]:
    """Valid solutions with one number moved by a thousandth, and the constraint that this breaks."""
    for seed in itertools.count():
        made = instance(seed)
        solution = json.loads(solve_exact(made).to_json())
        for index, row in enumerate(solution["nodes"]):
            for field, constraint in SCALED:
                period = max(range(len(row[field])), key=lambda t: row[field][t])
                if row[field][period] > 0.05:
                    wrong = copy.deepcopy(solution)
                    wrong["nodes"][index][field][period] *= 1.001
                    yield made, wrong, constraint


def test_moving_any_number_of_a_solution_by_a_thousandth_is_found() -> None:
    for made, document, constraint in itertools.islice(corruptions_of_numbers(), NUMBERS):
        names = {violation.constraint for violation in verify(made, Solution.from_json(json.dumps(document)))}
        assert names & {constraint, "4", "9"}, document


def test_there_are_two_hundred_corruptions() -> None:
    assert len(CORRUPTIONS) + NUMBERS >= 200


def rebuilt(made: Problem, **policy: Any) -> Problem:
    """The same problem under another policy."""
    document = as_document(made)
    document["policy"].update(policy)
    return parse_problem(json.dumps(document))


@pytest.mark.parametrize(
    ("constraint", "policy"),
    [("2", {"offload_tasks": False}), ("7", {"share_energy": False}), ("4", {"sleep": False})],
)
def test_a_plan_that_the_policy_forbids_is_refused(constraint: str, policy: dict[str, bool]) -> None:
    made = problem(
        node("a", idle_watts=3.0),
        node("b", "clean", harvest=(12.0, 1.0)),
        jobs=(job({"a": 3000.0}, ("b",)),),
        pools=(pool("a", "b"),),
    )
    names = {violation.constraint for violation in verify(rebuilt(made, **policy), solve_exact(made))}
    assert constraint in names


def changed(made: Problem, path: tuple[str | int, ...], value: Any) -> Problem:
    """The same problem with one field changed."""
    document: Any = as_document(made)
    here = document
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return parse_problem(json.dumps(document))


@pytest.mark.parametrize(
    ("constraint", "path", "value"),
    [
        ("1", ("jobs", 0, "release_period"), 2),
        ("1", ("jobs", 0, "watt_hours_per_batch"), {"a": 0.001, "c": 0.001}),
        ("1", ("jobs", 0, "synchronous"), True),
        ("2", ("jobs", 0, "maximum_offload_ratio"), 0.1),
        ("2", ("jobs", 0, "maximum_offloaded_batches"), {"a": 1.0, "c": 1.0}),
        ("2", ("jobs", 0, "movable_to"), ["c"]),
        ("2", ("nodes", 1, "storage_gigabytes"), 0.01),
        ("3", ("network", "seconds_per_gigabyte"), 1e5),
        ("4", ("jobs", 0, "seconds_per_batch"), {"a": 3.0, "b": 3.0, "c": 3.0}),
        ("6", ("network", "send_watt_hours_per_gigabyte"), 50.0),
        ("7", ("energy_pools", 0, "members"), ["b"]),
        ("8", ("nodes", 1, "maximum_export_ratio"), 0.0),
        ("9", ("nodes", 1, "battery"), None),
        ("9", ("nodes", 1, "battery", "final_watt_hours"), 9.5),
        ("9", ("nodes", 1, "battery", "maximum_charge_watts"), 0.01),
        ("10", ("jobs", 0, "minimum_workers"), 4),
        ("10", ("jobs", 1, "minimum_batches_per_worker"), 301.0),
    ],
)
def test_a_plan_for_another_problem_is_refused(constraint: str, path: tuple[str | int, ...], value: Any) -> None:
    made = working()
    tight = changed(made, ("jobs", 0, "minimum_batches_per_worker"), 1.0)
    names = {violation.constraint for violation in verify(changed(tight, path, value), solve_exact(made))}
    assert constraint in names


def test_switching_too_often_and_too_many_sleepers_are_found() -> None:
    made = problem(
        node("a", harvest=(0.0,) * 4, minimum_awake_periods=3, minimum_asleep_periods=2),
        intensity_grams_per_kilowatt_hour={"dirty": (500.0,) * 4},
        maximum_asleep_nodes=1,
    )
    for pattern in ([True, False, True, True], [False, False, True, False]):
        document = json.loads(solve_exact(made).to_json())
        document["nodes"][0]["on"] = pattern
        wrong = Solution.from_json(json.dumps(document))
        assert "5" in {violation.constraint for violation in verify(made, wrong)}
    asleep = solve_exact(made)
    assert "5" in {v.constraint for v in verify(rebuilt(made, maximum_asleep_nodes=0), asleep)}
    at_once = json.loads(asleep.to_json())
    at_once["nodes"][0]["on"] = [False] * 4
    never = replace(made, nodes=(replace(made.nodes[0], maximum_sleeps=0),))
    found = verify(never, Solution.from_json(json.dumps(at_once)))
    assert "sleeps 1 times, 0 allowed" in " ".join(map(str, found))


def test_exports_while_buying_are_found_under_the_surplus_rule() -> None:
    made = problem(
        node("a", "clean", harvest=(1.0, 0.0)), node("b", can_sleep=False), pools=(pool("a", "b"),), sleep=False
    )
    free = solve_exact(made)
    assert any(row.grid_watt_hours[0] > 0 for row in free.nodes if row.name == "a")
    strict = rebuilt(made, export_rule=ExportRule.SURPLUS_ONLY.value)
    assert "8" in {violation.constraint for violation in verify(strict, free)}


def test_an_exportable_battery_that_charges_and_discharges_at_once_is_found() -> None:
    made = working()
    document = as_document(made)
    document["nodes"][1]["battery"]["exportable"] = True
    exportable = parse_problem(json.dumps(document))
    solution = json.loads(solve_exact(exportable).to_json())
    row = next(row for row in solution["nodes"] if row["name"] == "b")
    row["charge_watt_hours"][0] += 1.0
    row["discharge_watt_hours"][0] += 0.81
    row["harvest_used_watt_hours"][0] += 0.19
    wrong = Solution.from_json(json.dumps(solution))
    assert "9" in {violation.constraint for violation in verify(exportable, wrong)}


def test_work_that_could_be_done_sooner_is_found_where_the_policy_does_not_shift() -> None:
    made = problem(
        node("a", "clean"),
        jobs=(job({"a": 600.0}),),
        intensity_grams_per_kilowatt_hour={"clean": (500.0, 10.0)},
    )
    late = solve_exact(made)
    assert {row.period for row in late.batches} == {2}
    assert "11" in {violation.constraint for violation in verify(rebuilt(made, shift_in_time=False), late)}


def test_a_false_optimum_a_false_bound_and_a_false_infeasibility_are_refuted_by_a_simple_plan() -> None:
    made = problem(node("a", "clean"), node("b"), jobs=(job({"b": 3000.0}, ("a",)),))
    best, wasteful = solve_exact(made), json.loads(solve_exact(rebuilt(made, offload_tasks=False)).to_json())
    forged = Solution.from_json(json.dumps({**wasteful, "status": "optimal"}))
    assert {violation.constraint for violation in verify(made, forged)} >= {"status", "bound"}
    none = json.loads(best.to_json())
    none.update(
        status="infeasible",
        objective_grams=None,
        lower_bound_grams=None,
        relative_gap=None,
        batches=[],
        sends=[],
        draws=[],
        nodes=[],
        infeasible_because=[{"constraint": "deadline", "job": "default/job", "shortfall": 1.0}],
    )
    assert "status" in {violation.constraint for violation in verify(made, Solution.from_json(json.dumps(none)))}


def test_infeasible_without_a_reason_is_refused() -> None:
    made = problem(node("a"), jobs=(job({"a": 1e6}),))
    found = json.loads(solve_exact(made).to_json())
    assert found["status"] == "infeasible"
    bare = Solution.from_json(json.dumps({**found, "infeasible_because": []}))
    assert "status" in {violation.constraint for violation in verify(made, bare)}


def test_missing_rows_are_zero_and_zero_rows_may_be_left_out() -> None:
    made = problem(node("a"), node("idle"), jobs=(job({"a": 600.0}),))
    document = json.loads(solve_exact(made).to_json())
    without = copy.deepcopy(document)
    without["nodes"] = [row for row in document["nodes"] if row["name"] != "idle"]
    assert verify(made, Solution.from_json(json.dumps(without))) == ()
    without["nodes"] = []
    assert verify(made, Solution.from_json(json.dumps(without))) != ()


def test_rows_of_dust_are_not_violations() -> None:
    made = working()
    document = json.loads(solve_exact(made).to_json())
    document["objective_grams"] *= 1 + 1e-9
    for row in document["nodes"]:
        row["grid_watt_hours"] = [value * (1 + 1e-9) for value in row["grid_watt_hours"]]
    assert verify(made, Solution.from_json(json.dumps(document))) == ()


@pytest.mark.parametrize("seed", range(15))
def test_greedy_solutions_are_feasible_and_prove_nothing(seed: int) -> None:
    made = instance(seed)
    found = solve_greedy(made)
    if found.status is not Status.INFEASIBLE:
        assert verify(made, found) == ()
        assert found.lower_bound_grams == 0.0


@pytest.mark.parametrize("bound", [-1.0, -1e9])
def test_a_bound_below_nothing_has_no_relative_gap_and_is_refused(bound: float) -> None:
    free = replace(working(), intensity_grams_per_kilowatt_hour={"clean": (0.0, 0.0), "dirty": (0.0, 0.0)})
    found = solve_exact(free)
    assert found.objective_grams == 0.0
    forged = replace(found, lower_bound_grams=bound, relative_gap=0.0)
    assert "bound" in {violation.constraint for violation in verify(free, forged)}
