"""Request to problem: edits from the general to the particular, then the objective; with every change and its cause."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sunward.advisor.compiling.contradictions import refuse_contradictions
from sunward.advisor.compiling.edits import applied, job_names, node_names
from sunward.advisor.request.types import Base, Code, Edit, NotSolvable, Request
from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.errors import ProblemError
from sunward.optimisation.problem.instance import Node, Problem

GRID_ENERGY_INTENSITY = 1000.0
"""Grams per kilowatt-hour under which grams are watt-hours."""
REMOVED = "(removed)"
_LOOSENS = {
    "extend": "a time of a job was replaced, not only tightened",
    "move": "how much data may move was replaced",
    "movable-to": "where data may move was replaced",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The problem of a request, what differs from the base and why, and what loosens the base's own rules."""

    problem: Problem
    changes: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]


def compile_request(request: Request, base: Base) -> Compiled:
    """The problem that a request means. Raises NotSolvable for a contradiction or an impossible value."""
    refuse_contradictions(request.edits, base)
    problem = base.problem
    causes: dict[str, str] = {}
    for edit, because in sorted(
        zip(request.edits, request.because, strict=True), key=lambda pair: _breadth(pair[0], base)
    ):
        changed = applied(problem, edit, base)
        causes.update(dict.fromkeys(differences(problem, changed), because))
        problem = changed
    if request.objective == "grid-energy":
        changed = as_grid_energy(problem)
        causes.update(dict.fromkeys(differences(problem, changed), "grid-energy"))
        problem = changed
    _checked(problem)
    return Compiled(
        problem=problem,
        changes=tuple(_changes(base.problem, problem, causes)),
        warnings=tuple(_warnings(request, base)),
    )


def _breadth(edit: Edit, base: Base) -> tuple[bool, int, bool]:
    """General edits first, so that particular ones prevail; jobs leave at the very end."""
    jobs = len(job_names(edit, base)) if "jobs" in edit else 0
    nodes = len(node_names(edit["nodes"], base)) if "nodes" in edit else 0
    zones = (
        len(base.problem.intensity_grams_per_kilowatt_hour) if edit.get("zones") == "*" else len(edit.get("zones", ()))
    )
    timed = edit.get("from_period") is not None or edit.get("to_period") is not None
    return edit["edit"] == "plan-only", -jobs - nodes - zones, timed


def as_grid_energy(problem: Problem) -> Problem:
    """The same problem with energy from the grid as its objective: grams read as watt-hours."""
    series = {
        zone: (GRID_ENERGY_INTENSITY,) * len(values)
        for zone, values in problem.intensity_grams_per_kilowatt_hour.items()
    }
    return replace(
        problem,
        intensity_grams_per_kilowatt_hour=series,
        harvest_intensity_grams_per_kilowatt_hour=0.0,
        network=replace(problem.network, transit_intensity_grams_per_kilowatt_hour=GRID_ENERGY_INTENSITY),
        policy=replace(problem.policy, include_embodied=False),
        nodes=tuple(_without_wear(node) for node in problem.nodes),
    )


def _without_wear(node: Node) -> Node:
    return node if node.battery is None else replace(node, battery=replace(node.battery, wear_grams_per_watt_hour=0.0))


def _checked(problem: Problem) -> None:
    try:
        check_problem(problem)
    except ProblemError as error:
        raise NotSolvable(Code.IMPOSSIBLE_VALUE, f"{error.where} {error.why}. Which value is meant?") from None


def flat(problem: Problem) -> dict[str, Any]:
    """Values by path: nodes, jobs and pools by name, series by period from 1."""
    return dict(_flat(json.loads(problem.to_json()), ""))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _flat(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and path.endswith(("movable_to", "members")):
        yield path, sorted(value)
    elif isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            yield from _flat(entry, f"{path}[{entry['name'] if isinstance(entry, dict) else number}]")
    else:
        yield path, value


def differences(before: Problem, after: Problem) -> dict[str, tuple[Any, Any]]:
    """Paths whose values differ, with both; `(removed)` for what is gone."""
    old, new = flat(before), flat(after)
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path, REMOVED)]
    return {path: (old.get(path), new.get(path, REMOVED)) for path in paths}


def _changes(before: Problem, after: Problem, causes: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for path, (old, new) in differences(before, after).items():
        yield {"path": path, "from": old, "to": new, "because": causes.get(path, "")}


def _warnings(request: Request, base: Base) -> Iterator[str]:
    """What loosens a data rule is done and said; so is what changes nothing."""
    for edit in request.edits:
        if edit["edit"] in _LOOSENS:
            yield f"{', '.join(job_names(edit, base))}: {_LOOSENS[edit['edit']]}"
    if request.objective == "grid-energy" and any(edit["edit"] == "intensity" for edit in request.edits):
        yield "grid intensities do not matter where energy from the grid is minimised"
