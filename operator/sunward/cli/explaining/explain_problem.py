"""`sunward explain-problem FILE`: which mode loses by how much, and what the caps and one more watt-hour are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.output import Output, print_data, print_table
from sunward.cli.plan import File, TimeLimit, read_problem

if TYPE_CHECKING:
    from sunward.optimisation.explain import Explanation


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain-problem")(explain_problem)


def explain_problem(
    file: File,
    mode: Annotated[
        str, typer.Option(help="none, det, dat or deta; see sunward plan. Default: the file's policy.")
    ] = "",
    time_limit: TimeLimit = 30.0,
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Compare the four modes of a problem and print the shadow prices of its optimal plan."""
    from sunward.optimisation.explain import explain
    from sunward.optimisation.process.guarded import GuardedSolver

    problem = read_problem(file, mode)
    with GuardedSolver() as guarded:
        guarded.start()
        found = explain(problem, solve_with=lambda other: guarded.solve(other, time_limit_seconds=time_limit))
    if output is Output.TABLE:
        _print(found)
    else:
        print_data(as_data(found), output)
    if found.solution.status == "infeasible":
        raise typer.Exit(1)


def as_data(found: Explanation) -> dict[str, Any]:
    """The explanation as plain data."""
    return {
        "status": found.solution.status.value,
        "objective_grams": found.solution.objective_grams,
        "alternatives": [
            {
                "mode": other.mode.value,
                "status": other.status.value,
                "objective_grams": other.objective_grams,
                "lower_bound_grams": other.lower_bound_grams,
                "lost_by_grams": other.lost_by_grams,
            }
            for other in found.alternatives
        ],
        "energy_grams_per_watt_hour": {
            pool: list(values) for pool, values in found.prices.energy_grams_per_watt_hour.items()
        },
        "offload_cap_grams": dict(found.prices.offload_cap_grams),
        "harvest_grams_per_watt_hour": {
            node: list(values) for node, values in found.harvest_grams_per_watt_hour.items()
        },
        "infeasible_because": [
            {"constraint": row.constraint.value, "job": row.job, "node": row.node, "shortfall": row.shortfall}
            for row in found.solution.infeasible_because
        ],
    }


def _print(found: Explanation) -> None:
    grams = found.solution.objective_grams
    typer.echo(f"plan: {found.solution.status.value}" + ("" if grams is None else f", {grams:.6g} g CO2e"))
    rows = [
        (o.mode.value, o.status.value, _grams(o.objective_grams), _grams(o.lost_by_grams)) for o in found.alternatives
    ]
    print_table("modes", ("mode", "status", "g CO2e", "more than the plan"), rows)
    caps = [(job, f"{0.01 * grams:+.4g}") for job, grams in found.prices.offload_cap_grams.items()]
    if caps:
        print_table("offload caps", ("job", "g per point of the cap"), caps)
    values = [
        (node, f"{1000 * max(series):.4g}", str(series.index(max(series)) + 1))
        for node, series in found.harvest_grams_per_watt_hour.items()
        if series and max(series) > 0
    ]
    if values:
        print_table("one more watt-hour of harvest", ("node", "saves at most, mg", "in period"), values)
    short = [
        (r.constraint.value, r.job or r.node or "", f"{r.shortfall:.6g}") for r in found.solution.infeasible_because
    ]
    if short:
        print_table("smallest relaxation that would make it feasible", ("constraint", "of", "short by"), short)


def _grams(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
