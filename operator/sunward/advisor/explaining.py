"""Answers as sentences, filled from the request and the solutions; no number comes from anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sunward.advisor.answer import unit
from sunward.advisor.compiling.compile import Compiled
from sunward.advisor.request.types import Request
from sunward.advisor.solving import Outcome
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution

MOST_LISTED = 6
"""Names or changes that a sentence lists before it counts the rest."""
_CAUSES = {
    "deadline": "work does not fit before its deadline",
    "no-worker": "no node may do the work",
    "offload": "more data would have to move than may",
    "storage": "more data would have to move than its targets can store",
    "workers": "fewer nodes can work on it than it needs",
    "sleep-limit": "more nodes would be asleep than may be",
    "battery": "a battery cannot reach its level",
}
"""Each constraint that an infeasible problem may name, in words."""


def text_of(request: Request, compiled: Compiled, outcome: Outcome, account: Mapping[str, Any]) -> str:
    """The whole explanation."""
    parts = [*_understood(request, compiled), *_result(request, outcome), *_plan(compiled.problem, outcome.solution)]
    return " ".join([*parts, *_assumed(request), *_own(account)])


def _understood(request: Request, compiled: Compiled) -> Iterator[str]:
    if not compiled.changes:
        yield "The problem is the base as it is."
        return
    said = [because for because in dict.fromkeys(request.because) if because]
    yield (
        f"Understood: {listed(said)}; {len(compiled.changes)} values differ from the base."
        if said
        else f"{len(compiled.changes)} values differ from the base."
    )


def _result(request: Request, outcome: Outcome) -> Iterator[str]:
    measure = unit(request.objective)
    what = "g CO2e" if measure == "g" else "Wh from the grid"
    verb = "emits" if measure == "g" else "takes"
    if outcome.value is None:
        yield f"No plan is possible: {listed([_shortfall(row) for row in outcome.solution.infeasible_because])}."
        return
    yield f"The best plan {verb} {amount(outcome.value)} {what}{_difference(outcome, measure)}."
    for limit in outcome.limits:
        met = "is met" if limit["met"] else "cannot be met"
        yield f"The limit of {limit['at_most']:g} {limit['unit']} {met}."


def _difference(outcome: Outcome, measure: str) -> str:
    before = outcome.base.objective_grams
    if before is None or outcome.value is None:
        return ", and the base has no plan"
    change = outcome.value - before
    if abs(change) < 5e-5 * max(1.0, abs(before)):
        return ", as much as the base"
    return f", {amount(abs(change))} {measure} {'more' if change > 0 else 'less'} than the base"


def _shortfall(row: Any) -> str:
    name = row.job or row.node
    return f"{_CAUSES[row.constraint.value]}{f' ({name})' if name else ''}, short by {row.shortfall:.6g}"


def _plan(problem: Problem, solution: Solution) -> Iterator[str]:
    if solution.objective_grams is None:
        return
    workers = dict.fromkeys(row.on for row in solution.batches if row.batches > 0)
    if workers:
        yield f"Work is done on {listed(list(workers))}."
    resting = [row.name for row in solution.nodes if not all(row.on)]
    if resting:
        yield f"Asleep at times: {listed(resting)}."
    sent: dict[str, float] = {}
    for row in solution.sends:
        sent[row.node] = sent.get(row.node, 0.0) + row.watt_hours
    if sent:
        yield f"Energy is sent by {listed([f'{name} ({value:.3g} Wh)' for name, value in sent.items()])}."
    yield from _prices(problem, solution)


def _prices(problem: Problem, solution: Solution) -> Iterator[str]:
    """The offload cap that is worth most: what one more point of it saves."""
    caps = {name: grams for name, grams in solution.prices.offload_cap_grams.items() if grams < 0}
    if caps and problem.policy.offload_tasks:
        best = min(caps, key=lambda name: caps[name])
        saved = amount(-caps[best] / 100)
        yield f"If one more percent of the data of {best} might move, the objective would fall by {saved}."


def _assumed(request: Request) -> Iterator[str]:
    if request.assumptions:
        yield f"Assumed: {'; '.join(request.assumptions)}."


def _own(account: Mapping[str, Any]) -> Iterator[str]:
    """What this answer took, beside what the plan changes."""
    grams = account["emissions_grams"]
    taken = f"{account['energy_watt_hours']:.2g} Wh" if grams is None else f"{grams:.2g} g CO2e"
    unknown = " (its grams are unknown: the grid of this machine is not named)" if grams is None else ""
    yield f"This answer took {taken}{unknown}."


def amount(value: float) -> str:
    """A number for reading."""
    return f"{value:.4g}" if abs(value) < 10 else f"{value:.2f}"


def listed(words: Sequence[str]) -> str:
    """A few words, and how many more there are."""
    shown = ", ".join(words[:MOST_LISTED])
    return shown if len(words) <= MOST_LISTED else f"{shown} and {len(words) - MOST_LISTED} more"
