"""Every name that a person may write has an implementation, and every implementation has its name everywhere.

The registries of the product are the truth; the definitions, the chart, the auditor, the lying relays and the pages
follow. What the auditor knows is compared by name, because it shares no code with those whom it judges.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sunward.domain.nodes import SleepSpec
from sunward.power.finder import Drivers
from sunward.power.relay import RelayDriver
from sunward.simulation.policies.rules import IN_ROUNDS, RULES
from sunward_audit.relays import READERS
from support import chart, crds
from support.loop.lying_relays import KINDS
from support.planning import a_node
from support.tree.registries import DRIVERS, PROVIDERS, SUNS, relay, sections

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))["$defs"]
WITHOUT_RELAY = ["None", "CordonOnly"]
"""Drivers of nodes that have no relay: never asleep, and drained but never switched."""


def enum_of(kind: str, path: str) -> list[str]:
    (definition,) = [one for one in crds.definitions() if one["spec"]["names"]["kind"] == kind]
    (field,) = [schema for where, schema in crds.nodes_of_schema(crds.schema_of(definition)) if where == path]
    return list(field["enum"])


def in_the_chart(names: set[str], **files: str) -> set[str]:
    """Names of settings as the chart's values have them: there a file is a reference to a Secret, which is mounted."""
    return {files.get(name, name) for name in names}


def allowed(definition: dict[str, Any], key: str, name: str) -> set[str]:
    """Names that the chart's schema allows beside `key: name`."""
    names = set(definition["properties"])
    for rule in definition.get("allOf", ()):
        if rule["if"]["properties"][key]["const"] == name and "propertyNames" in rule["then"]:
            names &= set(rule["then"]["propertyNames"]["enum"])
    return names


def required(definition: dict[str, Any], key: str, name: str) -> set[str]:
    """Names that it demands beside `key: name`."""
    names = set(definition["required"])
    for rule in definition.get("allOf", ()):
        if rule["if"]["properties"][key]["const"] == name:
            names |= set(rule["then"].get("required", ()))
    return names


def test_an_energy_node_may_name_every_driver_and_no_other() -> None:
    assert sorted(enum_of("EnergyNode", ".spec.sleep.driver")) == sorted([*WITHOUT_RELAY, *sections(DRIVERS)])


@pytest.mark.parametrize("name", sections(DRIVERS))
async def test_a_node_that_names_a_driver_and_its_relay_has_it(name: str) -> None:
    async with aiohttp.ClientSession() as session:
        drivers = Drivers(session, {"relay-1": relay(name, "http://relay")})
    node = a_node(sleep=SleepSpec(driver=name, driver_ref="relay-1"))
    assert isinstance(drivers.of(node), RelayDriver)


def test_the_chart_offers_every_driver_and_no_other() -> None:
    assert sorted(SCHEMA["relay"]["properties"]["driver"]["enum"]) == sorted(sections(DRIVERS))


@pytest.mark.parametrize(("name", "section"), sections(DRIVERS).items())
def test_the_chart_knows_the_fields_of_every_driver(name: str, section: dict[str, Any]) -> None:
    fields = in_the_chart(set(section["properties"]), tokenFile="credentialsSecretRef", caFile="caSecretRef")
    assert allowed(SCHEMA["relay"], "driver", name) == fields
    needed = in_the_chart(set(section["required"]), tokenFile="credentialsSecretRef")
    assert required(SCHEMA["relay"], "driver", name) == needed


def test_the_auditor_reads_every_kind_of_relay() -> None:
    assert sorted(READERS) == sorted(sections(DRIVERS))


def test_every_kind_of_relay_has_been_tried_with_lies() -> None:
    assert sorted(KINDS) == sorted(sections(DRIVERS))


@pytest.mark.parametrize("page", ["docs/auditor.md", "helm/sunward/README.md"])
def test_every_driver_is_documented(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in sections(DRIVERS) if name not in text] == []


def test_the_chart_offers_every_provider_and_no_other() -> None:
    assert sorted(SCHEMA["source"]["properties"]["provider"]["enum"]) == sorted(sections(PROVIDERS))


@pytest.mark.parametrize(("name", "section"), sections(PROVIDERS).items())
def test_the_chart_knows_the_fields_of_every_provider(name: str, section: dict[str, Any]) -> None:
    files = {"tokenFile": "tokenSecretRef", "passwordFile": "passwordSecretRef", "caFile": "caSecretRef"}
    fields = in_the_chart(set(section["properties"]), **files)
    assert allowed(SCHEMA["source"], "provider", name) == fields
    assert required(SCHEMA["source"], "provider", name) == in_the_chart(set(section["required"]), **files)


def test_every_provider_is_documented() -> None:
    text = (ROOT / "helm/sunward/README.md").read_text(encoding="utf-8")
    assert [name for name in sections(PROVIDERS) if f"`{name}`" not in text] == []


@pytest.mark.parametrize(("name", "section"), sections(SUNS).items())
def test_the_chart_and_its_page_know_every_service_of_the_sun(name: str, section: dict[str, Any]) -> None:
    assert name in SCHEMA["harvestForecast"]["properties"]["provider"]["enum"]
    assert set(SCHEMA["harvestForecast"]["properties"]) == set(section["properties"])
    assert f"| `{name}` |" in (ROOT / "helm/sunward/README.md").read_text(encoding="utf-8")


def test_every_policy_of_the_simulator_is_documented_with_its_source() -> None:
    text = (ROOT / "docs/simulation.md").read_text(encoding="utf-8")
    assert [rule.name for rule in (*RULES, *IN_ROUNDS) if rule.name not in text or not rule.source] == []
