"""`sunward plan` on a fleet as columns: the same optimum as from JSON, and errors that name file and column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from sunward.cli.explaining.explain_problem import explain_problem
from sunward.cli.output import Output
from sunward.cli.plan_columns import NoPlan, is_columnar, plan_columns
from sunward.domain.errors import InvalidInput
from sunward.optimisation.decomposition.columnar_convert import to_columns
from sunward.optimisation.decomposition.columnar_files import write_columns
from sunward.optimisation.solve import solve_exact
from support.optimisation.two_price import fleet

PROBLEM = fleet(50)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_columns_give_the_optimum_of_the_same_problem(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"fleet{suffix}"
    write_columns(to_columns(PROBLEM), file)
    plan_columns(str(file), 10.0, Output.JSON, tmp_path / "plan.npz")
    report = json.loads(capsys.readouterr().out)
    exact = solve_exact(PROBLEM, time_limit_seconds=10.0, relative_gap=1e-6)
    assert report["objective_grams"] == pytest.approx(exact.objective_grams, rel=1e-6)
    assert report["relative_gap"] <= 1e-6
    with np.load(tmp_path / "plan.npz", allow_pickle=False) as plan:
        assert len(plan["grid_watt_hours"]) == report["nodes"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        plan_columns(str(tmp_path / "nowhere.npz"), 1.0, Output.JSON, None)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fleet.npz"
    write_columns(to_columns(PROBLEM), file)
    with np.load(file, allow_pickle=False) as whole:
        rest = {name: whole[name] for name in whole.files if not name.endswith("idle_watts")}
    np.savez(file, **rest)  # type: ignore[arg-type]  # numpy's stub takes arrays by name
    with pytest.raises(InvalidInput, match="idle_watts"):
        plan_columns(str(file), 1.0, Output.JSON, None)


def test_only_columns_are_taken_for_columns() -> None:
    assert is_columnar("a.npz")
    assert is_columnar("a.parquet")
    assert not is_columnar("a.json")
    assert not is_columnar("-")


def test_a_fleet_without_a_plan_ends_in_a_word_and_never_in_a_traceback(tmp_path: Path) -> None:
    columns = to_columns(PROBLEM)
    hopeless = {name: getattr(columns, name) for name in columns.__slots__}
    hopeless["seconds_per_batch"] = np.full_like(columns.seconds_per_batch, 1e4)
    file = tmp_path / "fleet.npz"
    write_columns(type(columns)(**hopeless), file)
    with pytest.raises((typer.Exit, NoPlan)):  # both end the command with status 1
        plan_columns(str(file), 10.0, Output.JSON, None)


def test_a_small_fleet_is_explained_node_by_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = fleet(5, nodes=12)
    file = tmp_path / "fleet.npz"
    write_columns(to_columns(small), file)
    explain_problem(str(file), output=Output.JSON)
    report = json.loads(capsys.readouterr().out)
    assert report["objective_grams"] == pytest.approx(solve_exact(small).objective_grams, rel=1e-6)
    assert len(report["harvest_grams_per_watt_hour"]) == 12


def test_a_large_fleet_is_not_explained_node_by_node(tmp_path: Path) -> None:
    file = tmp_path / "fleet.npz"
    write_columns(to_columns(fleet(5, nodes=1001)), file)
    with pytest.raises(InvalidInput, match="1001 nodes, at most 1000"):
        explain_problem(str(file))
