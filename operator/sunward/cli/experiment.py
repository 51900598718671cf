"""`sunward experiment`: the paper's experiments with the product's own planner, and a report of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sunward.cli.output import Output, print_data, print_table
from sunward.cli.quiet import standard_output_kept
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.optimisation.problem.instance import Problem
    from sunward.optimisation.problem.solution import Solution
    from sunward.simulation.experiments.registry import Experiment
    from sunward.simulation.experiments.result import Cell, Result

_HOLDS = {True: "yes", False: "NO", None: ""}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("experiment")(experiment)


def experiment(
    names: Annotated[
        list[str] | None, typer.Argument(help="Experiments to run, or `all`; without a name, list them.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, max=10_000, help="Runs per setting; default 60, or 30 with --small.")
    ] = None,
    small: Annotated[bool, typer.Option(help="Run the quick set: fewer seeds, no searches.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write JSON, CSV, figures and an HTML page to this folder.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Number of processes; default one per core. Does not change the results."),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="For gap: scenario file, bundled scenario, policy-days or trace-days (--seeds days, at most 30); "
            "may be repeated. Default: every bundled scenario."
        ),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=1.0, max=86_400.0, help="For gap: seconds for one model of a whole scenario.")
    ] = 60.0,
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Reproduce the paper's experiments: its claims, our results, and the level of each claim."""
    from sunward.simulation.experiments.registry import EXPERIMENTS, chosen

    if not names:
        rows = [(item.name, item.question) for item in EXPERIMENTS.values()]
        print_table("Experiments", ("name", "question"), rows)
        return
    try:
        wanted = chosen(tuple(names))
    except ValueError as error:
        raise InvalidInput("NAMES", str(error)) from error
    if scenario and [item.name for item in wanted] != ["gap"]:
        raise InvalidInput("--scenario", "belongs to gap alone; run `sunward experiment gap`")
    results: list[Result] = []
    try:
        asked = _Asked(seeds=seeds, small=small, scenarios=tuple(scenario or ()), seconds=time_limit)
        results.extend(_run_all(wanted, asked, processes=processes))
    finally:  # what minutes of work have found is not lost because a later experiment fails
        if report is not None and results:
            _write(results, report)
    _show(results, output)
    if any(claim.holds is False for result in results for claim in result.claims):
        raise typer.Exit(1)


def exact(problem: Problem) -> Solution:
    """The planner's exact solver, closer to the optimum than any printed digit; named, so that processes find it."""
    from sunward.optimisation.solve import solve_exact

    return solve_exact(problem, relative_gap=1e-7)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the command line asks of every experiment."""

    seeds: int | None
    small: bool
    scenarios: tuple[str, ...]
    seconds: float


def _run_all(wanted: tuple[Experiment, ...], asked: _Asked, *, processes: int | None) -> Iterator[Result]:
    from sunward.simulation.experiments.bench import Bench, crew_of
    from sunward.simulation.experiments.registry import Setting

    clock = _Clock()
    with standard_output_kept(), crew_of(processes, clock.tick) as crew:
        setting = Setting(
            bench=Bench(solve=exact, crew=crew),
            seeds=asked.seeds or (30 if asked.small else 60),
            small=asked.small,
            scenarios=asked.scenarios,
            seconds=asked.seconds,
        )
        for number, item in enumerate(wanted, start=1):
            clock.start(f"{number}/{len(wanted)} {item.name}: {item.question}")
            yield item.result(setting)
            clock.stop()


def _cell(value: Cell) -> Cell:
    """What is not known is a dash."""
    return "-" if value is None else value


class _Clock:
    """Says on standard error what runs, how far it is and how long it took: every ten seconds, not every run."""

    _SECONDS = 10.0

    def __init__(self) -> None:
        self._all = self._began = self._said = time.perf_counter()
        self._before = self._done = 0

    def start(self, words: str) -> None:
        self._began = self._said = time.perf_counter()
        self._before = self._done
        self._say(words)

    def tick(self, done: int) -> None:
        self._done, now = done, time.perf_counter()
        if now - self._said >= self._SECONDS:
            self._said = now
            self._say(f"    {now - self._began:.0f} s: {done - self._before} runs")

    def stop(self) -> None:
        now = time.perf_counter()
        self._say(f"    {now - self._began:.1f} s, {self._done - self._before} runs; {now - self._all:.0f} s in all")

    @staticmethod
    def _say(words: str) -> None:
        print(words, file=sys.stderr, flush=True)


def _write(results: list[Result], folder: Path) -> None:
    from sunward.simulation.report.files import write_result
    from sunward.simulation.report.page import write_page

    try:
        for result in results:
            write_result(result, folder)
        write_page(results, folder / "index.html", title="Sunward: the paper's experiments")
    except ImportError as error:
        raise InvalidInput("--report", "figures need matplotlib: pip install 'sunward[experiments]'") from error
    except OSError as error:
        raise InvalidInput(f"--report {folder}", error.strerror or str(error)) from error
    print(f"report: {folder / 'index.html'}", file=sys.stderr)


def _show(results: list[Result], output: Output) -> None:
    if output is not Output.TABLE:
        print_data([result.to_data() for result in results], output)
        return
    for result in results:
        if not result.claims:
            for table in result.tables:
                print_table(table.title, table.header, [tuple(map(_cell, row)) for row in table.rows])
            continue
        rows = [(c.name, c.paper or "-", c.ours, str(c.level), _HOLDS[c.holds]) for c in result.claims]
        print_table(result.title, ("claim", "paper", "we get", "level", "holds"), rows)
