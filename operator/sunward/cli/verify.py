"""`sunward verify PROBLEM SOLUTION`: check any solution of a planning problem, without a solver."""

from __future__ import annotations

from typing import Annotated

import typer

from sunward.cli.output import Output, print_data, print_table
from sunward.cli.plan import File, read_document


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    problem_file: File,
    solution_file: Annotated[str, typer.Argument(metavar="SOLUTION.json", help="Solution to check, made by any tool.")],
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Check a solution: every constraint, the recomputed objective, and the claimed status and bound.

    Exit status 0 if the solution is correct, 1 if it is not, 2 if a file is invalid.
    """
    from sunward.optimisation.problem.files import parse_problem
    from sunward.optimisation.problem.instance import Problem
    from sunward.optimisation.problem.solution import Solution
    from sunward.optimisation.verify import verify as check

    problem: Problem = read_document(problem_file, parse_problem)
    solution: Solution = read_document(solution_file, Solution.from_json)
    found = check(problem, solution)
    if output is Output.TABLE:
        if found:
            rows = [(v.constraint, v.where, v.message, f"{v.excess:.3g}") for v in found]
            print_table("violations", ("constraint", "where", "what", "by"), rows)
        else:
            typer.echo(f"correct: {solution.status.value}, {solution.objective_grams} g CO2e")
    else:
        rows_of = [
            {"constraint": v.constraint, "where": v.where, "message": v.message, "excess": v.excess} for v in found
        ]
        print_data({"correct": not found, "violations": rows_of}, output)
    if found:
        raise typer.Exit(1)
