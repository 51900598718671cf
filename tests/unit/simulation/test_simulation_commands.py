"""The two commands as a user types them: answers on standard output, one clear line for a mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from sunward.cli import experiment, simulate
from sunward.domain.errors import InvalidInput
from sunward.simulation.experiments import registry
from sunward.simulation.experiments.result import Result as ExperimentResult
from support.simulation import MINIMAL_SCENARIO


def run(*arguments: str) -> Result:
    app = typer.Typer()
    simulate.register(app)
    experiment.register(app)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(MINIMAL_SCENARIO, encoding="utf-8")
    return str(path)


def test_without_a_scenario_the_ready_ones_are_listed() -> None:
    result = run("simulate")
    assert result.exit_code == 0
    assert "paper-day" in result.stdout


STARVED = MINIMAL_SCENARIO.replace("{a: 10}", "{a: 400}")
HEAVY = MINIMAL_SCENARIO.replace("idle_watts: 1, busy_watts: 2", "idle_watts: 12000, busy_watts: 24000")


def test_work_left_undone_is_never_a_saving(tmp_path: Path) -> None:
    """400 minutes of work in four hours: every rule does what fits, and the rest is charged."""
    path = tmp_path / "starved.yaml"
    path.write_text(STARVED, encoding="utf-8")
    result = run("simulate", str(path), "--policy", "none + sleep", "-o", "json")
    assert result.exit_code == 1
    none, other = json.loads(result.stdout)
    assert none["unfinished_batches"] == pytest.approx(160.0)
    assert other["charged_market_grams"] == pytest.approx(other["market_grams"] + 160 * none["market_grams"] / 240)
    assert "160 batches were not done" in result.stderr


def test_a_table_holds_five_digits_at_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "heavy.yaml"
    path.write_text(HEAVY, encoding="utf-8")
    result = run("simulate", str(path), "--policy", "none + sleep")
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    rows = {line[:14].strip(): line[14:].split() for line in result.stdout.splitlines()}
    assert rows["none"][:3] == ["14940", "0.0", "14940"]
    assert rows["none"][4:6] == ["49800", "49800"]
    assert float(rows["none + sleep"][1]) == pytest.approx(100 * (1 - 3.8 / 49.8), abs=0.1)


def test_rows_appear_as_policies_finish(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped has printed what was found until then."""
    from sunward.simulation import simulator

    def stopped(*arguments: object, **options: object) -> object:
        if getattr(arguments[1], "name", "") != "none":
            raise KeyboardInterrupt
        return original(*arguments, **options)  # type: ignore[arg-type]

    original = simulator.simulate
    monkeypatch.setattr(simulator, "simulate", stopped)
    result = run("simulate", scenario, "--policy", "none + sleep")
    assert result.exit_code != 0
    assert any(line.startswith("none") and "1/1" in line for line in result.stdout.splitlines())


def test_json_output_is_nothing_but_json_and_begins_with_the_baseline(scenario: str) -> None:
    result = run("simulate", scenario, "--policy", "none + sleep", "-o", "json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [row["policy"] for row in rows] == ["none", "none + sleep"]
    assert rows[1]["market_grams"] < rows[0]["market_grams"]


def test_a_report_has_a_page_a_table_and_figures_in_two_formats(scenario: str, tmp_path: Path) -> None:
    result = run("simulate", scenario, "--policy", "none", "--report", str(tmp_path / "report"))
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "report" / "tiny"
    assert {"result.json", "totals.csv", "emissions.svg", "emissions.png"} <= {p.name for p in folder.iterdir()}
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "tiny/emissions.svg" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulate", "nowhere"), "nowhere: no such file"),
        (("simulate", "one-site", "--policy", "magic"), "--policy: 'magic' is unknown"),
        (("experiment", "fig9"), "no experiment 'fig9'"),
    ],
)
def test_a_mistake_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, InvalidInput)
    assert words in str(result.exception)


def test_experiments_are_listed_with_their_question() -> None:
    result = run("experiment")
    assert result.exit_code == 0
    for name in ("table1", "fig3", "fig4", "fig5", "sensitivity", "calibration", "week", "information", "policies"):
        assert name in result.stdout


def test_an_experiment_prints_its_claims_and_writes_its_numbers(tmp_path: Path) -> None:
    result = run("experiment", "table1", "--report", str(tmp_path), "-o", "json")
    assert result.exit_code == 0, result.stderr
    (data,) = json.loads(result.stdout)
    assert {claim["level"] for claim in data["claims"]} == {"L2 from data"}
    rows = (tmp_path / "table1" / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 19


def test_the_ladder_is_a_table_of_whole_numbers_at_80_columns(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run("experiment", "gap", "--scenario", scenario, "--small", "--processes", "1")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    first = {line[:26].strip(): line.split() for line in lines}
    assert first["optimum"][1:3] == ["0.1", "0.1"]
    assert first["+ one transition at a time"][-1] == "run"
    assert first["none"][1] == "1.2"


def test_scenarios_belong_to_the_ladder_alone(scenario: str) -> None:
    result = run("experiment", "table1", "--scenario", scenario)
    assert isinstance(result.exception, InvalidInput)
    assert "sunward experiment gap" in str(result.exception)


def test_what_was_found_is_written_although_a_later_experiment_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_setting: registry.Setting) -> ExperimentResult:
        raise RuntimeError("a solver contradicts itself")

    broken = registry.Experiment(name="fig3", question="Does it?", run=fail)
    monkeypatch.setattr(registry, "EXPERIMENTS", dict(registry.EXPERIMENTS) | {"fig3": broken})
    result = run("experiment", "table1", "fig3", "--report", str(tmp_path))
    assert isinstance(result.exception, RuntimeError)
    assert (tmp_path / "table1" / "result.json").exists()
    assert "Table I" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_bytes_in_another_process(scenario: str) -> None:
    """Sets of strings are ordered anew by every process; nothing may depend on that, nor on a clock."""
    command = "from sunward.cli.main import main; main()"
    arguments = ["simulate", scenario, "--policy", "DETA", "--policy", "DETA, pure", "--seed", "3", "-o", "json"]
    outputs = [
        subprocess.run(
            [sys.executable, "-c", command, *arguments],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert [row["policy"] for row in json.loads(outputs[0])] == ["none", "DETA", "DETA, pure"]


def test_a_wrong_file_ends_in_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(MINIMAL_SCENARIO.replace("zone: Z", "zone: Y"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from sunward.cli.main import main; main()", "simulate", str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"sunward: {path}: nodes.a.zone: 'Y' is unknown; known: Z\n"
