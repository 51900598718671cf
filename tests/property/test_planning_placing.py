"""Pods are never placed more boldly than the scheduler would: small worlds against an oracle that tries every way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sunward.cluster.objects.allocatable import capacities
from sunward.cluster.reading.read import pod_facts
from sunward.planning.guards.placing import Ground, Placement, order, place
from support.guards.scheduling import Body, Placed, feasible, placements

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
KEYS = ("host", "zone")
APPS = ("a", "b")


def selectors() -> st.SearchStrategy[Body | None]:
    """Of the labels that pods here have: by value, by expression, all, none."""
    exists = st.sampled_from(["Exists", "DoesNotExist"]).map(lambda op: [{"key": "app", "operator": op}])
    listed = st.tuples(st.sampled_from(["In", "NotIn"]), st.sets(st.sampled_from(APPS), min_size=1)).map(
        lambda pair: [{"key": "app", "operator": pair[0], "values": sorted(pair[1])}]
    )
    return st.one_of(
        st.none(),
        st.just({}),
        st.sampled_from(APPS).map(lambda app: {"matchLabels": {"app": app}}),
        st.one_of(exists, listed).map(lambda rows: {"matchExpressions": rows}),
    )


@st.composite
def terms(draw: st.DrawFn, *, of_anti: bool) -> list[Body]:
    """None, one or two; a selector of namespaces only where it is understood."""
    found = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        term: Body = {"topologyKey": draw(st.sampled_from(KEYS))}
        selector = draw(selectors())
        if selector is not None:
            term["labelSelector"] = selector
        where = draw(st.sampled_from(["own", "named", "all"]))
        if where == "named":
            term["namespaces"] = ["other"]
        elif where == "all" and of_anti:
            term["namespaceSelector"] = {}
        found.append(term)
    return found


@st.composite
def spread_rows(draw: st.DrawFn) -> list[Body]:
    """None or one constraint."""
    if not draw(st.booleans()):
        return []
    row: Body = {
        "topologyKey": draw(st.sampled_from(KEYS)),
        "maxSkew": draw(st.integers(1, 2)),
        "whenUnsatisfiable": draw(st.sampled_from(["DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"])),
        "labelSelector": draw(selectors()),
        "nodeAffinityPolicy": draw(st.sampled_from(["Honor", "Ignore"])),
        "nodeTaintsPolicy": draw(st.sampled_from(["Honor", "Ignore"])),
    }
    if row["whenUnsatisfiable"] == "DoNotSchedule" and draw(st.booleans()):
        row["minDomains"] = draw(st.integers(1, 3))
    return [row]


@st.composite
def pods(draw: st.DrawFn, name: str) -> Body:
    """A pod that asks for some of everything."""
    container: Body = {"name": "c", "resources": {"requests": {"cpu": str(draw(st.integers(0, 2)))}}}
    if draw(st.integers(0, 3)) == 0:
        container["ports"] = [{"containerPort": 80, "hostPort": 80}]
    spec: Body = {"containers": [container], "topologySpreadConstraints": draw(spread_rows())}
    affinity = {
        kind: {"requiredDuringSchedulingIgnoredDuringExecution": draw(terms(of_anti=kind == "podAntiAffinity"))}
        for kind in ("podAffinity", "podAntiAffinity")
    }
    spec["affinity"] = affinity
    if draw(st.integers(0, 3)) == 0:
        spec["nodeSelector"] = {"zone": draw(st.sampled_from(["east", "west"]))}
    if draw(st.booleans()):
        spec["tolerations"] = [draw(st.sampled_from([{"operator": "Exists"}, {"key": "gpu", "operator": "Exists"}]))]
    labels = draw(st.sampled_from([{}, {"app": "a"}, {"app": "b"}]))
    metadata: Body = {"name": name, "namespace": draw(st.sampled_from(["default", "other"])), "uid": name}
    return {"metadata": {**metadata, "labels": labels}, "spec": spec, "status": {"phase": "Running"}}


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Body:
    """A node that may lack a label, have a taint, or be cordoned."""
    labels = {"host": name, "zone": draw(st.sampled_from(["east", "west"]))}
    if draw(st.integers(0, 4)) == 0:
        del labels["zone"]
    spec: Body = {}
    if draw(st.integers(0, 3)) == 0:
        spec["taints"] = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    if draw(st.integers(0, 3)) == 0:
        spec["unschedulable"] = True
        passing = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        spec["taints"] = [*spec.get("taints", []), passing]
    has = {"cpu": str(draw(st.integers(1, 4))), "memory": "8Gi", "pods": "20"}
    status = {"allocatable": has, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


@st.composite
def worlds(draw: st.DrawFn, *, newcomers: int) -> tuple[list[Body], list[tuple[Body, str]], list[Body]]:
    """Nodes, pods that run on them, and pods that look for a node."""
    found = [draw(nodes(f"n{i}")) for i in range(draw(st.integers(1, 3)))]
    running = [draw(pods(f"old{i}")) for i in range(draw(st.integers(0, 3)))]
    placed = [(pod, draw(st.sampled_from([node["metadata"]["name"] for node in found]))) for pod in running]
    for pod, _ in placed:
        if draw(st.integers(0, 4)) == 0:
            pod["metadata"]["deletionTimestamp"] = "2026-06-21T12:00:00Z"
    return found, placed, [draw(pods(f"new{i}")) for i in range(newcomers)]


def found_for(found: list[Body], placed: Placed, new: list[Body]) -> Placement:
    """What the check says of the objects."""
    bound = [pod_facts({**pod, "spec": {**pod["spec"], "nodeName": where}}, NOW) for pod, where in placed]
    free, closed = capacities(found, bound)
    return place([pod_facts(pod, NOW) for pod in new], Ground(open=free, closed=closed))


@settings(max_examples=100, deadline=None)
@given(worlds(newcomers=1))
def test_one_pod_is_placed_exactly_where_the_filters_let_it(world: Any) -> None:
    found, placed, (pod,) = world
    takers = [one for one in found if not one["spec"].get("unschedulable") and feasible(pod, one, found, placed)]
    answer = found_for(found, placed, [pod])
    assert bool(answer.nodes) is bool(takers)
    assert set(answer.nodes.values()) <= {one["metadata"]["name"] for one in takers}
    assert all(one.why for one in answer.left)


@settings(max_examples=100, deadline=None)
@given(worlds(newcomers=3))
def test_pods_are_placed_together_only_as_the_filters_let_them_one_after_another(world: Any) -> None:
    found, placed, new = world
    answer = found_for(found, placed, new)
    assert len(answer.nodes) + len(answer.left) == len(new)
    in_order = sorted(new, key=lambda pod: order(pod_facts(pod, NOW)))
    those = [pod for pod in in_order if pod["metadata"]["uid"] in answer.nodes]
    now = list(placed)
    for pod in those:
        name = answer.nodes[pod["metadata"]["uid"]]
        node = next(one for one in found if one["metadata"]["name"] == name)
        assert feasible(pod, node, found, now)
        now.append((pod, name))
    assert next(placements(those, found, placed), None) is not None
