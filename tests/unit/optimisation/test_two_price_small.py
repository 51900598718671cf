"""Fleets as columns end in a plan or in reasons, also where prices alone lead to neither."""

import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from sunward.cli import main as program
from sunward.optimisation.decomposition.columnar import Columns
from sunward.optimisation.decomposition.columnar_convert import to_columns
from sunward.optimisation.decomposition.columnar_files import write_columns
from sunward.optimisation.decomposition.columnar_rows import to_problem
from sunward.optimisation.decomposition.columns import solve_columns, unsupported
from sunward.optimisation.decomposition.errors import MasterError, NoWholePlanError
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.solution import Status
from sunward.optimisation.solve_fleet import solve_fleet
from support.optimisation.reference import GRAMS, RELATIVE, Document, optimum
from support.optimisation.reference_cases import columnar_document
from support.optimisation.two_price import large_fleet


def columns_of(case: Document) -> Columns:
    """The file's problem by columns."""
    return to_columns(parse_problem(json.dumps(case)))


@pytest.mark.parametrize("seed", range(40))
def test_columns_survive_the_way_through_rows(seed: int) -> None:
    columns = columns_of(columnar_document(seed))
    again = to_columns(to_problem(columns))
    working = columns.can_work if columns.batches.any() else np.zeros(len(columns), np.bool_)
    for field in fields(Columns):
        mine, theirs = getattr(columns, field.name), getattr(again, field.name)
        if field.name in ("watt_hours_per_batch", "seconds_per_batch"):
            assert np.array_equal(mine[working], theirs[working])
        elif field.name in ("can_work", "can_receive"):
            assert not columns.batches.any() or np.array_equal(mine, theirs)
        elif field.name != "settings":
            assert np.array_equal(mine, theirs)
    if columns.batches.any():
        assert again.settings == columns.settings


@pytest.mark.parametrize("chunk", range(8))
def test_small_fleets_are_planned_or_told_why_not(chunk: int) -> None:
    for case in map(columnar_document, range(20 * chunk, 20 * chunk + 20)):
        columns, least = columns_of(case), optimum(case)
        found = solve_fleet(columns, time_limit_seconds=20.0)
        assert (found.plan is None) == (least is None) == bool(found.infeasible_because)
        if found.plan is not None and least is not None and found.lower_bound_grams is not None:
            low, high = sorted((least.whole, least.nearly_whole))
            assert found.lower_bound_grams <= high * (1 + RELATIVE) + GRAMS
            assert found.plan.objective_grams >= low * (1 - RELATIVE) - GRAMS


def test_prices_alone_would_have_failed_on_one_of_these() -> None:
    """So that the way through rows is walked here at all."""
    failures = 0
    for seed in range(160):
        columns = columns_of(columnar_document(seed))
        if unsupported(columns) is None:
            try:
                solve_columns(columns, time_limit_seconds=20.0)
            except (MasterError, NoWholePlanError):
                failures += 1
    assert failures > 0


@pytest.mark.parametrize(
    ("workers", "smallest", "missing"),
    [(2_001, 0.0, 1.0), (2_001, 1e-3, 1.0), (5, 1e12, 5.0)],
    ids=["more workers than nodes", "more workers than hold anything", "more batches than there are"],
)
def test_a_large_fleet_without_enough_workers_is_told_how_many_are_missing(
    workers: int, smallest: float, missing: float
) -> None:
    fleet = large_fleet(2_000, seed=1)
    settings = replace(fleet.settings, minimum_workers=workers, minimum_batches_per_worker=smallest)
    found = solve_fleet(replace(fleet, settings=settings))
    assert found.status is Status.INFEASIBLE
    assert [(row.constraint.value, row.shortfall) for row in found.infeasible_because] == [("workers", missing)]


def test_a_job_without_batches_asks_for_no_workers() -> None:
    fleet = large_fleet(50, seed=1)
    settings = replace(fleet.settings, minimum_workers=99, minimum_batches_per_worker=7.0)
    found = solve_fleet(replace(fleet, settings=settings, batches=np.zeros(50)))
    assert found.status is Status.OPTIMAL


def test_the_command_line_prints_the_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet, path = large_fleet(20, seed=1), tmp_path / "fleet.npz"
    write_columns(replace(fleet, settings=replace(fleet.settings, minimum_workers=99)), path)
    monkeypatch.setattr(sys, "argv", ["sunward", "plan", str(path), "-o", "json"])
    with pytest.raises(SystemExit) as caught:
        program.main()
    assert caught.value.code == 1
    assert json.loads(capsys.readouterr().out)["infeasible_because"][0]["constraint"] == "workers"
