"""`sunward simulate`: a scenario in virtual time under one or more policies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.output import GrowingTable, Output, number, print_data, print_table
from sunward.cli.quiet import standard_output_kept
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.simulation.outcome import Outcome
    from sunward.simulation.scenario import Scenario

_DEFAULT = ("none", "none + sleep", "DET", "DAT", "DETA")
_COLUMNS = (
    ("market g", 6),
    ("less %", 5),
    ("location g", 8),
    ("less %", 5),
    ("load Wh", 6),
    ("grid Wh", 6),
    ("moved %", 5),
    ("wakes", 5),
    ("in time", 7),
)
"""Names and widths of all columns but the first; together with it they fit 80 columns."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("simulate")(simulate)


def simulate(
    scenario: Annotated[
        str | None, typer.Argument(help="Scenario file or bundled scenario; without it, list the bundled ones.")
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Policy to run, or `all`; may be repeated. Default: five policies.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the forecast errors and clouds.")] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Also write JSON, CSV, figures and an HTML page to this folder.")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Simulate a cluster in virtual time with the operator's planner, physics and accounting."""
    from sunward.simulation.scenario import bundled_scenarios, load_scenario

    if scenario is None:
        print_table(
            "Ready scenarios", ("name", "description"), [(n, load_scenario(n).description) for n in bundled_scenarios()]
        )
        return
    checked, names = load_scenario(scenario), _names(policy)
    outcomes: list[Outcome] = []
    table = _table(checked) if output is Output.TABLE else None
    for outcome in _run(checked, names, seed):
        outcomes.append(outcome)
        if table is not None:
            table.add(*_row(outcome, outcomes[0]))
    if report is not None:
        _write(checked, outcomes, seed, report)
    if table is None:
        print_data([_data(outcome, outcomes[0]) for outcome in outcomes], output)
    for sentence in (*_undone(outcomes), *_contradictions(outcomes)):
        print(sentence, file=sys.stderr)
    if any(outcome.tasks_on_time < outcome.tasks for outcome in outcomes):
        raise typer.Exit(1)


def _names(chosen: Sequence[str] | None) -> list[str]:
    """The policies to run, the baseline always first so that savings can be told."""
    from sunward.simulation.parallel import planner
    from sunward.simulation.policies.registry import BASELINE, policies

    known = list(policies(planner))
    wanted = known if chosen and "all" in chosen else list(chosen or _DEFAULT)
    for name in wanted:
        if name not in known:
            raise InvalidInput("--policy", f"{name!r} is unknown; known: all, {', '.join(known)}")
    return [BASELINE, *(name for name in wanted if name != BASELINE)]


def _table(scenario: Scenario) -> GrowingTable:
    return GrowingTable(
        f"{scenario.name}: {scenario.description}",
        ("policy", *(name for name, _ in _COLUMNS)),
        tuple(width for _, width in _COLUMNS),
    )


def _run(scenario: Scenario, names: Sequence[str], seed: int) -> Iterator[Outcome]:
    """The outcomes in the order of the names, each as soon as it is there."""
    from rich.console import Console
    from rich.progress import Progress

    from sunward.simulation.parallel import planner
    from sunward.simulation.policies.registry import policies
    from sunward.simulation.simulator import simulate as run

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("simulating", total=len(names) * scenario.periods)
        for name in names:
            progress.update(bar, description=name)
            step = lambda _done, _total: progress.advance(bar)  # noqa: E731 - a name would say no more
            with standard_output_kept():
                outcome = run(scenario, policies(planner)[name], planner, seed=seed, progress=step)
            if not console.is_terminal:
                print(f"{name}: {outcome.market_grams:.2f} g", file=sys.stderr, flush=True)
            yield outcome


def _row(outcome: Outcome, baseline: Outcome) -> tuple[Any, ...]:
    return (
        outcome.policy,
        number(outcome.market_grams),
        _less(outcome.charged_grams(baseline), baseline.market_grams),
        number(outcome.location_grams),
        _less(outcome.charged_grams(baseline, location=True), baseline.location_grams),
        number(outcome.load_watt_hours),
        number(outcome.grid_watt_hours),
        f"{100 * outcome.moved_batches / outcome.batches:.0f}" if outcome.batches else "-",
        outcome.wakes,
        f"{outcome.tasks_on_time}/{outcome.tasks}",
    )


def _less(actual: float, baseline: float) -> str:
    return f"{100 * (1 - actual / baseline):.1f}" if baseline > 0 else "-"


def _undone(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A sentence for every policy that left work undone: what it did not do is no saving."""
    for outcome in outcomes:
        if outcome.unfinished_batches > 0.0:
            charged = outcome.charged_grams(outcomes[0])
            yield (
                f"{outcome.policy}: {outcome.unfinished_batches:.6g} batches were not done; charged at what "
                f"{outcomes[0].policy} emits for them, {number(outcome.market_grams)} g count as {number(charged)} g"
            )


def _contradictions(outcomes: Sequence[Outcome]) -> Sequence[str]:
    from sunward.simulation.report.savings import contradictions, gain

    return contradictions([gain(outcomes[0], outcome) for outcome in outcomes[1:]])


def _data(outcome: Outcome, baseline: Outcome) -> dict[str, Any]:
    return asdict(outcome) | {
        "renewable_coverage": outcome.renewable_coverage,
        "charged_market_grams": outcome.charged_grams(baseline),
        "charged_location_grams": outcome.charged_grams(baseline, location=True),
    }


def _write(scenario: Scenario, outcomes: Sequence[Outcome], seed: int, folder: Path) -> None:
    from sunward.simulation.report.files import write_result
    from sunward.simulation.report.page import write_page
    from sunward.simulation.report.simulation import result_of

    result = result_of(scenario, outcomes, seed)
    try:
        write_result(result, folder)
        write_page([result], folder / "index.html", title=f"Sunward simulation: {scenario.name}")
    except ImportError as error:
        raise InvalidInput("--report", "figures need matplotlib: pip install 'sunward[experiments]'") from error
    except OSError as error:
        raise InvalidInput(f"--report {folder}", error.strerror or str(error)) from error
    print(f"report: {folder / 'index.html'}", file=sys.stderr)
