"""A scenario is refused with the path of every fault, and the bundled ones are right."""

from __future__ import annotations

import pytest

from sunward_lab.world.scenario import ScenarioError, load_scenario, parse_scenario
from sunward_lab.world.weather import Weather

MINIMAL = """
schema: sunward.dev/lab-scenario/v1alpha1
name: tiny
trace_hour_seconds: 60
zones: {Z: {trace: us-pjm, mean_grams_per_kilowatt_hour: 300}}
profiles: {p: {idle_watts: 1, busy_watts: 2, asleep_watts: 0, boot_watts: 1, boot_seconds: 0}}
nodes: {a: {zone: Z, site: s, profile: p}}
"""


def test_the_demo_serves_the_hub_and_ten_workers() -> None:
    nodes = load_scenario("demo").nodes
    assert set(nodes) == {"hub"} | {f"pi-{k:02d}" for k in range(1, 11)}
    assert len({node.site for node in nodes.values()}) == 3


@pytest.mark.parametrize("size", [3, 6, 10])
def test_some_demo_workers_harvest_and_some_do_not_at_any_cluster_size(size: int) -> None:
    nodes = load_scenario("demo").nodes
    lit = [nodes[f"pi-{k:02d}"].harvest is not None for k in range(1, size + 1)]
    assert 0 < sum(lit) <= size / 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("zone: Z", "zone: Y"), "nodes.a.zone"),
        (("us-pjm", "us-moon"), "zones.Z"),
        (("idle_watts: 1", "idle_watts: -1"), "profiles.p.idle_watts"),
        (("busy_watts: 2", "busy_watts: 0.5"), "profiles.p"),
        (("trace_hour_seconds: 60", "trace_hour_seconds: 0"), "trace_hour_seconds"),
        (("site: s", "watches: s"), "nodes.a.site"),
        (("300", ".nan"), "mean_grams_per_kilowatt_hour"),
        (("v1alpha1", "v9"), "schema"),
    ],
)
def test_a_fault_is_named_by_its_path(change: tuple[str, str], path: str) -> None:
    with pytest.raises(ScenarioError, match=path):
        parse_scenario(MINIMAL.replace(*change), "tiny.yaml")


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_what_is_no_scenario_is_one_clear_error(text: str) -> None:
    with pytest.raises(ScenarioError, match="tiny"):
        parse_scenario(text, "tiny.yaml")


def test_an_unknown_name_is_neither_bundled_nor_a_file() -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        load_scenario("nowhere")


def test_an_hour_of_weather_passes_in_a_minute_of_this_scenario() -> None:
    weather = Weather(parse_scenario(MINIMAL, "tiny.yaml"), epoch=1000.0)
    assert weather.trace_hours(1060.0) - weather.trace_hours(1000.0) == pytest.approx(1.0)


def test_a_slot_is_named_by_present_time_and_keeps_its_value() -> None:
    weather = Weather(parse_scenario(MINIMAL, "tiny.yaml"), epoch=1000.0)
    slot = weather.slot("Z", 1_800_000_030.0)
    assert slot.start.timestamp() == 1_800_000_000.0
    assert weather.slot("Z", 1_800_000_059.0) == slot
    assert weather.slot("Z", 1_800_000_061.0, ahead=-1) == slot
