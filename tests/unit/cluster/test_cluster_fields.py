"""A spec from a file is checked and completed as the API server does it, and never ends in a traceback."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.objects import schema
from sunward.cluster.objects.crd_fields import SPEC_FIELDS
from sunward.cluster.objects.fields import completed
from sunward.domain.errors import InvalidInput

SAMPLES = Path(__file__).parents[3] / "crds" / "samples"
READERS: dict[str, Callable[[Any], object]] = {
    "EnergyNode": schema.node_spec,
    "TrainingJob": schema.job_spec,
    "EnergyPolicy": schema.policy_spec,
}
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=2), st.sampled_from([{}, [], [{}], -1, 10**12]),
)  # fmt: skip


def samples(folder: str) -> list[dict[str, Any]]:
    """The samples of a folder whose kind the operator reads."""
    texts = (path.read_text(encoding="utf-8") for path in sorted((SAMPLES / folder).glob("*.yaml")))
    return [body for text in texts for body in yaml.safe_load_all(text) if body["kind"] in READERS]


VALID = samples("valid")


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key below a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield value, key
        yield from places(child)


@given(st.sampled_from(VALID), st.data())
def test_whatever_stands_in_a_file_is_read_or_refused_in_words(body: dict[str, Any], data: st.DataObject) -> None:
    spoiled = copy.deepcopy(body)
    container, key = data.draw(st.sampled_from(list(places({"spec": spoiled["spec"]}))))
    container = spoiled if key == "spec" else container
    if data.draw(st.booleans()):
        container[key] = data.draw(JUNK)
    else:
        del container[key]
    with suppress(InvalidInput):
        READERS[spoiled["kind"]](spoiled)


@pytest.mark.parametrize("body", VALID, ids=lambda body: body["metadata"]["name"])
def test_what_is_complete_stays_as_it_is(body: dict[str, Any]) -> None:
    before, fields = copy.deepcopy(body), SPEC_FIELDS[body["kind"]]
    once = completed(fields, body["spec"], "spec")
    assert completed(fields, once, "spec") == once
    assert body == before


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"power": {}}, "spec.gridZone: is missing"),
        ({"gridZone": "DE", "power": {"idleMilliwatts": "1"}}, "spec.power.idleMilliwatts: must be a whole number"),
        ({"gridZone": "DE", "power": 3}, "spec.power: must be a map of fields"),
        ({"gridZone": "DE", "power": {"idleMilliwatts": -1}}, "spec.power.idleMilliwatts: must be from 0 to 100000000"),
        ({"gridZone": "DE", "power": {3: 4}}, "spec.power: must be a map of fields"),
        ({"gridZone": "DE", "role": "Boss"}, "spec.role: must be one of Worker, AlwaysOn"),
    ],
)
def test_a_fault_is_named_by_its_path(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        schema.node_spec({"metadata": {"name": "pi-01"}, "spec": spec})
    assert str(caught.value) == f"EnergyNode pi-01: {message}"


def test_a_fault_in_a_row_is_named_with_its_index() -> None:
    pools = [{"name": "roof", "kind": "Contractual", "efficiencyPercent": 95}, {"name": "barn", "kind": "Contractual"}]
    with pytest.raises(InvalidInput, match=r"spec\.pools\[1\]\.efficiencyPercent: is missing"):
        schema.policy_spec({"metadata": {"name": "default"}, "spec": {"pools": pools}})
    with pytest.raises(InvalidInput, match=r"spec\.namespaces\[0\]: must be text"):
        schema.policy_spec({"metadata": {"name": "default"}, "spec": {"namespaces": [3]}})


def test_the_values_of_a_map_are_checked() -> None:
    body = copy.deepcopy(next(body for body in VALID if body["kind"] == "TrainingJob"))
    body["spec"]["runtime"]["flower"]["arguments"] = {"seed": 3}
    with pytest.raises(InvalidInput, match=r"spec\.runtime\.flower\.arguments\.seed: must be text"):
        schema.job_spec(body)


def test_a_null_counts_as_left_out() -> None:
    body = {"metadata": {"name": "default"}, "spec": {"mode": None, "budgets": None}}
    assert schema.policy_spec(body) == schema.policy_spec({"metadata": {"name": "default"}, "spec": {}})
