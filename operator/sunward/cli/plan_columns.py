"""`sunward plan FLEET.npz|.parquet`: a fleet as columns, solved by the two-price coordinator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sunward.cli.output import Output, print_data, print_table
from sunward.domain.errors import InvalidInput, SunwardError

if TYPE_CHECKING:
    from sunward.optimisation.decomposition.columnar import Columns
    from sunward.optimisation.decomposition.columns import ColumnSolution
    from sunward.optimisation.decomposition.recovery import ColumnPlan

SUFFIXES = (".npz", ".parquet")


class NoPlan(SunwardError):
    """The coordinator gave up; the message names the file and says why."""


def is_columnar(file: str) -> bool:
    """Whether the file's name says that it holds columns."""
    return Path(file).suffix in SUFFIXES


def plan_columns(file: str, time_limit_seconds: float, output: Output, plan_file: Path | None) -> None:
    """Solve and print what is certified; the plan itself, a row per node, goes into *plan_file* where one is given.

    Raises InvalidInput that names the file and the column; exit status 1 when there is no plan.
    """
    if plan_file is not None:
        _check_target(plan_file)
    columns = read_fleet(file)
    found = _solved(file, columns, time_limit_seconds)
    _show(report(found, len(columns)), output)
    if found.plan is None:
        raise typer.Exit(1)
    if plan_file is not None:
        _write(found.plan, columns, plan_file)


def _solved(file: str, columns: Columns, time_limit_seconds: float) -> ColumnSolution:
    from sunward.optimisation.decomposition.errors import DecompositionError
    from sunward.optimisation.solve_fleet import solve_fleet

    try:
        return solve_fleet(columns, time_limit_seconds=time_limit_seconds)
    except DecompositionError as error:
        raise NoPlan(f"{file}: {error}") from error


def report(found: ColumnSolution, nodes: int) -> dict[str, Any]:
    """What is certified of a solution for so many nodes, as it is printed; the plan's own rows are not in it."""
    return {
        "status": str(found.status),
        "nodes": nodes,
        "objective_grams": None if found.plan is None else found.plan.objective_grams,
        "lower_bound_grams": found.lower_bound_grams,
        "relative_gap": found.relative_gap,
        "rounds": found.rounds,
        "build_seconds": found.build_seconds,
        "solve_seconds": found.solve_seconds,
        "task_price_grams_per_batch": found.task_price,
        "asleep_price_grams_per_node": found.asleep_price,
        "infeasible_because": [
            {"constraint": row.constraint.value, "node": row.node, "shortfall": row.shortfall}
            for row in found.infeasible_because
        ],
        "energy_price_grams_per_watt_hour": [float(price) for price in found.energy_price],
    }


def _show(figures: dict[str, Any], output: Output) -> None:
    if output is Output.TABLE:
        print_table("Plan by two prices", ("figure", "value"), list(figures.items()))
    else:
        print_data(figures, output)


def _write(plan: ColumnPlan, columns: Columns, plan_file: Path) -> None:
    from sunward.optimisation.decomposition.columnar_files import write_plan

    try:
        write_plan(plan, plan_file, names=columns.names)
    except OSError as error:
        raise InvalidInput(str(plan_file), f"cannot be written: {error.strerror}") from None


def read_fleet(file: str) -> Columns:
    """The columns of a file. Raises InvalidInput that names the file and the column."""
    from sunward.optimisation.decomposition.columnar_files import read_columns

    try:
        return read_columns(Path(file))
    except OSError as error:
        raise InvalidInput(file, f"cannot be read: {error.strerror}") from None
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.where}", error.why) from None


def _check_target(plan_file: Path) -> None:
    """A plan that could not be written is refused before the fleet is planned, not after."""
    if plan_file.suffix not in SUFFIXES:
        raise InvalidInput(str(plan_file), f"must end in {' or '.join(SUFFIXES)}")
    if not plan_file.parent.is_dir():
        raise InvalidInput(str(plan_file), "is in a folder that does not exist")
