"""The none baseline gives the work back to its home and keeps everybody awake; shares of jobs add up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.attribution import node_shares, weighted
from sunward.accounting.none_baseline import Work, baseline_grams, baseline_loads, total_grams
from sunward.domain.energy import MeteredNode
from support.planning import a_node, a_profile

AMOUNTS = st.floats(0, 100)


def node(name: str, *, awake_hours: float, awake_watt_hours: float, harvest: float = 0.0) -> MeteredNode:
    """A node whose own meter ran for so long and counted so much."""
    power = a_profile(idle_watts=2.0, busy_watts=6.0)
    spec = a_node(name, grid_zone="dirty" if name == "home" else "clean", power=power).spec
    return MeteredNode(
        spec=spec,
        load_watt_hours=awake_watt_hours,
        awake_hours=awake_hours,
        awake_watt_hours=awake_watt_hours,
        harvest_watt_hours=harvest,
    )


def test_work_done_elsewhere_comes_home() -> None:
    # One hour: "home" slept, "worker" drew 2 W idle and 3 Wh of work, two thirds of it for home's shard.
    nodes = [node("home", awake_hours=0.0, awake_watt_hours=0.0), node("worker", awake_hours=1.0, awake_watt_hours=5.0)]
    work = [Work(node="worker", home="home", batches=200), Work(node="worker", home="worker", batches=100)]
    assert baseline_loads(nodes, work, 1.0) == {"home": pytest.approx(4.0), "worker": pytest.approx(3.0)}


def test_own_harvest_is_used_first_and_a_surplus_earns_nothing() -> None:
    nodes = [node("home", awake_hours=1.0, awake_watt_hours=2.0, harvest=5.0)]
    assert baseline_grams(nodes, [], 1.0, {"dirty": 500.0}) == {"home": 0.0}


def test_an_awake_node_would_have_used_what_its_source_offered_while_it_was_off() -> None:
    slept = replace(node("home", awake_hours=0.5, awake_watt_hours=1.0, harvest=0.5), unseen_harvest_watt_hours=0.25)
    assert baseline_grams([slept], [], 1.0, {"dirty": 500.0}) == {"home": pytest.approx(1.25 * 0.5)}


def test_a_home_whose_work_ran_on_a_node_without_a_meter_has_no_baseline() -> None:
    nodes = [node("home", awake_hours=0.0, awake_watt_hours=0.0), node("other", awake_hours=1.0, awake_watt_hours=2.0)]
    work = [Work(node="unmetered", home="home", batches=200)]
    grams = baseline_grams(nodes, work, 1.0, {"dirty": 500.0, "clean": 25.0})
    assert grams == {"other": pytest.approx(0.05)}
    assert total_grams(grams, ["other"]) == pytest.approx(0.05)
    assert total_grams(grams, ["home", "other"]) is None
    assert total_grams({}, []) is None


def test_a_node_whose_harvest_while_it_was_off_is_not_known_has_no_baseline() -> None:
    slept = replace(node("home", awake_hours=0.5, awake_watt_hours=1.0, harvest=0.5), unseen_harvest_watt_hours=None)
    assert baseline_grams([slept], [], 1.0, {"dirty": 500.0}) == {}


def test_a_node_in_an_unknown_zone_has_no_baseline() -> None:
    assert baseline_grams([node("home", awake_hours=1.0, awake_watt_hours=2.0)], [], 1.0, {}) == {}


@given(st.lists(st.tuples(AMOUNTS, st.sampled_from("abc"), st.sampled_from("abc")), max_size=8))
def test_the_energy_of_equal_machines_is_only_moved(rows: list[tuple[float, str, str]]) -> None:
    nodes = [node(name, awake_hours=1.0, awake_watt_hours=2.0 + k) for k, name in enumerate("abc")]
    work = [Work(node=worker, home=home, batches=batches) for batches, worker, home in rows]
    assert sum(baseline_loads(nodes, work, 1.0).values()) == pytest.approx(sum(n.awake_watt_hours for n in nodes))


@given(
    st.dictionaries(
        st.sampled_from(["job-1", "job-2"]), st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 9)), max_size=4)
    )
)
def test_the_shares_of_a_node_add_up_to_one(rows: dict[str, list[tuple[str, float]]]) -> None:
    work = {job: [Work(node=n, home="a", batches=b) for n, b in items] for job, items in rows.items()}
    shares = node_shares(work, {job: ["a", "b"] for job in rows})
    for name in {n for by_node in shares.values() for n in by_node}:
        assert sum(by_node.get(name, 0.0) for by_node in shares.values()) == pytest.approx(1.0)


def test_amounts_are_weighted_by_shares() -> None:
    assert weighted({"a": 0.5, "b": 1.0}, {"a": 4.0, "b": 3.0}) == 5.0
    assert weighted({"a": 0.5, "b": 1.0}, {"a": 4.0}) is None
