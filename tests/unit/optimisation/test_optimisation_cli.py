"""`sunward plan`, `verify` and `explain-problem`: what they print, where, and how they exit."""

import json
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from sunward.cli import plan, verify
from sunward.cli.explaining import explain_problem
from sunward.domain.errors import InvalidInput
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status
from support.optimisation.instances import as_document, job, node, pool, problem

app = typer.Typer()
for module in (plan, verify, explain_problem):
    module.register(app)
runner = CliRunner()


def made() -> Problem:
    """A small problem with work to move and sun to share."""
    return problem(
        node("a", idle_watts=3.0),
        node("b", "clean", harvest=(1.0, 0.5)),
        jobs=(job({"a": 3001.0}, ("b",)),),
        pools=(pool("a", "b"),),
    )


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The problem as a file."""
    path = tmp_path / "problem.json"
    path.write_text(made().to_json())
    return str(path)


def test_a_plan_is_json_and_nothing_else_and_verifies(file: str, tmp_path: Path) -> None:
    found = runner.invoke(app, ["plan", file, "--output", "json"])
    assert found.exit_code == 0
    solution = Solution.from_json(found.stdout)
    assert solution.status is Status.OPTIMAL
    (tmp_path / "solution.json").write_text(found.stdout)
    checked = runner.invoke(app, ["verify", file, str(tmp_path / "solution.json")])
    assert checked.exit_code == 0
    assert checked.stdout.startswith("correct: optimal")


def test_yaml_says_the_same_as_json(file: str) -> None:
    as_json = json.loads(runner.invoke(app, ["plan", file, "-o", "json"]).stdout)
    as_yaml = yaml.safe_load(runner.invoke(app, ["plan", file, "-o", "yaml"]).stdout)
    assert {**as_yaml, "solve_seconds": 0} == {**as_json, "solve_seconds": 0}


def test_a_table_names_emissions_bound_and_work(file: str) -> None:
    text = runner.invoke(app, ["plan", file]).stdout
    assert text.startswith("optimal: ")
    for word in ("g CO2e", "nodes", "work", "shared energy", "default/job"):
        assert word in text


def test_whole_batches_are_whole_and_feasible(file: str) -> None:
    solution = Solution.from_json(runner.invoke(app, ["plan", file, "--whole-batches", "-o", "json"]).stdout)
    assert solution.rounded
    assert solution.status is Status.FEASIBLE
    assert all(row.batches == int(row.batches) for row in solution.batches)


@pytest.mark.parametrize("mode", ["det", "dat"])
def test_a_mode_replaces_the_policy(file: str, mode: str) -> None:
    solution = Solution.from_json(runner.invoke(app, ["plan", file, "--mode", mode, "-o", "json"]).stdout)
    assert bool(solution.sends) == (mode == "det")
    assert any(row.home != row.on for row in solution.batches) == (mode == "dat")


@pytest.mark.parametrize("solver", ["exact", "greedy"])
def test_every_solver_plans(file: str, solver: str) -> None:
    found = runner.invoke(app, ["plan", file, "--solver", solver, "-o", "json"])
    assert found.exit_code == 0
    assert Solution.from_json(found.stdout).status in (Status.OPTIMAL, Status.FEASIBLE)


def test_an_infeasible_problem_exits_with_1_and_its_reasons(tmp_path: Path) -> None:
    path = tmp_path / "late.json"
    path.write_text(problem(node("a"), jobs=(job({"a": 1e6}),)).to_json())
    found = runner.invoke(app, ["plan", str(path), "-o", "json"])
    assert found.exit_code == 1
    assert json.loads(found.stdout)["infeasible_because"][0]["constraint"] == "deadline"
    assert "deadline" in runner.invoke(app, ["plan", str(path)]).stdout


def test_a_wrong_solution_exits_with_1_and_the_constraint(file: str, tmp_path: Path) -> None:
    solution = json.loads(runner.invoke(app, ["plan", file, "-o", "json"]).stdout)
    solution["batches"] = []
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(solution))
    found = runner.invoke(app, ["verify", file, str(path), "-o", "json"])
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert not answer["correct"]
    assert "1" in {violation["constraint"] for violation in answer["violations"]}


def refused(*arguments: str) -> str:
    """The one line with which bad input ends."""
    found = runner.invoke(app, list(arguments))
    assert isinstance(found.exception, InvalidInput)
    assert found.stdout == ""
    assert "\n" not in str(found.exception)
    return str(found.exception)


def test_a_wrong_field_is_named_with_its_file(file: str, tmp_path: Path) -> None:
    document = as_document(made())
    document["nodes"][1]["idle_watts"] = -1
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document))
    assert refused("plan", str(path)) == f"{path}: nodes[1].idle_watts: must not be negative, it is -1"
    assert refused("verify", file, str(path)).startswith(f"{path}: schema: ")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "cannot be read" in refused("plan", str(tmp_path / "none.json"))
    assert "cannot be read" in refused("plan", str(tmp_path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in refused("plan", str(tmp_path / "binary"))


def test_unknown_options_are_named_with_the_known_ones(file: str) -> None:
    assert refused("plan", file, "--mode", "best") == "--mode: must be one of none, det, dat, deta"
    assert "auto, exact, two-price, greedy" in refused("plan", file, "--solver", "oracle")


def test_a_problem_can_come_from_standard_input() -> None:
    found = runner.invoke(app, ["plan", "-", "-o", "json"], input=made().to_json())
    assert Solution.from_json(found.stdout).status is Status.OPTIMAL


def test_modes_are_compared_and_priced(file: str) -> None:
    found = json.loads(runner.invoke(app, ["explain-problem", file, "-o", "json"]).stdout)
    lost = {row["mode"]: row["lost_by_grams"] for row in found["alternatives"]}
    assert lost["deta"] == 0
    assert lost["none"] > max(lost["det"], lost["dat"]) > 0
    assert max(found["harvest_grams_per_watt_hour"]["b"]) > 0
    table = runner.invoke(app, ["explain-problem", file]).stdout
    assert "more than the plan" in table
