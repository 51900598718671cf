"""Fleets by columns: files, refusals, and the certificate at a size where every plan is checked by arithmetic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sunward.optimisation.decomposition.columnar import NODE_FLAGS, NODE_FLOATS, Columns
from sunward.optimisation.decomposition.columnar_convert import not_columnar, to_columns
from sunward.optimisation.decomposition.columnar_files import read_columns, write_columns, write_plan
from sunward.optimisation.decomposition.columns import solve_columns
from sunward.optimisation.problem.instance import ProblemError
from sunward.optimisation.problem.solution import InfeasibilityCause, Status
from support.optimisation.two_price import fleet, large_fleet


@pytest.fixture(scope="module")
def columns() -> Columns:
    return large_fleet(20_000, seed=1)


def test_a_large_fleet_is_planned_to_the_certified_gap_and_every_balance_closes(columns: Columns) -> None:
    found = solve_columns(columns)
    plan = found.plan
    assert plan is not None
    assert found.status is Status.OPTIMAL
    assert found.relative_gap is not None
    assert found.relative_gap <= 1e-7
    assert plan.sent_batches.sum() == pytest.approx(plan.received_batches.sum(), rel=1e-9)
    assert plan.sent_watt_hours.sum() == pytest.approx(plan.drawn_watt_hours.sum(), rel=1e-9)
    settings, moved = columns.settings, plan.received_batches - plan.sent_batches
    assert np.all(plan.sent_batches <= settings.maximum_offload_ratio * columns.batches * (1 + 1e-9))
    work = (columns.batches + moved) * columns.seconds_per_batch
    work += settings.seconds_per_gigabyte * settings.gigabytes_per_batch * np.abs(moved)
    assert np.all(work <= plan.awake_hours * 3600 * (1 + 1e-9))
    assert np.all(plan.awake_hours <= settings.period_hours * (1 + 1e-12))
    supply = plan.grid_watt_hours + plan.harvest_used_watt_hours + 0.95 * plan.drawn_watt_hours
    demand = columns.asleep_watts * (settings.period_hours - plan.awake_hours)
    demand += columns.idle_watts * plan.awake_hours + columns.watt_hours_per_batch * (columns.batches + moved)
    demand += 0.5 * settings.gigabytes_per_batch * np.abs(moved) + plan.sent_watt_hours
    np.testing.assert_allclose(supply, demand, rtol=1e-9)
    assert np.all(plan.harvest_used_watt_hours <= columns.harvest_watt_hours * (1 + 1e-12))


def test_doubling_all_intensities_doubles_the_emissions_of_the_plan(columns: Columns) -> None:
    settings = replace(columns.settings, transit_intensity_grams_per_kilowatt_hour=800.0)
    doubled = replace(
        columns,
        settings=settings,
        intensity_grams_per_kilowatt_hour=2 * columns.intensity_grams_per_kilowatt_hour,
    )
    once, twice = solve_columns(columns).plan, solve_columns(doubled).plan
    assert once is not None
    assert twice is not None
    assert twice.objective_grams == pytest.approx(2 * once.objective_grams, rel=1e-6)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_files_give_back_equal_columns(tmp_path: Path, suffix: str) -> None:
    columns = to_columns(fleet(4, nodes=6))
    path = tmp_path / f"fleet{suffix}"
    write_columns(columns, path)
    again = read_columns(path)
    assert again.settings == columns.settings
    for name in (*NODE_FLOATS, *NODE_FLAGS, "pool", "pool_efficiency", "names"):
        assert np.array_equal(getattr(again, name), getattr(columns, name)), name


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_plan_is_written_as_a_file(tmp_path: Path, suffix: str) -> None:
    plan = solve_columns(large_fleet(50, seed=2)).plan
    assert plan is not None
    path = tmp_path / f"plan{suffix}"
    write_plan(plan, path)
    assert path.stat().st_size > 0


def broken(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "fleet.npz"
    write_columns(to_columns(fleet(4, nodes=6)), path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = np.asarray(value)
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batches": None}, r"nodes\.batches: the column is missing"),
        ({"surprise": [1.0] * 6}, r"nodes\.surprise: unknown column"),
        ({"idle_watts": [1.0, np.nan, 1, 1, 1, 1]}, r"nodes\.idle_watts: must hold finite numbers >= 0"),
        ({"idle_watts": [-1.0, 1, 1, 1, 1, 1]}, r"nodes\.idle_watts: must hold finite numbers >= 0"),
        ({"idle_watts": [1.0]}, r"nodes\.idle_watts: must have one entry per node"),
        ({"can_sleep": [1, 1, 1, 1, 1, 1]}, r"nodes\.can_sleep: must be of type bool"),
        ({"maximum_export_ratio": [2.0] * 6}, r"nodes\.maximum_export_ratio: must be at most 1"),
        ({"pool": [9] * 6}, r"nodes\.pool: must be -1 \(none\) or the index of a pool"),
        ({"head": "{}"}, "head: must be an object with schema"),
        ({"head": "no json"}, "head: not valid JSON"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_the_field(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ProblemError, match=message):
        read_columns(broken(tmp_path, **changes))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    path.write_text("not an archive")
    with pytest.raises(ProblemError, match="is no npz archive"):
        read_columns(path)
    with pytest.raises(ProblemError, match=r"must end in \.npz or \.parquet"):
        read_columns(tmp_path / "fleet.csv")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ({"periods": 2}, "2 periods; columns hold one"),
        ({"jobs": 2}, "2 jobs; columns hold at most one"),
        ({"nodes": 6, "batteries": True}, "a node has a battery; columns hold none"),
    ],
)
def test_a_problem_without_columnar_form_is_refused_with_the_reason(kind: dict[str, int], reason: str) -> None:
    problem = fleet(1, **kind)  # type: ignore[arg-type]
    assert not_columnar(problem) == reason
    with pytest.raises(ValueError, match=reason):
        to_columns(problem)


def test_a_shard_that_fits_nowhere_is_infeasible_by_the_name_of_its_node() -> None:
    base = to_columns(fleet(4, nodes=6))
    settings = replace(base.settings, maximum_offload_ratio=0.5)
    columns = replace(base, settings=settings, batches=np.full(6, 1e6), seconds_per_batch=np.full(6, 1.0))
    found = solve_columns(columns)
    assert found.status is Status.INFEASIBLE
    assert found.plan is None
    assert {row.constraint for row in found.infeasible_because} <= {
        InfeasibilityCause.DEADLINE,
        InfeasibilityCause.NO_WORKER,
    }
    assert {row.node for row in found.infeasible_because} <= {f"pi-0{index}" for index in range(6)}


def test_work_that_fits_at_home_but_not_together_is_infeasible() -> None:
    base = large_fleet(40, seed=3)
    crowded = replace(base, batches=np.full(40, 5000.0), seconds_per_batch=np.full(40, 1.0))
    found = solve_columns(crowded)
    assert found.status is Status.INFEASIBLE
    assert found.infeasible_because[0].constraint is InfeasibilityCause.DEADLINE
    assert found.infeasible_because[0].shortfall == pytest.approx(40 * 1400.0, rel=0.05)
