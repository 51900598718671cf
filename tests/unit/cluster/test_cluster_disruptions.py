"""What is read of a pod and a node before anybody is asked to leave: budgets, files, and the marks of other tools."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sunward.cluster.objects.disruptions import asks_to_stay, budget_refusal, kept_by_others, kept_volumes
from sunward.cluster.reading.read import pod_facts
from sunward.domain.policy import EmptyDirs
from sunward.domain.reasons import Reason

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"


def pod(*volumes: dict[str, Any], annotations: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": "web", "uid": "1", "labels": {"app": "web"}}
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": {**metadata, "annotations": annotations or {}},
        "spec": {"volumes": list(volumes)},
        "status": {"phase": "Running", "conditions": ready} | status,
    }


@pytest.mark.parametrize(
    ("volumes", "annotations", "keeps"),
    [
        ([], {}, False),
        ([{"name": "a", "emptyDir": {}}], {}, True),
        ([{"name": "a", "emptyDir": {"medium": "Memory"}}], {}, False),
        ([{"name": "a", "emptyDir": {"medium": "HugePages"}}], {}, True),
        ([{"name": "a", "hostPath": {"path": "/data"}}], {}, True),
        ([{"name": "a", "hostPath": {"path": "/etc/localtime"}}], {}, False),
        ([{"name": "a", "configMap": {}}], {}, False),
        ([{"name": "a", "emptyDir": {}}], {SAFE: "true"}, False),
        ([{"name": "a", "emptyDir": {}}], {f"{SAFE}-local-volumes": "b, a"}, False),
        ([{"name": "a", "emptyDir": {}}, {"name": "c", "emptyDir": {}}], {f"{SAFE}-local-volumes": "a"}, True),
    ],
)
def test_files_that_would_be_lost(volumes: Any, annotations: Any, keeps: bool) -> None:
    assert bool(kept_volumes(pod(*volumes, annotations=annotations))) is keeps


@pytest.mark.parametrize(
    ("volumes", "kept"),
    [
        ([{"name": "cache", "emptyDir": {}}], ()),
        ([{"name": "cache", "emptyDir": {}}, {"name": "data", "hostPath": {"path": "/srv"}}], ("hostPath data",)),
        ([{"name": "both", "emptyDir": {}, "hostPath": {"path": "/srv"}}], ("hostPath both",)),
    ],
)
def test_the_policy_may_let_empty_dirs_go_and_nothing_else(volumes: Any, kept: tuple[str, ...]) -> None:
    assert kept_volumes(pod(*volumes), EmptyDirs.DELETE) == kept
    read = pod_facts(pod(*volumes), NOON, empty_dirs=EmptyDirs.DELETE)
    assert (read.uses_local_storage, read.local_storage) == (bool(kept), kept)


def test_an_annotation_that_asks_to_stay_holds_although_empty_dirs_may_go() -> None:
    annotated = pod({"name": "a", "emptyDir": {}}, annotations={SAFE: "false"})
    read = pod_facts(annotated, NOON, empty_dirs=EmptyDirs.DELETE)
    assert (read.uses_local_storage, read.do_not_disrupt) == (False, True)


@pytest.mark.parametrize("key", ["karpenter.sh/do-not-disrupt", "karpenter.sh/do-not-evict"])
@pytest.mark.parametrize(("value", "stays"), [("true", True), ("30m", True), ("false", False), ("", False)])
def test_pods_that_karpenter_leaves_alone(key: str, value: str, stays: bool) -> None:
    assert asks_to_stay({key: value}, NOON) is stays


@pytest.mark.parametrize(
    ("annotations", "taints", "mark"),
    [
        ({}, [], None),
        ({"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"}, [], "scale-down-disabled"),
        ({"cluster-autoscaler.kubernetes.io/scale-down-disabled": "false"}, [], None),
        ({"karpenter.sh/do-not-disrupt": "true"}, [], "do-not-disrupt"),
        ({"weave.works/kured-reboot-in-progress": "2026-06-21T11:58:00Z"}, [], "kured"),
        ({"weave.works/kured-most-recent-reboot-needed": "2026-06-21T11:58:00Z"}, [], None),
        ({}, [{"key": "ToBeDeletedByClusterAutoscaler"}], "ToBeDeleted"),
        ({}, [{"key": "gpu"}], None),
    ],
)
def test_nodes_that_other_tools_keep(annotations: Any, taints: Any, mark: str | None) -> None:
    found = kept_by_others({"metadata": {"annotations": annotations}, "spec": {"taints": taints}})
    assert (found is None) if mark is None else (found is not None and mark in found)


def budget(name: str = "pdb", *, allowed: int = 0, selector: Any = None, policy: str = "", **status: int) -> Any:
    spec = {"selector": {"matchLabels": {"app": "web"}} if selector is None else selector}
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": spec | ({"unhealthyPodEvictionPolicy": policy} if policy else {}),
        "status": {"disruptionsAllowed": allowed, **status},
    }


SICK = pod(conditions=[{"type": "Ready", "status": "False"}])


@pytest.mark.parametrize(
    ("body", "budgets", "refused"),
    [
        (pod(), [], False),
        (pod(), [budget()], True),
        (pod(), [budget(allowed=1)], False),
        (pod(), [budget(selector={"matchLabels": {"app": "db"}})], False),
        (pod(), [budget(selector={})], True),
        (pod(), [{**budget(), "metadata": {"namespace": "other", "name": "pdb"}}], False),
        (pod(), [{"metadata": {"namespace": "default", "name": "new"}, "spec": {"selector": {}}}], True),
        (pod(), [budget(allowed=1), budget("again", allowed=1)], True),
        (pod(phase="Pending"), [budget()], False),
        (SICK, [budget(desiredHealthy=1, currentHealthy=0)], True),
        (SICK, [budget(desiredHealthy=1, currentHealthy=1)], False),
        (SICK, [budget(desiredHealthy=0, currentHealthy=0)], True),
        (SICK, [budget(policy="AlwaysAllow", desiredHealthy=1, currentHealthy=0)], False),
    ],
)
def test_what_the_eviction_api_would_answer(body: Any, budgets: Any, refused: bool) -> None:
    found = budget_refusal(body, budgets)
    assert (found is not None) is refused
    assert found is None or found.reason is Reason.DISRUPTION_BUDGET
