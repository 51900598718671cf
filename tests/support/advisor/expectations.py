"""What a row of `requests.txt` expects, as changes of the problem file: independent of the advisor's own code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STARTS = {
    "farm": "2026-11-30T06:00:00+00:00",
    "city": "2026-11-30T08:00:00+00:00",
    "night": "2026-11-30T18:00:00+00:00",
}
SWITCHES = {
    "share": "share_energy",
    "offload": "offload_tasks",
    "sleep": "sleep",
    "shift": "shift_in_time",
    "embodied": "include_embodied",
}
BATTERY = {
    "min": "minimum_watt_hours",
    "final": "final_watt_hours",
    "initial": "initial_watt_hours",
    "capacity": "capacity_watt_hours",
}


@dataclass(slots=True)
class Row:
    """One request; `changes` by path as the evaluation writes them, or `codes` where it must not be solved."""

    base: str
    request: str
    changes: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    objective: str = "emissions"
    codes: tuple[str, ...] = ()

    @property
    def start(self) -> datetime:
        """Beginning of period 1."""
        return datetime.fromisoformat(STARTS[self.base])


def text_of(base: str) -> str:
    """A base problem's file."""
    return (HERE / "bases" / f"{base}.json").read_text(encoding="utf-8")


def rows() -> Iterator[Row]:
    """All rows of the file."""
    for line in (HERE / "requests.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            base, request, expected = (part.strip() for part in line.split(" | "))
            yield read(base, request, expected)


def read(base: str, request: str, expected: str) -> Row:
    """A row from its three columns."""
    row = Row(base=base, request=request)
    if expected.startswith("!"):
        row.codes = tuple(expected[1:].split(","))
        return row
    problem = json.loads(text_of(base))
    for part in expected.split(";"):
        if part != "same":
            _expect(row, problem, part)
    return row


def _job(problem: Mapping[str, Any], last: str) -> Mapping[str, Any]:
    return next(job for job in problem["jobs"] if job["name"].endswith(f"/{last}"))


def _node(problem: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(node for node in problem["nodes"] if node["name"] == name)


def _expect(row: Row, problem: dict[str, Any], part: str) -> None:
    for pattern, rule in RULES:
        match = re.fullmatch(pattern, part)
        if match is not None:
            rule(row, problem, *match.groups())
            return
    raise AssertionError(part)


def _number(text: str) -> float:
    return float(Fraction(text))


def _set(row: Row, path: str, old: Any, new: Any) -> None:
    if old != new:
        row.changes[path] = new


def _job_field(row: Row, problem: Any, last: str, key: str, value: str) -> None:
    job = _job(problem, last)
    names = {
        "deadline": "deadline_period",
        "release": "release_period",
        "offload": "maximum_offload_ratio",
        "workers": "minimum_workers",
    }
    _set(row, f"jobs[{job['name']}].{names[key]}", job[names[key]], _number(value))


def _without(row: Row, problem: Any, last: str, names: str) -> None:
    job = _job(problem, last)
    for name in names.split(","):
        for field_name in ("watt_hours_per_batch", "seconds_per_batch"):
            if name in job[field_name]:
                row.changes[f"jobs[{job['name']}].{field_name}.{name}"] = "(removed)"


def _movable(row: Row, problem: Any, last: str, names: str) -> None:
    row.changes[f"jobs[{_job(problem, last)['name']}].movable_to"] = sorted(names.split(","))


def _batches(row: Row, problem: Any, last: str, factor: str, home: str | None) -> None:
    job = _job(problem, last)
    for name, value in job["batches"].items():
        if home in (None, name):
            row.changes[f"jobs[{job['name']}].batches.{name}"] = value * _number(factor)


def _gone(row: Row, problem: Any, last: str) -> None:
    name = _job(problem, last)["name"]
    row.changes |= {path: "(removed)" for path in flat(problem) if path.startswith(f"jobs[{name}]")}


def _node_flag(row: Row, problem: Any, name: str) -> None:
    _set(row, f"nodes[{name}].can_sleep", _node(problem, name)["can_sleep"], False)


def _node_field(row: Row, problem: Any, name: str, key: str, value: str) -> None:
    node = _node(problem, name)
    if key == "grid":
        row.changes[f"nodes[{name}].battery.charge_from_grid"] = value == "on"
    elif key in BATTERY:
        _set(row, f"nodes[{name}].battery.{BATTERY[key]}", node["battery"][BATTERY[key]], _number(value))
    else:
        key = {"export": "maximum_export_ratio"}.get(key, key)
        _set(row, f"nodes[{name}].{key}", node[key], _number(value))


def _policy(row: Row, problem: Any, key: str, value: str) -> None:
    row.changes[f"policy.{SWITCHES[key]}"] = value == "on"


def _asleep(row: Row, problem: Any, value: str) -> None:
    _set(row, "policy.maximum_asleep_nodes", problem["policy"]["maximum_asleep_nodes"], int(value))


def _rule(row: Row, problem: Any, value: str) -> None:
    row.changes["policy.export_rule"] = value


def _harvest(row: Row, problem: Any, names: str, factor: str, first: str | None, last: str | None) -> None:
    chosen = [node for node in problem["nodes"] if names == "*" or node["name"] in names.split(",")]
    for node in chosen:
        for t, value in enumerate(node["harvest_watt_hours"], start=1):
            if int(first or 1) <= t <= int(last or 10**6):
                _set(row, f"nodes[{node['name']}].harvest_watt_hours[{t}]", value, value * _number(factor))


def _intensity(row: Row, problem: Any, zone: str, how: str, value: str, first: str | None, last: str | None) -> None:
    for t, before in enumerate(problem["intensity_grams_per_kilowatt_hour"][zone], start=1):
        if int(first or 1) <= t <= int(last or 10**6):
            after = _number(value) if how == "=" else before * _number(value)
            _set(row, f"intensity_grams_per_kilowatt_hour.{zone}[{t}]", before, after)


def _limit(row: Row, problem: Any, unit: str, value: str) -> None:
    row.limits["emissions" if unit == "g" else "grid-energy"] = _number(value)


def _objective(row: Row, problem: Any, value: str) -> None:
    row.objective = value
    for zone, series in problem["intensity_grams_per_kilowatt_hour"].items():
        for t, before in enumerate(series, start=1):
            _set(row, f"intensity_grams_per_kilowatt_hour.{zone}[{t}]", before, 1000.0)
    row.changes["network.transit_intensity_grams_per_kilowatt_hour"] = 1000.0


RULES = (
    (r"(\w+)\.(deadline|release|offload|workers)=(.+)", _job_field),
    (r"(\w+)\.without=(.+)", _without),
    (r"(\w+)\.movable=(.+)", _movable),
    (r"(\w+)\.batches\*([\d./]+)(?:@(.+))?", _batches),
    (r"-(\w+)", _gone),
    (r"([\w-]+)\.awake", _node_flag),
    (
        r"([\w-]+)\.(export|min|final|initial|capacity|grid|idle_watts|asleep_watts|wake_seconds|wake_watt_hours)=(.+)",
        _node_field,
    ),
    (r"(share|offload|sleep|shift|embodied)=(on|off)", _policy),
    (r"asleep=(\d+)", _asleep),
    (r"rule=(.+)", _rule),
    (r"harvest\(([^)]+)\)\*([\d./]+)(?:@(\d+)-(\d+))?", _harvest),
    (r"limit=(g|Wh):(.+)", _limit),
    (r"objective=(.+)", _objective),
    (r"([A-Z][A-Z\d-]+)([*=])([\d./]+)(?:@(\d+)-(\d+))?", _intensity),
)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Values by path: nodes, jobs and pools by name, series by period from 1."""
    if isinstance(value, dict):
        return {k: v for key, entry in value.items() for k, v in flat(entry, f"{path}.{key}" if path else key).items()}
    if isinstance(value, list) and path.endswith(("movable_to", "members")):
        return {path: sorted(value)}
    if isinstance(value, list):
        named = [(entry["name"] if isinstance(entry, dict) else n, entry) for n, entry in enumerate(value, start=1)]
        return {k: v for name, entry in named for k, v in flat(entry, f"{path}[{name}]").items()}
    return {path: value}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Paths of the second problem that differ from the first; `(removed)` for what is gone."""
    old, new = flat(before), flat(after)
    return {path: new.get(path, "(removed)") for path in {**old, **new} if old.get(path) != new.get(path, "(removed)")}


def is_same(got: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    """Whether two sets of changes agree, numbers to a millionth."""
    return got.keys() == want.keys() and all(_equal(got[path], want[path]) for path in got)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool | str | list) or isinstance(other, bool | str | list):
        return type(one) is type(other) and one == other
    return abs(one - other) <= 1e-6 * max(1e-9, abs(one), abs(other))
