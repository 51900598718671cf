"""What stands at objects and in metrics about pinned nodes, and how grams add up over time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from sunward.cli.explaining.explain import pin_lines
from sunward.cluster.objects.usage import node_hours
from sunward.cluster.reporting import pin_report
from sunward.cluster.reporting.usage_report import UsageMemory
from sunward.domain.pins import Pin, PinnedNode
from sunward.domain.policy import NamespaceLimit
from sunward.domain.reasons import Reason
from sunward.telemetry.metrics import Metrics
from support.planning import NOW, a_job, a_policy

SECOND = timedelta(seconds=1)


def pinned(node: str, grams: float | None, *holders: str) -> PinnedNode:
    pins = tuple(Pin(namespace=h.split("/")[0], holder=h, reason=Reason.DO_NOT_DISRUPT) for h in holders)
    return PinnedNode(node=node, pins=pins, grams_per_hour=grams)


def test_grams_are_those_of_the_time_between_two_passes() -> None:
    memory = pin_report.PinMemory()
    node = pinned("n1", 3600.0, "a/x", "b/y")
    assert memory.grams_since([node], NOW) == {"a": 0.0, "b": 0.0}
    assert memory.grams_since([node], NOW + 2 * SECOND) == pytest.approx({"a": 1.0, "b": 1.0})
    assert memory.grams_since([], NOW + 4 * SECOND) == {}


@pytest.mark.parametrize("seconds", [-5, 0, 61, 3600])
def test_a_time_that_nobody_watched_counts_for_nothing(seconds: int) -> None:
    memory = pin_report.PinMemory()
    memory.grams_since([], NOW)
    assert memory.grams_since([pinned("n1", 3600.0, "a/x")], NOW + seconds * SECOND) == {"a": 0.0}


def test_what_is_not_known_of_one_node_is_not_counted_for_the_others() -> None:
    memory = pin_report.PinMemory()
    memory.grams_since([], NOW)
    both = [pinned("n1", None, "a/x"), pinned("n2", 3600.0, "a/x")]
    assert memory.grams_since(both, NOW + SECOND) == pytest.approx({"a": 1.0})


def test_a_job_is_told_of_the_nodes_that_it_and_its_coordinator_pin() -> None:
    nodes = [
        pinned("n3", 1.0, "default/mnist"),
        pinned("n1", 1.0, "default/mnist-coordinator", "other/mnist"),
        pinned("n2", 1.0, "other/mnist"),
    ]
    assert pin_report.of_job(a_job(), nodes) == {"pinnedNodes": ["n1", "n3"]}


def test_the_policy_tells_of_each_namespace_with_the_greatest_first() -> None:
    nodes = [pinned("n1", 0.5, "a/x"), pinned("n2", 0.25, "b/y"), pinned("n3", None, "b/y")]
    assert pin_report.of_policy(nodes) == {
        "pins": [{"namespace": "b", "nodes": 2}, {"namespace": "a", "nodes": 1, "milligramsCO2ePerHour": 500}]
    }


def test_only_namespaces_of_the_policy_have_series_of_their_own() -> None:
    metrics = Metrics()
    limits = (NamespaceLimit(place=0, namespaces=("limited",), jobs=1),)
    policy = a_policy(namespaces=("team-a",), limits=limits)
    strangers = [f"stranger-{n}" for n in range(50)]
    nodes = [pinned("n1", 1.0, "team-a/x", "limited/y"), *(pinned(f"m{n}", 1.0, f"{n}/x") for n in strangers)]
    metrics.pinned(nodes, {"team-a": 0.5, "stranger-1": 0.25, "stranger-2": 0.25}, policy)
    lines = [
        line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith("sunward_pinned")
    ]
    assert sorted(line for line in lines if "_created" not in line) == [
        'sunward_pinned_emissions_co2e_grams_total{namespace="other"} 0.5',
        'sunward_pinned_emissions_co2e_grams_total{namespace="team-a"} 0.5',
        'sunward_pinned_nodes{namespace="limited"} 1.0',
        'sunward_pinned_nodes{namespace="other"} 50.0',
        'sunward_pinned_nodes{namespace="team-a"} 1.0',
    ]
    metrics.pinned([], {}, policy)
    assert "sunward_pinned_nodes{" not in generate_latest(metrics.registry).decode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, []),
        ({"pinnedNodes": ["n1", "n2"]}, ["  keeps awake: n1, n2"]),
        (
            {"pinnedBy": [{"holder": "a/x", "reason": "DoNotDisrupt"}], "pinnedMilligramsCO2ePerHour": 62},
            [
                "  kept awake only by: a/x (DoNotDisrupt)",
                "  that costs 62 mg CO2e an hour, 1.5 g CO2e a day at the present intensity",
            ],
        ),
        (
            {"pinnedBy": [{"holder": "a/x", "reason": "DoNotDisrupt"}]},
            [
                "  kept awake only by: a/x (DoNotDisrupt)",
                "  that costs an unknown amount, because its grid intensity is not known",
            ],
        ),
    ],
)
def test_explain_says_who_and_at_what_cost(data: dict[str, object], told: list[str]) -> None:
    empty = {"pinnedNodes": [], "pinnedBy": [], "pinnedMilligramsCO2ePerHour": None}
    assert pin_lines(empty | data) == told


def used(memory: UsageMemory, minutes: int, start: int = 0, **nodes: float) -> None:
    """So many minutes of passes, every half minute, from a minute on."""
    for half in range(2 * minutes + 1):
        memory.add(nodes, NOW + timedelta(minutes=start) + half * 30 * SECOND)


def test_node_hours_add_up_by_clock_hours() -> None:
    memory = UsageMemory()
    used(memory, 90, a=2.0, b=0.5)
    status = memory.status({}, NOW + timedelta(minutes=90))
    assert node_hours(status, NOW + timedelta(minutes=90)) == pytest.approx({"a": 3.0, "b": 0.75}, abs=0.02)
    assert [len(row["hours"]) for row in status["usage"]] == [2, 2]


def test_the_window_is_the_running_hour_and_the_23_before_it() -> None:
    memory = UsageMemory()
    used(memory, 60, a=1.0)
    status = memory.status({}, NOW + timedelta(minutes=60))
    last, gone = NOW + timedelta(hours=24) - SECOND, NOW + timedelta(hours=25)
    assert node_hours(status, last) == pytest.approx({"a": 1.0}, abs=0.01)
    assert node_hours(status, gone) == {}


def test_a_restart_continues_with_what_was_written() -> None:
    memory = UsageMemory()
    used(memory, 30, a=1.0)
    before = memory.status({}, NOW + timedelta(minutes=30))
    memory = UsageMemory()
    memory.status(before, NOW + timedelta(minutes=30))
    used(memory, 20, start=31, a=1.0)
    after = memory.status(before, NOW + timedelta(minutes=51))
    assert node_hours(after, NOW + timedelta(minutes=51)) == pytest.approx({"a": 50 / 60}, abs=0.01)


def test_a_gap_between_passes_counts_for_nobody() -> None:
    memory = UsageMemory()
    memory.add({"a": 1.0}, NOW)
    memory.add({"a": 1.0}, NOW + timedelta(hours=5))
    assert node_hours(memory.status({}, NOW + timedelta(hours=5)), NOW + timedelta(hours=5)) == {}
