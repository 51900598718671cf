"""Edits of one request that cannot all hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from sunward.advisor.compiling.edits import job_names, node_names
from sunward.advisor.request.types import Base, Code, Edit, NotSolvable

_TARGETS = ("edit", "jobs", "nodes", "zones", "without", "from_period", "to_period", "name")
_NEEDS = {"export": "share-energy", "export-rule": "share-energy", "move": "offload", "movable-to": "offload"}


def refuse_contradictions(edits: Sequence[Edit], base: Base) -> None:
    """Raise NotSolvable for the first two edits that contradict each other."""
    for first, second in combinations(edits, 2):
        why = _clash(first, second, base) or _clash(second, first, base)
        if why:
            raise NotSolvable(Code.CONTRADICTION, f"{why} Which of the two holds?")


def _clash(first: Edit, second: Edit, base: Base) -> str | None:
    kind, other = first["edit"], second["edit"]
    if kind == other and kind not in ("plan-only",):
        return _same_kind(first, second, base)
    if kind == "plan-only" and other == "plan-only":
        return (
            "Two different sets of jobs are to be planned."
            if set(job_names(first, base)) != set(job_names(second, base))
            else None
        )
    if {kind, other} == {"window", "extend"} and _jobs(first, base) & _jobs(second, base) and _both_say(first, second):
        return "A job has two windows."
    if (
        kind == "plan-only"
        and "jobs" in second
        and second["jobs"] != "*"
        and not _jobs(second, base) <= _jobs(first, base)
    ):
        return "Something is asked of a job that is to be left out."
    if kind == "switch" and _NEEDS.get(str(other)) == first["name"] and not first["on"] and _is_above_zero(second):
        return f"{first['name']} is to be off, and {other} needs it."
    if (
        kind == "move"
        and other == "movable-to"
        and first["at_most_percent"] == 0
        and _jobs(first, base) & _jobs(second, base)
    ):
        return "Data is to stay at home and to go somewhere."
    if (
        kind == "no-work-on"
        and other == "only-on"
        and _jobs(first, base) & _jobs(second, base)
        and _nodes(second, base) <= _nodes(first, base)
    ):
        return "Work is to be done on nodes that are to do none."
    return None


def _both_say(first: Edit, second: Edit) -> bool:
    return any(
        first.get(key) is not None and second.get(key) is not None for key in ("not_before_period", "done_by_period")
    )


def _is_above_zero(edit: Edit) -> bool:
    return bool(edit.get("at_most_percent", 1))


def _jobs(edit: Edit, base: Base) -> set[str]:
    return set(job_names(edit, base)) if "jobs" in edit else set()


def _nodes(edit: Edit, base: Base) -> set[str]:
    return set(node_names(edit["nodes"], base)) if "nodes" in edit else set()


def _same_kind(first: Edit, second: Edit, base: Base) -> str | None:
    """Two edits of one kind: different values for the same thing, unless one is about a part of the other's."""
    if first["edit"] == "switch" and first["name"] != second["name"]:
        return None
    keys = [
        key
        for key in first
        if key not in _TARGETS and key in second and first[key] is not None and second[key] is not None
    ]
    if first["edit"] in ("only-on",):
        apart = _jobs(first, base) & _jobs(second, base) and not _nodes(first, base) & _nodes(second, base)
        return "A job is to run on different nodes only." if apart else None
    if all(first[key] == second[key] for key in keys):
        return _crossed(first, second, base)
    mine, others = _scope(first, base), _scope(second, base)
    if not mine & others or mine < others or others < mine or _is_timed(first) != _is_timed(second):
        return None
    if _is_timed(first) and not _overlap(first, second):
        return None
    return f"{first['edit']} has two different values for the same thing."


def _crossed(first: Edit, second: Edit, base: Base) -> str | None:
    """A window whose two halves come from two edits and do not meet."""
    if first["edit"] not in ("window", "extend") or not _jobs(first, base) & _jobs(second, base):
        return None
    begins = [e["not_before_period"] for e in (first, second) if e.get("not_before_period") is not None]
    ends = [e["done_by_period"] for e in (first, second) if e.get("done_by_period") is not None]
    return "A job would have to end before it begins." if begins and ends and max(begins) > min(ends) else None


def _scope(edit: Edit, base: Base) -> set[str]:
    names: set[str] = set()
    if "jobs" in edit:
        names |= _product(_jobs(edit, base), _nodes(edit, base)) if "nodes" in edit else _jobs(edit, base)
    elif "nodes" in edit:
        names |= _nodes(edit, base)
    elif "zones" in edit:
        zones = base.problem.intensity_grams_per_kilowatt_hour
        names |= set(zones) if edit["zones"] == "*" else set(edit["zones"])
    return names or {"plan"}


def _product(jobs: Iterable[str], nodes: Iterable[str]) -> set[str]:
    return {f"{job} {node}" for job in jobs for node in nodes}


def _is_timed(edit: Edit) -> bool:
    return edit.get("from_period") is not None or edit.get("to_period") is not None


def _overlap(first: Edit, second: Edit) -> bool:
    begins = [edit["from_period"] or 1 for edit in (first, second)]
    ends = [edit["to_period"] or 10**9 for edit in (first, second)]
    return max(begins) <= min(ends)
