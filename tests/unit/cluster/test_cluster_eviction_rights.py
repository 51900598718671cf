"""An eviction is counted on only where the policy lets it and the API server's authoriser says that it is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from sunward.cluster.access.api import ApiError
from sunward.cluster.reading.eviction_rights import ALLOWED_FOR, DENIED_FOR, EvictionRights
from sunward.cluster.reading.pod_memory import PodMemory
from sunward.domain.policy import EvictionScope
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from support.loop.store import Store
from support.planning import NOW, a_node, a_pod, a_policy, a_snapshot
from support.store_api import StoreApi

NAMESPACES = ("default", "media", "home")


class OddApi(StoreApi):
    """An API server that answers reviews with something else."""

    def __init__(self, store: Store, answer: Any) -> None:
        super().__init__(store)
        self.answer = answer

    async def create(self, path: str, body: Mapping[str, Any]) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def seen(scope: EvictionScope = EvictionScope(), *, after: timedelta = timedelta(0)) -> Snapshot:  # noqa: B008
    """A node with a pod of each namespace."""
    pods = [a_pod(f"web-{name}", namespace=name) for name in NAMESPACES]
    policy = a_policy(namespaces=("default",), evict_namespaces=scope)
    return a_snapshot(a_node(pods=pods), policy=policy, taken_at=NOW + after)


def store(**labels: dict[str, str]) -> Store:
    made = Store()
    for name in NAMESPACES:
        body = {"metadata": {"name": name, "labels": labels.get(name, {})}}
        made.create("/api/v1/namespaces", body)
    return made


async def evictable(store: Store, scope: EvictionScope) -> list[str]:
    """Namespaces whose pods are not held."""
    snapshot = PodMemory().marked(await EvictionRights().told(StoreApi(store), seen(scope)))
    return [pod.namespace for pod in snapshot.nodes[0].pods if pod.held is None]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (EvictionScope(), ["default"]),
        (EvictionScope(names=("media",)), ["default", "media"]),
        (EvictionScope(match_labels=(("tier", "free"),)), ["default", "home"]),
        (EvictionScope(match_labels=(("tier", "free"), ("team", "a"))), ["default"]),
        (EvictionScope(names=("media",), match_labels=(("tier", "free"),)), ["default", "media", "home"]),
        (EvictionScope(all_but=("home",)), ["default", "media"]),
        (EvictionScope(all_but=()), ["default", "media", "home"]),
    ],
)
async def test_pods_of_the_namespaces_that_the_policy_names_may_leave(
    scope: EvictionScope, expected: list[str]
) -> None:
    assert await evictable(store(home={"tier": "free"}), scope) == expected


def test_the_systems_own_namespace_is_never_among_all_others() -> None:
    assert not EvictionScope(all_but=()).covers("kube-system", {})
    assert not EvictionScope(match_labels=(("a", "b"),)).covers("media", None), "unknown labels match nothing"


async def test_where_the_right_is_missing_the_pod_stays_and_the_fix_is_named() -> None:
    api = store()
    api.no_evictions = {"media", "default"}
    snapshot = await EvictionRights().told(StoreApi(api), seen(EvictionScope(names=("media",))))
    assert set(snapshot.without_right) == {"media", "default"}
    (media,) = [pod for pod in PodMemory().marked(snapshot).nodes[0].pods if pod.namespace == "media"]
    assert media.held is not None
    assert media.held.reason is Reason.NAMESPACE_NOT_ALLOWED
    assert "evictNamespaces.names" in media.held.message


@pytest.mark.parametrize(
    "answer",
    [
        ApiError(403, "POST", "/apis", "forbidden"),
        ApiError(0, "POST", "/apis", "cannot be reached"),
        {},
        {"status": {}},
        {"status": {"allowed": "yes"}},
        {"status": {"allowed": 1}},
        [],
    ],
)
async def test_an_answer_that_proves_no_right_is_none(answer: Any) -> None:
    snapshot = await EvictionRights().told(OddApi(store(), answer), seen())
    assert set(snapshot.without_right) == {"default"}


async def test_nothing_is_asked_twice_within_its_time_nor_of_namespaces_out_of_scope() -> None:
    api, rights = store(), EvictionRights()
    for after in (timedelta(0), ALLOWED_FOR / 2, ALLOWED_FOR - timedelta(seconds=1)):
        await rights.told(StoreApi(api), seen(after=after))
    assert api.reviews == ["default"]
    await rights.told(StoreApi(api), seen(after=ALLOWED_FOR))
    assert api.reviews == ["default", "default"]


async def test_a_right_that_was_granted_is_noticed_soon() -> None:
    api, rights = store(), EvictionRights()
    api.no_evictions = {"default"}
    assert set((await rights.told(StoreApi(api), seen())).without_right) == {"default"}
    api.no_evictions = set()
    assert set((await rights.told(StoreApi(api), seen(after=DENIED_FOR))).without_right) == set()


async def test_labels_are_read_only_where_the_policy_selects_by_them() -> None:
    class Closed(StoreApi):
        async def list(self, path: str, **selectors: str) -> Any:
            raise ApiError(403, "GET", path, "forbidden")

    by_label = EvictionScope(match_labels=(("tier", "free"),))
    for scope in (EvictionScope(names=("media",)), by_label):
        snapshot = await EvictionRights().told(Closed(store()), seen(scope))
        assert snapshot.namespace_labels == {}
