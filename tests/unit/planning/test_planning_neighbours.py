"""What pods ask of one another decides where they fit: affinity both ways, spreading, ports of the node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sunward.domain.pods import (
    FreeCapacity,
    HostPort,
    Needs,
    PodFacts,
    PodTerm,
    Requirement,
    SelectorOperator,
    Spread,
    Taint,
)
from sunward.planning.guards.placing import Ground, place
from support.planning import a_pod, a_room

DB = (Requirement(key="app", operator=SelectorOperator.IN, values=("db",)),)
BESIDE_DB = PodTerm(topology_key="zone", selector=DB, namespaces=("default",))
NO_KIND = PodTerm(topology_key="zone", selector=None, namespaces=("default",))
EVEN = Spread(topology_key="zone", maximum_skew=1, selector=DB)
LABELS = (("app", "db"),)


def db(name: str = "db-0", **changes: Any) -> PodFacts:
    return a_pod(name, **{"labels": LABELS} | changes)


def room(node: str, *pods: PodFacts, zone: str | None = None, **changes: Any) -> FreeCapacity:
    labels = () if zone == "" else (("zone", zone or node),)
    return replace(a_room(node, labels=labels, **changes), pods=pods)


def where(pod: PodFacts, *rooms: FreeCapacity, closed: tuple[FreeCapacity, ...] = (), **ground: Any) -> str | None:
    """The node that takes the pod."""
    return place([pod], Ground(open=rooms, closed=closed, **ground)).nodes.get(pod.uid)


@pytest.mark.parametrize(
    ("needs", "there", "node"),
    [
        (Needs(), db(), "a"),
        (Needs(anti_affinity=(BESIDE_DB,)), db(), "b"),
        (Needs(anti_affinity=(BESIDE_DB,)), db(namespace="other"), "a"),
        (Needs(anti_affinity=(NO_KIND,)), db(), "a"),
        (Needs(), db(needs=Needs(anti_affinity=(BESIDE_DB,))), "b"),
        (Needs(), db(needs=Needs(anti_affinity=(NO_KIND,))), "a"),
        (Needs(affinity=(BESIDE_DB,)), db(), "a"),
        (Needs(spreads=(EVEN,)), db(), "b"),
        (Needs(spreads=(EVEN,)), db(is_terminating=True), "a"),
        (Needs(host_ports=(HostPort(port=80),)), db(needs=Needs(host_ports=(HostPort(port=80),))), "b"),
    ],
)
def test_one_pod_is_on_node_a_and_another_looks_for_a_node(needs: Needs, there: PodFacts, node: str) -> None:
    newcomer = db("db-1", needs=needs)
    taken, empty = room("a", there), room("b")
    found = where(newcomer, taken, empty)
    assert found == node
    assert where(newcomer, taken, empty, gone=frozenset({there.uid})) is not None


def test_affinity_to_pods_that_run_nowhere_lets_only_the_first_of_its_kind_go_anywhere() -> None:
    needs = Needs(affinity=(BESIDE_DB,))
    assert where(db(needs=needs), room("a")) == "a"
    assert where(a_pod(needs=needs), room("a")) is None
    assert where(db(needs=needs), room("a", zone="")) is None, "the node has no such label"


def test_all_terms_of_an_affinity_must_be_met_by_one_pod() -> None:
    both = Needs(affinity=(BESIDE_DB, PodTerm(topology_key="zone", selector=(), namespaces=("other",))))
    assert where(a_pod(needs=both), room("a", db(), db("x", namespace="other"))) is None


def test_sleeping_nodes_count_as_places_without_a_pod() -> None:
    spread = db("db-1", needs=Needs(spreads=(EVEN,)))
    assert where(spread, room("a", db())) == "a"
    assert where(spread, room("a", db()), closed=(room("b"),)) is None
    assert where(spread, room("a", db()), closed=(room("b"),), opened=frozenset({"b"})) == "b"


@pytest.mark.parametrize(
    ("changes", "node"),
    [
        ({}, None),
        ({"honours_taints": True}, "a"),
        ({"minimum_domains": 3}, None),
        ({"maximum_skew": 2}, "a"),
    ],
)
def test_which_nodes_a_spread_counts(changes: Any, node: str | None) -> None:
    away = Taint(key="node.kubernetes.io/unschedulable", value="", effect="NoSchedule")
    spread = Spread(**{"topology_key": "zone", "maximum_skew": 1, "selector": DB} | changes)
    pod = db("db-1", needs=Needs(spreads=(spread,)))
    assert where(pod, room("a", db()), closed=(room("b", passing_taints=(away,)),)) == node


def test_too_few_domains_count_as_an_empty_one() -> None:
    few = Spread(topology_key="zone", maximum_skew=1, selector=DB, minimum_domains=2)
    assert where(db("db-1", needs=Needs(spreads=(few,))), room("a", db())) is None


def test_pods_that_come_together_see_each_other() -> None:
    apart = Needs(anti_affinity=(BESIDE_DB,))
    pods = [db(f"db-{number}", needs=apart) for number in range(3)]
    found = place(pods, Ground(open=(room("a"), room("b"))))
    assert sorted(found.nodes.values()) == ["a", "b"]
    (left,) = found.left
    assert "anti-affinity" in left.why
