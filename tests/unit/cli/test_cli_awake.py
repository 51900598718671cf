"""`sunward doctor` says for each node what keeps it awake, and the command that frees it."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.cli.diagnosis.awake import pod_commands
from sunward.cli.doctor import examine
from sunward.cli.explaining.explain import pin_lines
from sunward.cluster.access.api import core
from sunward.domain.pods import PodFacts
from sunward.domain.policy import EvictionScope
from support import crds
from support.loop.objects import WORKERS, new_pod
from support.loop.process import Process, run
from support.loop.world import World
from support.planning import a_pod, a_policy
from support.store_api import StoreApi

DNS = a_pod("coredns-1", namespace="kube-system", priority=2_000_000_000)
METRICS = a_pod("metrics-1", namespace="kube-system", priority=2_000_000_000)


def commands(*pods: PodFacts, movers: tuple[str, ...] = ("pi-01", "pi-02"), **policy: Any) -> list[str]:
    return pod_commands(pods, a_policy(namespaces=("default",), **policy), movers, {"home": {"tier": "free"}})


def test_packaged_singletons_are_moved_while_every_node_that_may_sleep_is_closed() -> None:
    assert commands(METRICS, DNS) == [
        "kubectl cordon pi-01 pi-02",
        "kubectl -n kube-system delete pod coredns-1 metrics-1",
        "kubectl uncordon pi-01 pi-02",
    ]
    assert commands(a_pod("alone", namespace="kube-system", owner_kind=None)) == [], "it would be lost"


def test_a_pod_with_files_gets_the_annotation_for_exactly_its_volumes() -> None:
    keeps = a_pod("web-1", uses_local_storage=True, local_storage=("emptyDir cache", "hostPath data"))
    annotation = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes=cache,data"
    assert commands(keeps) == [f"kubectl -n default annotate pod web-1 {annotation}"]


@pytest.mark.parametrize("lost", [{"owner_kind": None}, {"owner_kind": None, "local_storage": ("emptyDir a",)}])
def test_nothing_is_advised_that_would_lose_a_pod(lost: dict[str, Any]) -> None:
    assert commands(a_pod("bare", uses_local_storage=True, **lost)) == []


def test_a_pod_that_asks_to_stay_is_released_by_taking_its_annotations_away() -> None:
    (command,) = commands(a_pod("web-1", do_not_disrupt=True))
    assert command.startswith("kubectl -n default annotate pod web-1 sunward.dev/do-not-disrupt- ")


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (EvictionScope(), "'evictNamespaces.names=[\"media\"]'"),
        (EvictionScope(names=("home",)), '\'evictNamespaces.names=["home", "media"]\''),
        (EvictionScope(all_but=("media", "db")), "'evictNamespaces.allBut=[\"db\"]'"),
        (EvictionScope(names=("media",)), None),
        (EvictionScope(match_labels=(("tier", "free"),)), "'evictNamespaces.names=[\"media\"]'"),
    ],
)
def test_a_namespace_is_added_to_the_charts_value(scope: EvictionScope, value: str | None) -> None:
    pods = [a_pod("home-1", namespace="home"), a_pod("media-1", namespace="media")]
    pods = pods if scope.match_labels else pods[1:]
    found = commands(*pods, evict_namespaces=scope)
    assert [one.rsplit("--set-json ", 1)[1] for one in found] == ([] if value is None else [value])


async def test_the_operators_words_and_the_command_stand_side_by_side() -> None:
    world = World(jobs=False)
    for name in WORKERS:
        body = new_pod(f"media-{name}", name, "ReplicaSet", "media")
        body["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
        world.store.create(core("pods", namespace="media"), body)
    for definition in crds.definitions():
        world.store.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    await run(world, Process(world, "op"), 200)
    advice = {name: text for name, ok, text in await examine(StoreApi(world.store)) if ok}
    said = advice["pi-2 stays awake"]
    assert "NamespaceNotAllowed" in said
    assert "kubectl -n media annotate pod media-pi-2" in said
    assert "media/media-pi-2 then loses emptyDir cache" in said
    assert "evictNamespaces.names=" in said


def test_the_cost_of_keeping_a_node_awake_is_told_by_the_hour_and_by_the_day() -> None:
    pins = [{"namespace": "media", "holder": "media/web", "reason": "UnevictablePod"}]
    data = {"pinnedNodes": [], "pinnedBy": pins, "pinnedMilligramsCO2ePerHour": 950}
    assert "950 mg CO2e an hour, 22.8 g CO2e a day at the present intensity" in " ".join(pin_lines(data))
