"""`sunward plan FILE`: solve a planning problem from a file and print the plan."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.numbers import not_nan
from sunward.cli.output import Output, print_data, print_table
from sunward.cli.plan_columns import is_columnar, plan_columns, read_fleet
from sunward.domain.errors import InvalidInput
from sunward.settings import documents

if TYPE_CHECKING:
    from sunward.optimisation.problem.instance import Problem
    from sunward.optimisation.problem.solution import Solution

LARGEST_FILE = 256 << 20
"""Bytes; a larger file is not a planning problem."""

File = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM",
        help="Planning problem as JSON (- for standard input), or a fleet as columns (.npz, .parquet).",
    ),
]


LONGEST_TIME_LIMIT = 86_400.0
"""Seconds; a plan that takes a day is no plan."""


TimeLimit = Annotated[
    float,
    typer.Option(
        min=0.01, max=LONGEST_TIME_LIMIT, callback=not_nan, help="Time limit of the solver per mode, in seconds."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    file: File = "",
    manifests: Annotated[
        list[Path] | None,
        typer.Option("--filename", "-f", help="Plan from manifests instead: YAML file or folder; may be repeated."),
    ] = None,
    intensity: Annotated[
        list[str] | None, typer.Option(help="With -f: grid intensity as ZONE=GRAMS per kilowatt-hour; may be repeated.")
    ] = None,
    harvest: Annotated[list[str] | None, typer.Option(help="With -f: harvest as NODE=WATTS; may be repeated.")] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="none, det (share energy), dat (move work, sleep) or deta (both). Default: the file's policy."
        ),
    ] = "",
    solver: Annotated[str, typer.Option(help="auto, exact, two-price or greedy.")] = "auto",
    whole_batches: Annotated[bool, typer.Option(help="Round to whole batches and report the loss.")] = False,
    time_limit: TimeLimit = 30.0,
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
    plan_file: Annotated[
        Path | None, typer.Option(help="For a fleet as columns: file for the plan (.npz or .parquet).")
    ] = None,
) -> None:
    """Solve a planning problem: where and when work runs, which nodes sleep and share energy, and the emissions.

    Exit status 1 if the problem is infeasible (the reasons are printed), 2 if the file is invalid.
    """
    if bool(file) == bool(manifests):
        raise InvalidInput("PROBLEM", "give either a problem file or manifests with -f")
    if is_columnar(file):
        _refuse(
            {"--mode": bool(mode), "--solver": solver not in ("auto", "two-price"), "--whole-batches": whole_batches}
        )
        plan_columns(file, time_limit, output, plan_file)
        return
    if plan_file is not None:
        raise InvalidInput("--plan-file", "is for a fleet as columns; use --output json > PLAN.json")
    problem = in_mode(_from_manifests(manifests, intensity, harvest), mode) if manifests else read_problem(file, mode)
    _check_solver(problem, solver)
    solution = _solve(problem, solver, time_limit, whole=whole_batches)
    if output is Output.TABLE:
        print_solution(problem, solution)
    else:
        print_data(json.loads(solution.to_json()), output)
    if solution.status == "fallback":
        typer.echo(f"sunward: fell back to the {solution.solver} plan: {solution.fallback}", err=True)
    if solution.status == "infeasible":
        raise typer.Exit(1)


def _refuse(options: dict[str, bool]) -> None:
    """Options that would be ignored are refused."""
    for name, given in options.items():
        if given:
            raise InvalidInput(
                name, "is for problems as JSON; a fleet as columns contains its policy and is planned by two-price"
            )


def read_text(file: str) -> str:
    """A file's text; raises InvalidInput that names the file when it cannot be read."""
    if file == "-":
        body = sys.stdin.buffer.read(LARGEST_FILE + 1)
        return documents.decoded(body, file, largest_bytes=LARGEST_FILE, encoding="utf-8")
    return documents.read_text(Path(file), largest_bytes=LARGEST_FILE, encoding="utf-8")


def read_document(file: str, read: Callable[[str], Any]) -> Any:
    """A file read by `read`. Raises InvalidInput that names the file before the field."""
    try:
        return read(read_text(file))
    except InvalidInput as error:
        raise error if error.where == file else InvalidInput(f"{file}: {error.where}", error.why) from None


def _from_manifests(paths: list[Path], intensity: list[str] | None, harvest: list[str] | None) -> Problem:
    from sunward.cli.manifests import figures, problem_of

    return problem_of(paths, figures(intensity or (), "--intensity"), figures(harvest or (), "--harvest"))


def read_problem(file: str, mode: str) -> Problem:
    """A checked problem, under a mode's policy where one is named; a small fleet as columns becomes one."""
    from sunward.optimisation.problem.files import parse_problem

    if is_columnar(file):
        return in_mode(small_fleet(file), mode)
    return in_mode(read_document(file, parse_problem), mode)


def small_fleet(file: str) -> Problem:
    """A fleet as columns as a problem with a row for every node. Raises InvalidInput for a fleet that is too large."""
    from sunward.optimisation.decomposition.columnar_rows import to_problem
    from sunward.optimisation.solve_fleet import SMALL_FLEET

    columns = read_fleet(file)
    if len(columns) > SMALL_FLEET:
        why = f"has {len(columns)} nodes, at most {SMALL_FLEET} can be explained; use sunward plan"
        raise InvalidInput(file, why)
    return to_problem(columns)


def in_mode(problem: Problem, mode: str) -> Problem:
    """The problem under a mode's policy; unchanged without one. Raises InvalidInput for an unknown mode."""
    from sunward.optimisation.problem.schemes import Scheme, with_mode

    if not mode:
        return problem
    if mode not in list(Scheme):
        raise InvalidInput("--mode", f"must be one of {', '.join(Scheme)}")
    return with_mode(problem, mode)


def _check_solver(problem: Problem, solver: str) -> None:
    from sunward.optimisation.solve import Solver, supports

    if solver not in list(Solver):
        raise InvalidInput("--solver", f"must be one of {', '.join(Solver)}")
    if solver == Solver.TWO_PRICE and (why := supports(problem)) is not None:
        raise InvalidInput("--solver", f"two-price cannot plan this problem: {why}; use exact")


def _solve(problem: Problem, solver: str, time_limit: float, *, whole: bool) -> Solution:
    from sunward.optimisation.exact.rounding import whole_batches
    from sunward.optimisation.process.guarded import GuardedSolver

    with GuardedSolver() as guarded:
        guarded.start()
        solution = guarded.solve(problem, solver=solver, time_limit_seconds=time_limit)
    return whole_batches(problem, solution) if whole else solution


def print_solution(problem: Problem, solution: Solution) -> None:
    """The plan for people."""
    from sunward.optimisation.problem.solution import Status

    if solution.status is Status.INFEASIBLE:
        rows = [
            (row.constraint.value, row.job or row.node or "", f"{row.shortfall:.6g}")
            for row in solution.infeasible_because
        ]
        print_table(
            "infeasible; smallest relaxation that would make it feasible", ("constraint", "of", "short by"), rows
        )
        return
    typer.echo(_headline(solution))
    print_table(
        "nodes", ("node", "zone", "awake h", "grid Wh", "harvest Wh", "sent Wh", "drawn Wh"), _nodes(problem, solution)
    )
    print_table("work", ("job", "data of", "on", "period", "batches"), _work(solution))
    prices = [
        (pool, period, f"{1000 * price:.4g}")
        for pool, values in solution.prices.energy_grams_per_watt_hour.items()
        for period, price in enumerate(values, start=1)
        if price > 0
    ]
    if prices:
        print_table("shared energy", ("pool", "period", "g/kWh"), prices)


def _headline(solution: Solution) -> str:
    grams, bound, gap = solution.objective_grams, solution.lower_bound_grams, solution.relative_gap
    text = f"{solution.status.value}: {grams:.6g} g CO2e"
    if bound is not None and gap is not None:
        text += f", proven to be within {100 * gap:.2g} % of the least possible ({bound:.6g} g)"
    return f"{text}; {solution.found_by}, {solution.solve_seconds:.2f} s"


def _nodes(problem: Problem, solution: Solution) -> list[tuple[str, ...]]:
    zones = {node.name: node.grid_zone for node in problem.nodes}
    efficiency = {pool.name: pool.efficiency for pool in problem.energy_pools}
    sent: dict[str, float] = {}
    drawn: dict[str, float] = {}
    for row in solution.sends:
        sent[row.node] = sent.get(row.node, 0.0) + row.watt_hours
    for row in solution.draws:
        drawn[row.node] = drawn.get(row.node, 0.0) + row.watt_hours * efficiency[row.pool]
    return [
        (
            node.name,
            zones[node.name],
            f"{sum(node.awake_hours):.2f}",
            f"{sum(node.grid_watt_hours):.4g}",
            f"{sum(node.harvest_used_watt_hours):.4g}",
            f"{sent.get(node.name, 0.0):.4g}",
            f"{drawn.get(node.name, 0.0):.4g}",
        )
        for node in solution.nodes
    ]


def _work(solution: Solution) -> list[tuple[str, ...]]:
    return [(row.job, row.home, row.on, str(row.period), f"{row.batches:.6g}") for row in solution.batches]
