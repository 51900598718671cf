"""Reading problem and solution files: what is refused, where the error points, and that nothing is lost."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import ProblemError
from sunward.optimisation.problem.solution import Solution, SolutionError
from sunward.optimisation.solve import solve_exact
from support.optimisation.instances import BATTERY, as_document, instance, job, node, pool, problem


def document() -> dict[str, Any]:
    """A valid problem file that uses every object of the format."""
    return as_document(
        problem(
            node("a", battery=BATTERY),
            node("b", "clean"),
            jobs=(job({"a": 600.0}, ("b",), movable_to=("b",)),),
            pools=(pool("a", "b"),),
        )
    )


def put(target: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    """Set (or, with `...`, remove) what a path leads to."""
    here: Any = target
    for step in path[:-1]:
        here = here[step]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value


REFUSED: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("schema",), "sunward.dev/problem/v2", "schema"),
    (("extra",), 1, "extra"),
    (("period_seconds",), ..., "period_seconds"),
    (("period_seconds",), 0, "period_seconds"),
    (("period_seconds",), "900", "period_seconds"),
    (("period_seconds",), True, "period_seconds"),
    (("intensity_grams_per_kilowatt_hour",), {}, "intensity_grams_per_kilowatt_hour"),
    (("intensity_grams_per_kilowatt_hour", "clean"), [], 'intensity_grams_per_kilowatt_hour["clean"]'),
    (("intensity_grams_per_kilowatt_hour", "dirty"), [1.0], 'intensity_grams_per_kilowatt_hour["dirty"]'),
    (("intensity_grams_per_kilowatt_hour", "dirty", 1), -1.0, 'intensity_grams_per_kilowatt_hour["dirty"][1]'),
    (("harvest_intensity_grams_per_kilowatt_hour",), -0.1, "harvest_intensity_grams_per_kilowatt_hour"),
    (("nodes",), {}, "nodes"),
    (("nodes", 0, "name"), "", "nodes[0].name"),
    (("nodes", 1, "name"), "a", "nodes[1].name"),
    (("nodes", 0, "grid_zone"), "nowhere", "nodes[0].grid_zone"),
    (("nodes", 0, "idle_watts"), -2.7, "nodes[0].idle_watts"),
    (("nodes", 0, "idle_watts"), None, "nodes[0].idle_watts"),
    (("nodes", 0, "can_sleep"), 1, "nodes[0].can_sleep"),
    (("nodes", 0, "colour"), "red", "nodes[0].colour"),
    (("nodes", 0, "battery"), ..., "nodes[0].battery"),
    (("nodes", 0, "minimum_awake_periods"), 0, "nodes[0].minimum_awake_periods"),
    (("nodes", 0, "minimum_asleep_periods"), 1.5, "nodes[0].minimum_asleep_periods"),
    (("nodes", 0, "maximum_sleeps"), 0.5, "nodes[0].maximum_sleeps"),
    (("nodes", 0, "maximum_sleeps"), -1, "nodes[0].maximum_sleeps"),
    (("nodes", 0, "harvest_watt_hours"), [1.0], "nodes[0].harvest_watt_hours"),
    (("nodes", 0, "harvest_watt_hours", 1), -1.0, "nodes[0].harvest_watt_hours[1]"),
    (("nodes", 0, "maximum_export_ratio"), 1.1, "nodes[0].maximum_export_ratio"),
    (("nodes", 0, "battery", "charge_efficiency"), 0.0, "nodes[0].battery.charge_efficiency"),
    (("nodes", 0, "battery", "discharge_efficiency"), 1.2, "nodes[0].battery.discharge_efficiency"),
    (("nodes", 0, "battery", "initial_watt_hours"), 0.5, "nodes[0].battery.initial_watt_hours"),
    (("nodes", 0, "battery", "final_watt_hours"), 11.0, "nodes[0].battery.final_watt_hours"),
    (("nodes", 0, "battery", "minimum_watt_hours"), 6.0, "nodes[0].battery.initial_watt_hours"),
    (("energy_pools", 0, "kind"), "magic", "energy_pools[0].kind"),
    (("energy_pools", 0, "members"), ["a", "z"], "energy_pools[0].members[1]"),
    (("energy_pools", 0, "members"), ["a", "a"], "energy_pools[0].members[1]"),
    (("energy_pools", 0, "efficiency"), 0, "energy_pools[0].efficiency"),
    (("jobs", 0, "release_period"), 0, "jobs[0].release_period"),
    (("jobs", 0, "deadline_period"), 3, "jobs[0].deadline_period"),
    (("jobs", 0, "release_period"), 2.0, "jobs[0].release_period"),
    (("jobs", 0, "batches"), {"z": 1.0}, 'jobs[0].batches["z"]'),
    (("jobs", 0, "batches"), {"a": -1.0}, 'jobs[0].batches["a"]'),
    (("jobs", 0, "seconds_per_batch"), {"z": 1.0}, 'jobs[0].seconds_per_batch["z"]'),
    (("jobs", 0, "movable_to"), ["z"], "jobs[0].movable_to[0]"),
    (("jobs", 0, "maximum_offload_ratio"), 1.5, "jobs[0].maximum_offload_ratio"),
    (("jobs", 0, "maximum_offloaded_batches"), {"b": 1.0}, 'jobs[0].maximum_offloaded_batches["b"]'),
    (("jobs", 0, "maximum_offloaded_batches"), {"a": -1.0}, 'jobs[0].maximum_offloaded_batches["a"]'),
    (("jobs", 0, "minimum_workers"), -1, "jobs[0].minimum_workers"),
    (("network", "seconds_per_gigabyte"), ..., "network.seconds_per_gigabyte"),
    (("policy", "export_rule"), "sometimes", "policy.export_rule"),
    (("policy", "maximum_asleep_nodes"), 0.5, "policy.maximum_asleep_nodes"),
]


@pytest.mark.parametrize(("path", "value", "where"), REFUSED, ids=lambda part: str(part)[:60])
def test_a_wrong_field_is_refused_by_its_path_in_one_line(path: tuple[str | int, ...], value: Any, where: str) -> None:
    wrong = document()
    put(wrong, path, value)
    with pytest.raises(ProblemError) as caught:
        parse_problem(json.dumps(wrong))
    assert caught.value.path == where
    assert "\n" not in str(caught.value)


def test_a_release_after_the_deadline_is_refused() -> None:
    wrong = document()
    wrong["jobs"][0].update(release_period=2, deadline_period=1)
    with pytest.raises(ProblemError, match="release_period 2"):
        parse_problem(json.dumps(wrong))


def test_an_exportable_battery_may_not_charge_from_the_grid() -> None:
    wrong = document()
    wrong["nodes"][0]["battery"].update(exportable=True, charge_from_grid=True)
    with pytest.raises(ProblemError, match="excludes charge_from_grid"):
        parse_problem(json.dumps(wrong))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400])
def test_numbers_that_are_not_finite_are_refused_by_their_path(number: str) -> None:
    text = json.dumps(document()).replace('"idle_watts": 2.0', f'"idle_watts": {number}', 1)
    with pytest.raises(ProblemError) as caught:
        parse_problem(text)
    assert caught.value.path == "nodes[0].idle_watts"


def test_a_key_given_twice_is_refused() -> None:
    text = json.dumps(document()).replace('"idle_watts": 2.0', '"idle_watts": 2.0, "idle_watts": 3.0', 1)
    with pytest.raises(ProblemError) as caught:
        parse_problem(text)
    assert caught.value.path == "nodes[0].idle_watts"


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "1", "[" * 100_000, '"text"', "{}"])
def test_text_that_is_no_problem_is_refused(text: str) -> None:
    with pytest.raises(ProblemError):
        parse_problem(text)


@pytest.mark.parametrize("seed", range(20))
def test_problems_and_solutions_survive_their_files(seed: int) -> None:
    made = instance(seed)
    assert parse_problem(made.to_json()) == made
    found = solve_exact(made)
    assert Solution.from_json(found.to_json()) == found


def test_a_problem_built_in_memory_is_checked_too() -> None:
    with pytest.raises(ProblemError) as caught:
        problem(node("a", harvest=(float("nan"), 0.0)))
    assert caught.value.path == "nodes[0].harvest_watt_hours[0]"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("status",), "perfect", "status"),
        (("objective_grams",), "1", "objective_grams"),
        (("nodes", 0, "on"), [1, 0], "nodes[0].on[0]"),
        (("batches",), [{"job": "j"}], "batches[0].from"),
        (("prices",), ..., "prices"),
    ],
)
def test_a_wrong_solution_is_refused_by_its_path(path: tuple[str | int, ...], value: Any, where: str) -> None:
    wrong = json.loads(solve_exact(problem(node("a"))).to_json())
    put(wrong, path, value)
    with pytest.raises(SolutionError) as caught:
        Solution.from_json(json.dumps(wrong))
    assert caught.value.path == where


@pytest.mark.parametrize("text", ["another-tool 2.1", "exact, glop", "Exact", "greedy and more", ""])
def test_a_solution_of_another_tool_may_name_any_solver(text: str) -> None:
    document = json.loads(solve_exact(problem(node("a"))).to_json()) | {"solver": text}
    found = Solution.from_json(json.dumps(document))
    assert (found.solver, found.method, found.fallback) == (text, None, None)
    assert json.loads(found.to_json())["solver"] == text


@pytest.mark.parametrize("method", [None, "glop", "bound (weak)"])
@pytest.mark.parametrize("fallback", [None, "the solver process ended (killed)", "two\nlines, because of it"])
def test_solver_method_and_fallback_are_one_text_in_the_file(method: str | None, fallback: str | None) -> None:
    made = replace(solve_exact(problem(node("a"))), method=method, fallback=fallback)
    assert {"method", "fallback"}.isdisjoint(json.loads(made.to_json()))
    assert Solution.from_json(made.to_json()) == made


@pytest.mark.parametrize("field", ["method", "fallback"])
def test_a_solution_file_has_no_other_fields_about_its_solver(field: str) -> None:
    document = json.loads(solve_exact(problem(node("a"))).to_json()) | {field: "glop"}
    with pytest.raises(SolutionError, match=f"{field}: is not a field of a solution"):
        Solution.from_json(json.dumps(document))
