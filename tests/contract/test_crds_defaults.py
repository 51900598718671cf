"""The definitions own every default: what the operator completes, and what the domain assumes, is the same."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import pytest

from sunward.cluster.objects import schema
from sunward.cluster.objects.crd_fields import SPEC_FIELDS
from sunward.cluster.objects.fields import completed
from support import crds

SHARD = {"name": "a", "node": "pi-01", "samples": 1, "sizeMebibytes": 1}
POOL = {"name": "roof", "kind": "Contractual", "efficiencyPercent": 95}
BATTERY = {"capacityMilliwattHours": 1, "maximumChargeMilliwatts": 1, "maximumDischargeMilliwatts": 1}
LEAST: dict[str, dict[str, Any]] = {
    "EnergyNode": {
        "gridZone": "DE",
        "power": {"idleMilliwatts": 2700, "busyMilliwatts": 6400},
        "battery": BATTERY,
        "harvest": {"nameplateMilliwatts": 1},
    },
    "EnergyPolicy": {"pools": [POOL]},
    "TrainingJob": {
        "runtime": {"flower": {"image": "sunward-trainer:0.1.0", "app": "mnist-mlp"}},
        "rounds": 1,
        "stepsPerRound": 1,
        "batchSize": 1,
        "shards": [SHARD],
    },
}
READERS = {"EnergyNode": schema.node_spec, "EnergyPolicy": schema.policy_spec, "TrainingJob": schema.job_spec}


def spec_of(kind: str) -> crds.Manifest:
    """The schema of a kind's spec."""
    definition = next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == kind)
    spec: crds.Manifest = crds.schema_of(definition)["properties"]["spec"]
    return spec


def as_the_server_completes_it(declared: crds.Manifest, value: Any) -> Any:
    """A default where nothing was given, then the same within objects and rows."""
    if isinstance(value, list) and "items" in declared:
        return [as_the_server_completes_it(declared["items"], row) for row in value]
    if not isinstance(value, dict):
        return value
    filled = {**value}
    for name, child in declared.get("properties", {}).items():
        if name not in filled and "default" in child:
            filled[name] = copy.deepcopy(child["default"])
        if name in filled:
            filled[name] = as_the_server_completes_it(child, filled[name])
    return filled


def assumed(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every field of the domain's values that has a default of its own: its name, its value and the default."""
    if isinstance(value, tuple):
        for item in value:
            yield from assumed(item)
    if not is_dataclass(value):
        return
    for field in fields(value):
        given = getattr(value, field.name)
        default = field.default if field.default is not MISSING else None
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if is_dataclass(given) or isinstance(given, tuple):
            yield from assumed(given)
        elif default is not None:
            yield f"{type(value).__name__}.{field.name}", given, default


@pytest.mark.parametrize("kind", sorted(LEAST))
def test_an_object_from_a_file_is_completed_as_the_server_completes_it(kind: str) -> None:
    expected = as_the_server_completes_it(spec_of(kind), LEAST[kind])
    assert completed(SPEC_FIELDS[kind], LEAST[kind], "spec") == expected


@pytest.mark.parametrize("kind", sorted(LEAST))
def test_no_default_of_the_domain_is_another_than_the_definitions(kind: str) -> None:
    value = READERS[kind]({"metadata": {"name": "default"}, "spec": LEAST[kind]})
    own = {"PolicySpec.observed_generation"}  # of the object, not of its spec
    differing = [
        (name, given, default) for name, given, default in assumed(value) if name not in own and given != default
    ]
    assert differing == []


def test_the_domains_defaults_are_found_at_all() -> None:
    value = schema.policy_spec({"metadata": {"name": "default"}, "spec": {}})
    assert {"PolicySpec.horizon_periods", "Budgets.dwell_seconds", "Staleness.sensors_seconds"} <= {
        name for name, _, _ in assumed(value)
    }
