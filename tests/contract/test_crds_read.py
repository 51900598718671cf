"""Every field that people may write into a spec changes what the operator knows, or is shown by the API server."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from sunward.cluster.objects import schema
from sunward.cluster.objects.crd_fields import SPEC_FIELDS
from sunward.cluster.objects.fields import Field
from support import crds

READERS: Mapping[str, Callable[[Any], object]] = {
    "EnergyNode": schema.node_spec,
    "EnergyPolicy": schema.policy_spec,
    "TrainingJob": schema.job_spec,
}


def leaves() -> Iterator[tuple[str, str]]:
    """Kind and path of every field that holds a value and not other fields."""
    for kind in READERS:
        paths = SPEC_FIELDS[kind]
        for path in paths:
            inner = (f"{path}.", f"{path}[]", f"{path}.*")
            if not any(other.startswith(inner) for other in paths if other != path):
                yield kind, path


def columns(kind: str) -> set[str]:
    """Fields that `kubectl get` shows."""
    definition = next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == kind)
    (version,) = definition["spec"]["versions"]
    shown = (column["jsonPath"] for column in version["additionalPrinterColumns"])
    return {path.removeprefix(".spec.") for path in shown if path.startswith(".spec.")}


def example(field: Field, variant: int) -> Any:
    """One of two different values of a field."""
    if field.values:
        return field.values[variant % len(field.values)]
    match field.type:
        case "integer":
            return (field.minimum or 0) + 1 + variant
        case "boolean":
            return bool(variant)
        case "time":
            return f"2026-11-2{variant}T12:00:00Z"
        case "object" | "textOrObject":
            return {}
        case "array":
            return []
    return f"word-{variant}"


def whole(kind: str, other: str = "") -> dict[str, Any]:
    """A spec that uses every field, rows of lists once; the field `other` has its second value."""
    spec: dict[str, Any] = {}
    for path, field in SPEC_FIELDS[kind].items():
        value = example(field, int(path == other))
        place: Any = spec
        *outer, name = path.split(".")
        for step in outer:
            place = place[step.removesuffix("[]")]
            if step.endswith("[]"):
                place.extend([{}] if not place else [])
                place = place[0]
        if name == "*":
            place["key"] = value
        elif name.endswith("[]"):
            place[name.removesuffix("[]")].append(value)
        else:
            place[name] = value
    return spec


def alternatives(path: str) -> str:
    """What a spec cannot have beside the field at `path`: a job has one runtime."""
    return "flower" if path.startswith("runtime.generic") else "generic"


def read(kind: str, spec: dict[str, Any]) -> object:
    return READERS[kind]({"metadata": {"name": "default", "namespace": "default"}, "spec": copy.deepcopy(spec)})


@pytest.mark.parametrize(("kind", "path"), list(leaves()))
def test_a_field_of_a_spec_has_an_effect(kind: str, path: str) -> None:
    before, after = whole(kind), whole(kind, path)
    for spec in (before, after):
        spec.get("runtime", {}).pop(alternatives(path), None)
    changed = read(kind, after) != read(kind, before)
    assert changed or path in columns(kind)


def test_a_field_without_an_effect_would_be_found() -> None:
    assert read("EnergyNode", whole("EnergyNode") | {"colour": "red"}) == read("EnergyNode", whole("EnergyNode"))
