"""`sunward` (also `kubectl sunward`): every command, its help, and how errors end: 1 negative answer, 2 bad input."""

from __future__ import annotations

import sys
from functools import cache
from typing import Annotated

import typer

from sunward import __version__
from sunward.domain.errors import InvalidInput, SunwardError

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What a wrong command line raises; typer exports only its children."""

app = typer.Typer(
    name="sunward",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Shift an edge cluster's work to the nodes and hours with clean energy, and power off idle nodes.",
    epilog="Exit status: 0 success, 1 negative result or failure, 2 wrong usage or invalid input.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"sunward {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""
    del version


@cache
def _register() -> None:
    """Commands live in modules of their own and import what they need only when they run."""
    from sunward.cli import (
        advise,
        dashboard,
        doctor,
        experiment,
        plan,
        power,
        run,
        simulate,
        status,
        top,
        verify,
        verify_ledger,
    )
    from sunward.cli.explaining import explain, explain_problem, reason
    from sunward.cli.setup import calibrate, definitions, init

    for module in (
        init,
        calibrate,
        definitions,
        plan,
        verify,
        explain,
        explain_problem,
        reason,
        simulate,
        experiment,
        status,
        top,
        dashboard,
        run,
        doctor,
        power,
        advise,
        verify_ledger,
    ):
        module.register(app)


def main() -> None:
    """Entry point; an error that people can act on is one line on standard error."""
    _register()
    try:
        sys.exit(app(standalone_mode=False))  # what a command returns is None, typer.Exit becomes its number
    except UsageError as error:
        typer.echo(usage(error), err=True)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except InvalidInput as error:
        typer.echo(f"sunward: {error}", err=True)
        sys.exit(2)
    except SunwardError as error:
        typer.echo(f"sunward: {error}", err=True)
        sys.exit(1)


def usage(error: BaseException) -> str:
    """What is wrong with the command line, and where to read on, in one line; the help where nothing was asked for."""
    context = getattr(error, "ctx", None)
    command = "sunward" if context is None else context.command_path
    said = str(error.format_message())  # type: ignore[attr-defined]  # only UsageError has it
    return said if "\n" in said else f"sunward: {said.rstrip('.')}; see '{command} --help'"


if __name__ == "__main__":
    main()
