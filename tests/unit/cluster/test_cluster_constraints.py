"""What pods ask of one another and of their node, read from objects of the API server."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.cluster.objects import constraints
from sunward.domain.pods import HostPort, PodTerm, Requirement, SelectorOperator, Spread

REQUIRED = constraints.REQUIRED
APP = Requirement(key="app", operator=SelectorOperator.IN, values=("db",))
SELECTOR = {"matchLabels": {"app": "db"}}


def affinity(kind: str, **term: Any) -> dict[str, Any]:
    return {"affinity": {kind: {REQUIRED: [{"topologyKey": "zone", **term}]}}}


@pytest.mark.parametrize(
    ("term", "selector", "namespaces"),
    [
        ({"labelSelector": SELECTOR}, (APP,), ("default",)),
        ({"labelSelector": {}}, (), ("default",)),
        ({}, None, ("default",)),
        ({"labelSelector": SELECTOR, "namespaces": ["a", "b"]}, (APP,), ("a", "b")),
        ({"labelSelector": SELECTOR, "namespaceSelector": {}}, (APP,), None),
        ({"labelSelector": SELECTOR, "namespaceSelector": {"matchLabels": {"team": "x"}}}, (APP,), None),
        ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "Near"}]}}, (), ("default",)),
    ],
)
def test_a_term_keeps_away_at_least_what_it_says(term: Any, selector: Any, namespaces: Any) -> None:
    spec = affinity("podAntiAffinity", **term)
    found = PodTerm(topology_key="zone", selector=selector, namespaces=namespaces)
    assert constraints.anti_affinity_terms(spec, "default") == (found,)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({}, None),
        (affinity("podAffinity", labelSelector=SELECTOR, namespaceSelector={}), None),
        (affinity("podAntiAffinity", labelSelector=SELECTOR, namespaceSelector={"matchLabels": {"a": "b"}}), None),
        (affinity("podAffinity", namespaceSelector={"matchLabels": {"a": "b"}}), "selector of namespaces"),
        (affinity("podAffinity", labelSelector={"matchExpressions": [{"key": "a", "operator": "Near"}]}), "Near"),
        ({"resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
        (
            {"topologySpreadConstraints": [{"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}]},
            "Gt",
        ),
    ],
)
def test_what_is_not_understood_is_named(spec: Any, word: str | None) -> None:
    found = constraints.not_understood(spec)
    assert (found is None) if word is None else (found is not None and word in found)


def test_a_spread_that_is_only_wished_for_does_not_count() -> None:
    hard = {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": SELECTOR}
    rows = [hard, {**hard, "whenUnsatisfiable": "ScheduleAnyway"}]
    found = Spread(topology_key="zone", maximum_skew=2, selector=(APP,))
    assert constraints.spreads({"topologySpreadConstraints": rows}, {}) == (found,)


def test_a_spread_s_own_terms() -> None:
    row = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": SELECTOR,
        "matchLabelKeys": ["hash", "missing"],
        "minDomains": 3,
        "nodeAffinityPolicy": "Ignore",
        "nodeTaintsPolicy": "Honor",
    }
    (found,) = constraints.spreads({"topologySpreadConstraints": [row]}, {"hash": "1", "app": "db"})
    by_hash = Requirement(key="hash", operator=SelectorOperator.IN, values=("1",))
    assert found == Spread(
        topology_key="zone",
        maximum_skew=1,
        selector=(APP, by_hash),
        minimum_domains=3,
        honours_selectors=False,
        honours_taints=True,
    )


def test_ports_of_the_node() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "10.0.0.1"}]
    spec: dict[str, Any] = {"containers": [{"ports": ports}], "initContainers": [{"ports": [{"hostPort": 9}]}]}
    udp = HostPort(port=53, protocol="UDP", address="10.0.0.1")
    assert constraints.host_ports(spec) == (udp, HostPort(port=9))
    assert constraints.host_ports({**spec, "hostNetwork": True})[0] == HostPort(port=80)


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        (HostPort(port=80), HostPort(port=80), True),
        (HostPort(port=80), HostPort(port=81), False),
        (HostPort(port=80), HostPort(port=80, protocol="UDP"), False),
        (HostPort(port=80, address="10.0.0.1"), HostPort(port=80), True),
        (HostPort(port=80, address="10.0.0.1"), HostPort(port=80, address="10.0.0.2"), False),
    ],
)
def test_ports_that_one_node_cannot_give_twice(one: HostPort, other: HostPort, collide: bool) -> None:
    assert one.collides(other) is other.collides(one) is collide
