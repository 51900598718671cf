"""What the operator writes and what the definitions declare is the same: the API server would silently drop a field
that is not declared, and a declared field that nothing writes is a promise that is not kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema
import pytest

from support import crds, statuses

KINDS = ("EnergyNode", "EnergyPlan", "EnergyPolicy", "TrainingJob")
CONDITION = ".status.conditions[].status"


@cache
def schema(kind: str) -> crds.Manifest:
    """The schema of a kind, closed against anything undeclared."""
    definition = next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == kind)
    declared = copy.deepcopy(crds.schema_of(definition))
    for _, child in crds.nodes_of_schema(declared):
        if "properties" in child:
            child["additionalProperties"] = False
    return declared


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping and no list, with its path as a schema spells it."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from leaves(child, f"{path}.{name}")
    elif isinstance(value, list):
        for child in value:
            yield from leaves(child, f"{path}[]")
    elif value is not None:
        yield path, value


def declared(kind: str) -> dict[str, Mapping[str, Any]]:
    """Every field that the operator alone writes, with its schema."""
    below = (".status.", ".spec.") if kind == "EnergyPlan" else (".status.",)
    return {
        path: child
        for path, child in crds.nodes_of_schema(schema(kind))
        if path.startswith(below) and not {"properties", "items"} & child.keys()
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_everything_that_is_written_is_declared_and_within_its_bounds(kind: str) -> None:
    for part in await statuses.written(kind):
        for name, value in part.items():
            jsonschema.validate(statuses.without_removals(value), schema(kind)["properties"][name])


@pytest.mark.parametrize("kind", KINDS)
async def test_every_declared_field_has_a_writer(kind: str) -> None:
    paths = {path for part in await statuses.written(kind) for path, _ in leaves(part)}
    assert sorted(declared(kind).keys() - paths) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_every_value_of_a_declared_enumeration_is_written(kind: str) -> None:
    values: dict[str, set[Any]] = {}
    for path, value in (leaf for part in await statuses.written(kind) for leaf in leaves(part)):
        values.setdefault(path, set()).add(value)
    unwritten = {
        path: missing
        for path, child in declared(kind).items()
        if path != CONDITION and (missing := sorted(set(child.get("enum", ())) - values.get(path, set())))
    }
    assert unwritten == {}


async def test_a_condition_is_true_false_or_unknown_somewhere() -> None:
    found = {
        value
        for kind in KINDS
        for part in await statuses.written(kind)
        for path, value in leaves(part)
        if path == CONDITION
    }
    assert found == {"True", "False", "Unknown"}


def test_a_field_without_a_writer_would_be_found() -> None:
    assert [*leaves({"a": {"b": [{"c": 1, "d": None}]}, "e": "x"})] == [(".a.b[].c", 1), (".e", "x")]
