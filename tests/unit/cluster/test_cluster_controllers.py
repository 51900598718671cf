"""Arguments of controller managers as nodes and pods show them: what counts, and which nodes are trusted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.objects.controllers import controllers, failure_zone
from sunward.domain.eviction import EvictionSettings, LimitSource

ARG = "--kube-controller-manager-arg"
ROLE = "node-role.kubernetes.io/control-plane"
Body = dict[str, Any]


def server(name: str = "hub", arguments: Any = None, *, role: str | None = ROLE) -> Body:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    annotations = {} if arguments is None else {"k3s.io/node-args": text}
    return {"metadata": {"name": name, "labels": {role: "true"} if role else {}, "annotations": annotations}}


def manager(*flags: str, node: str = "hub", namespace: str = "kube-system", mirror: bool = True) -> Body:
    annotations = {"kubernetes.io/config.mirror": "abc"} if mirror else {}
    containers = [{"name": "x", "command": ["kube-controller-manager", *flags]}]
    metadata = {"name": f"kube-controller-manager-{node}", "namespace": namespace, "annotations": annotations}
    return {"metadata": metadata, "spec": {"nodeName": node, "containers": containers}}


def only(nodes: list[Body], pods: list[Body] | None = None) -> EvictionSettings | None:
    found = controllers(nodes, pods or [])
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("arguments", "threshold"),
    [
        (["server", ARG, "unhealthy-zone-threshold=0.95"], 0.95),
        (["server", f"{ARG}=unhealthy-zone-threshold=0.95"], 0.95),
        (["server", ARG, "--unhealthy_zone_threshold=1"], 1.0),
        (["server", "--kube-controller-arg", "unhealthy-zone-threshold=.9"], 0.9),
        (["server", ARG, "unhealthy-zone-threshold=0.9", ARG, "unhealthy-zone-threshold=0.7"], 0.7),
        (["server", "--kubelet-arg", "unhealthy-zone-threshold=0.95"], None),
        (["server", ARG, "bind-address=0.0.0.0"], None),
        (["server", ARG], None),
        (["server"], None),
    ],
)
def test_k3s_names_what_it_passes_on(arguments: list[str], threshold: float | None) -> None:
    assert only([server(arguments=arguments)]) == EvictionSettings(
        source=LimitSource.NODE_ARGS, unhealthy_zone_threshold=threshold
    )


def test_all_three_settings_are_read() -> None:
    words = ["large-cluster-size-threshold=5", "secondary-node-eviction-rate=0.1", "unhealthy-zone-threshold=0.9"]
    expected = EvictionSettings(
        source=LimitSource.STATIC_POD,
        unhealthy_zone_threshold=0.9,
        large_cluster_nodes=5,
        secondary_evictions_per_second=0.1,
    )
    assert only([server()], [manager(*(f"--{word}" for word in words))]) == expected
    assert only([server()], [manager(*(part for word in words for part in f"--{word}".split("=")))]) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        *(["server", ARG, f"unhealthy-zone-threshold={value}"] for value in ("", "much", "nan", "inf")),
        *(["server", ARG, f"unhealthy-zone-threshold={value}"] for value in ("-1", "1e3", "0x1p0", "\u0663")),
        ["server", ARG, "unhealthy-zone-threshold=0.9,large-cluster-size-threshold=3"],
        *("{}", "[", "[1]", '"server"', "[" * 60_000, "NaN", "null"),
        *(json.dumps(["x" * 70_000]), json.dumps(["x"] * 1001)),
    ],
)
def test_what_cannot_be_read_is_not_known(arguments: Any) -> None:
    assert only([server(arguments=arguments)]) is None


def test_only_a_server_is_trusted() -> None:
    """A kubelet may annotate its own node and make mirror pods on it; a role it cannot give itself."""
    lie = server("pi-01", ["server", ARG, "unhealthy-zone-threshold=1"], role=None)
    mirror = manager("--unhealthy-zone-threshold=1", node="pi-01")
    assert controllers([lie], [mirror]) == ()
    assert controllers([server(), lie], [mirror]) == (None,)


@pytest.mark.parametrize("changes", [{"namespace": "default"}, {"mirror": False}, {"node": "pi-01"}])
def test_only_a_static_pod_of_the_server_is_trusted(changes: dict[str, Any]) -> None:
    assert only([server()], [manager("--unhealthy-zone-threshold=1", **changes)]) is None


def test_every_server_has_an_entry() -> None:
    one, two = server("a", ["server", ARG, "unhealthy-zone-threshold=0.9"]), server("b", ["server"])
    found = controllers([one, two, server("c")], [])
    assert [None if one is None else one.unhealthy_zone_threshold for one in found] == [0.9, None, None]
    assert [one is None for one in found] == [False, False, True]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@given(JSON, st.lists(JSON, max_size=3), st.text(max_size=80))
def test_no_object_ends_the_reading(command: Any, pods: list[Any], arguments: str) -> None:
    pod = manager()
    pod["spec"]["containers"][0]["command"] = command
    strange = [one for one in pods if isinstance(one, dict)]
    assert len(controllers([server(arguments=arguments), server("b")], [pod, *strange])) == 2


@pytest.mark.parametrize(
    ("labels", "zone"),
    [
        ({}, ""),
        ({"topology.kubernetes.io/zone": "barn"}, "/barn"),
        ({"topology.kubernetes.io/region": "eu", "topology.kubernetes.io/zone": "barn"}, "eu/barn"),
        ({"failure-domain.beta.kubernetes.io/zone": "old", "topology.kubernetes.io/zone": "new"}, "/old"),
    ],
)
def test_a_failure_zone_is_what_kubernetes_takes_it_for(labels: dict[str, str], zone: str) -> None:
    assert failure_zone(labels) == zone
