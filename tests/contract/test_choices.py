"""Every value that people may choose means something to the product; drivers and providers have a page of their own."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sunward.domain.intensity import BASES, Basis
from sunward.domain.jobs import DataMobility, Disruption, UpdateRule
from sunward.domain.measurement import Quality
from sunward.domain.nodes import ExportRule, OverridePower, Role
from sunward.domain.policy import EmptyDirs, OperatingMode, PoolKind, SleepOn
from sunward.domain.workloads import Granularity, MetricSource, MountedBy
from sunward.sources.intensity.providers.prometheus_series import UNITS
from sunward.sources.sensor_maps import Measures, Preset, Unit
from sunward_trainer.learning.catalogue import MODELS
from support import chart, crds
from support.tree.registries import PROVIDERS, SUNS, sections

ELSEWHERE = {"EnergyNode .spec.sleep.driver", "/$defs/relay/properties/driver", "/$defs/source/properties/provider"}
"""Chosen from a registry: `test_registries`."""

SPECS: Mapping[str, set[str]] = {
    "EnergyNode .spec.role": set(Role),
    "EnergyNode .spec.export.rule": set(ExportRule),
    "EnergyNode .spec.override.power": set(OverridePower),
    "EnergyPlan .spec.mode": set(OperatingMode),
    "EnergyPolicy .spec.localData.emptyDir": set(EmptyDirs),
    "EnergyPolicy .spec.mode": set(OperatingMode),
    "EnergyPolicy .spec.pools[].kind": set(PoolKind),
    "EnergyPolicy .spec.sleepOn": set(SleepOn),
    "TrainingJob .spec.dataMobility": set(DataMobility),
    "TrainingJob .spec.disruption": set(Disruption),
    "TrainingJob .spec.updates.rule": set(UpdateRule),
    "TrainingJob .spec.pod.volumes[].pods": set(MountedBy),
    "TrainingJob .spec.runtime.flower.model": set(MODELS),
    "EnergyNode .spec.sleep.shutdown": {"Agent", "None"},
    "TrainingJob .spec.runtime.flower.app.granularity": set(Granularity),
    "TrainingJob .spec.runtime.flower.app.metric.source": set(MetricSource),
}


def enumerations(schema: Any, path: str = "") -> Iterator[tuple[str, set[Any]]]:
    """Every list of allowed values within a JSON schema, with its path."""
    if isinstance(schema, Mapping):
        if "enum" in schema and "propertyNames" not in path:
            yield path, set(schema["enum"])
        for name, child in schema.items():
            yield from enumerations(child, f"{path}/{name}")


def templates() -> str:
    """The text of all templates of the chart."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((chart.CHART / "templates").rglob("*.*")))


def test_every_choice_of_a_spec_is_one_of_the_domain() -> None:
    declared = {
        f"{definition['spec']['names']['kind']} {path}": set(schema["enum"])
        for definition in crds.definitions()
        for path, schema in crds.nodes_of_schema(crds.schema_of(definition))
        if path.startswith(".spec") and "enum" in schema
    }
    assert {where: values for where, values in declared.items() if where not in ELSEWHERE} == SPECS


def test_every_choice_of_the_chart_is_carried_out() -> None:
    """A level of logging is one of Python's, a way of discovery is asked for by a template, pulling is Kubernetes'."""
    values = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
    discovery = set(re.findall(r'eq \.Values\.prometheus\.discovery "(\w+)"', templates()))
    carried_out = {
        "/properties/operator/properties/logLevel": {name.lower() for name in logging.getLevelNamesMapping()},
        "/properties/prometheus/properties/discovery": discovery,
        "/$defs/harvestForecast/properties/provider": set(sections(SUNS)),
        "/$defs/pull": {"Always", "IfNotPresent", "Never"},
        "/properties/agent/properties/appArmorProfile": {"", "RuntimeDefault", "Unconfined"},
        "/properties/sensors/items/properties/preset": set(Preset),
        "/properties/sensors/items/properties/measures": set(Measures),
        "/properties/sensors/items/properties/unit": set(Unit),
        "/$defs/source/properties/basis": set(BASES),
        "/$defs/source/properties/unit": set(UNITS),
        "/$defs/source/properties/quality": set(Quality),
    }
    offered = {path: allowed for path, allowed in enumerations(values) if path not in ELSEWHERE}
    assert offered.keys() == carried_out.keys()
    assert {path: allowed - carried_out[path] for path, allowed in offered.items() if allowed - carried_out[path]} == {}


@pytest.mark.parametrize("name", BASES)
def test_every_basis_can_be_chosen_and_read(name: str) -> None:
    assert str(Basis.parse(name)) == name
    section = {"provider": "static", "gramsPerKilowattHour": {"DE": 300.0}, "basis": name}
    assert PROVIDERS.validate_python(section).basis == Basis.parse(name)
