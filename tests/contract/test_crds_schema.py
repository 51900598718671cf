"""The definitions keep the promises that no API server checks: bounds, units, whole numbers, text for people."""

from __future__ import annotations

import re

import pytest

from support import crds

DEFINITIONS = crds.definitions()
KINDS = [definition["spec"]["names"]["kind"] for definition in DEFINITIONS]
UNITS = re.compile(
    r"(milliwatts|Milliwatts|WattHours?|wattHours|watt[Hh]ours|Seconds|Milliseconds|Percent|PartsPerMillion|Days|Mebibytes|"
    r"gramsCO2e|GramsCO2e|gramsPerKilowattHour|gramsPerWattHour|Batches|PerBatch|NodeHours|Degrees)"
)
COUNTS = {
    "index",
    "attempt", "batches", "batchesDone", "batchSize", "count", "evicted", "pending", "rounds", "round", "samples",
    "observations", "workers", "readyWorkers", "minimumWorkers", "stepsPerRound", "maximumCyclesPerDay",
    "leaseTransitions", "keepPlans", "horizonPeriods", "nodesInTransition", "minimumAwakeNodes", "maximumAsleepNodes",
    "total", "awake", "asleep", "inTransition", "degraded", "unmanaged", "policyGeneration", "observedGeneration",
    "none", "det", "dat", "deta", "bound", "idle", "busy", "wake", "unaccountedPeriods",
    "priority", "jobs", "shards", "nodes", "pins", "refusedUpdates", "maximumNormFactor", "piecesPerShard", "scale",
    "latitude", "longitude",  # in microdegrees, as their descriptions begin
}  # fmt: skip


def fields(definition: crds.Manifest) -> list[tuple[str, crds.Manifest]]:
    """All fields below spec and status."""
    below = (".spec", ".status")
    return [item for item in crds.nodes_of_schema(crds.schema_of(definition)) if item[0].startswith(below)]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_every_string_list_and_map_is_bounded(definition: crds.Manifest) -> None:
    unbounded = [
        path
        for path, schema in fields(definition)
        if (schema.get("type") == "string" and not {"enum", "maxLength"} & schema.keys())
        or (schema.get("type") == "array" and "maxItems" not in schema)
        or ("additionalProperties" in schema and "maxProperties" not in schema)
    ]
    assert unbounded == []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_there_are_no_floating_point_numbers(definition: crds.Manifest) -> None:
    assert [path for path, schema in fields(definition) if schema.get("type") == "number"] == []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_every_whole_number_names_its_unit_or_is_a_count(definition: crds.Manifest) -> None:
    names = {
        path.removesuffix("[]").rsplit(".", 1)[-1]
        for path, schema in fields(definition)
        if schema.get("type") == "integer"
    }
    assert {name for name in names if not UNITS.search(name) and name not in COUNTS} == set()


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_every_number_that_people_write_has_both_bounds(definition: crds.Manifest) -> None:
    open_ended = [
        path
        for path, schema in fields(definition)
        if path.startswith(".spec") and schema.get("type") == "integer"
        if not {"minimum", "maximum"} <= schema.keys() and not path.endswith("policyGeneration")
    ]
    assert open_ended == []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_every_field_is_explained_beginning_with_its_own_name(definition: crds.Manifest) -> None:
    wrong = [
        path
        for path, schema in fields(definition)
        if not path.endswith(("[]", ".*")) and not path.endswith(".metadata")
        if not schema.get("description", "").startswith(path.rsplit(".", 1)[-1] + " ")
    ]
    assert wrong == []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_a_description_that_promises_a_default_tells_the_schemas_default(definition: crds.Manifest) -> None:
    wrong = [
        (path, schema["default"], schema["description"])
        for path, schema in fields(definition)
        if "default" in schema and not isinstance(schema["default"], dict | list)
        if f"Default {str(schema['default']).lower() if isinstance(schema['default'], bool) else schema['default']}"
        not in schema["description"]
    ]
    assert wrong == []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_every_rule_has_a_message(definition: crds.Manifest) -> None:
    rules = [rule for _, schema in fields(definition) for rule in schema.get("x-kubernetes-validations", ())]
    assert all(len(rule.get("message", "")) > 20 for rule in rules)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_the_table_answers_what_and_why(definition: crds.Manifest) -> None:
    (version,) = definition["spec"]["versions"]
    names = [column["name"] for column in version["additionalPrinterColumns"]]
    assert "Why" in names
    assert names[-1] == "Age"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=KINDS)
def test_conditions_are_a_list_keyed_by_type(definition: crds.Manifest) -> None:
    conditions = crds.schema_of(definition)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {"type", "status", "lastTransitionTime", "reason", "message"}


def test_no_custom_resource_takes_an_address() -> None:
    named = [path for definition in DEFINITIONS for path, _ in fields(definition)]
    assert [path for path in named if re.search(r"(url|Url|URL|endpoint|host)$", path)] == []


def test_every_invalid_sample_says_what_to_expect() -> None:
    assert all(crds.expected_message(path) for path in crds.INVALID.glob("*.yaml"))
