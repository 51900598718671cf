"""Acts, Lease and time on a real API server: what is ours is taken back, what is not survives, stale views fail."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from sunward.cluster.access.api import ApiError, KubernetesApi, connect, core
from sunward.cluster.access.lease import DURATION_SECONDS, Lease
from sunward.cluster.access.server_clock import ServerClock
from sunward.cluster.acting import acts
from sunward.cluster.reading.read import node_facts, pod_facts
from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, Step
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]
pytestmark = pytest.mark.cluster
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Body = dict[str, Any]
FOREIGN: Body = {"key": "example.org/spot", "value": "yes", "effect": "NoSchedule"}
STEP = Step(node="n", record=NodeRecord(), act=Act.CORDON, cause=Cause(Reason.SLEEP_STARTED), changed=False)


@pytest.fixture
async def api(control_plane: ControlPlane) -> AsyncIterator[KubernetesApi]:
    async with connect(str(control_plane.kubeconfig)) as opened:
        yield opened


async def a_node(api: KubernetesApi, **spec: Any) -> str:
    name = f"node-{uuid4().hex[:8]}"
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}  # without any field, none is noted later on
    await api.create(core("nodes"), {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
    return name


async def test_a_cordon_is_marked_as_ours_and_taken_back_whole(api: KubernetesApi) -> None:
    name = await a_node(api)
    await acts.cordon(api, name, STEP)
    facts = node_facts(await api.get(core("nodes", name)))
    assert (facts.unschedulable, facts.has_our_cordon_mark, facts.has_our_taint) == (True, True, True)
    await acts.uncordon(api, name)
    facts = node_facts(await api.get(core("nodes", name)))
    assert (facts.unschedulable, facts.has_our_cordon_mark, facts.has_our_taint) == (False, False, False)


async def test_cordoning_twice_marks_once(api: KubernetesApi) -> None:
    name = await a_node(api)
    await acts.cordon(api, name, STEP)
    await acts.cordon(api, name, STEP)
    taints = (await api.get(core("nodes", name)))["spec"]["taints"]
    assert [taint["key"] for taint in taints].count(acts.TAINT_KEY) == 1


async def test_a_cordon_of_somebody_else_is_neither_taken_over_nor_removed(api: KubernetesApi) -> None:
    name = await a_node(api, unschedulable=True)
    with pytest.raises(ApiError, match="cordoned by another client") as refused:
        await acts.cordon(api, name, STEP)
    assert refused.value.status == 409
    await acts.uncordon(api, name)
    assert (await api.get(core("nodes", name)))["spec"]["unschedulable"] is True


async def test_a_cordon_that_a_person_sets_after_theirs_ended_ours_stays(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await a_node(api)
    await acts.cordon(api, name, STEP)
    with monkeypatch.context() as person:
        person.setattr("sunward.cluster.access.api.FIELD_MANAGER", "kubectl")
        for unschedulable in (None, True):  # uncordon, cordon: neither touches our mark
            await api.patch(core("nodes", name), {"spec": {"unschedulable": unschedulable}})
    assert node_facts(await api.get(core("nodes", name))).has_our_cordon_mark is False
    await acts.uncordon(api, name)
    left = await api.get(core("nodes", name))
    assert left["spec"]["unschedulable"] is True
    assert acts.CORDON_MARK not in (left["metadata"].get("annotations") or {})


async def test_taints_of_others_survive_both_ways(api: KubernetesApi) -> None:
    name = await a_node(api, taints=[FOREIGN])
    await acts.cordon(api, name, STEP)
    await acts.uncordon(api, name)
    kept = (await api.get(core("nodes", name)))["spec"]["taints"]
    assert FOREIGN in kept
    assert not any(taint["key"] == acts.TAINT_KEY for taint in kept)


async def a_pod(api: KubernetesApi, name: str) -> Body:
    container = {"name": "c", "image": "none"}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    return await api.create(core("pods", namespace="default"), body)


@pytest.fixture
async def service_account(api: KubernetesApi) -> None:
    """Pods need the default account, which the controller manager makes a moment after the namespace."""
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    try:
        await api.create(core("serviceaccounts", namespace="default"), body)
    except ApiError as error:
        if error.status != 409:
            raise


@pytest.mark.usefixtures("service_account")
async def test_an_eviction_hits_this_very_pod_and_not_its_successor(api: KubernetesApi) -> None:
    name = f"pod-{uuid4().hex[:8]}"
    first = pod_facts(await a_pod(api, name), datetime.now(UTC))
    await api.delete(core("pods", name, namespace="default"), uid=first.uid, grace_seconds=0)
    second = await a_pod(api, name)
    with pytest.raises(ApiError) as refused:
        await acts.evict(api, first)
    assert refused.value.status == 409
    assert (await api.get(core("pods", name, namespace="default")))["metadata"]["uid"] == second["metadata"]["uid"]


@pytest.mark.usefixtures("service_account")
async def test_an_evicted_pod_is_gone(api: KubernetesApi) -> None:
    name = f"pod-{uuid4().hex[:8]}"
    await acts.evict(api, pod_facts(await a_pod(api, name), datetime.now(UTC)))
    with pytest.raises(ApiError) as gone:
        await api.get(core("pods", name, namespace="default"))
    assert gone.value.status == 404


class Time:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def test_one_leads_until_it_is_silent_for_the_whole_duration(api: KubernetesApi) -> None:
    await api.create(core("namespaces"), {"metadata": {"name": "lease-1"}})
    first_time, second_time = Time(), Time()
    first = Lease(api, "lease-1", "first", monotonic=first_time)
    second = Lease(api, "lease-1", "second", monotonic=second_time)
    assert await first.renew(NOW)
    assert not await second.renew(NOW)
    second_time.seconds += DURATION_SECONDS - 1
    assert not await second.renew(NOW)
    second_time.seconds += 2
    assert await second.renew(NOW)
    assert second.token == first.token + 1


async def test_a_leader_that_was_stopped_knows_by_its_own_clock_that_it_no_longer_leads(api: KubernetesApi) -> None:
    await api.create(core("namespaces"), {"metadata": {"name": "lease-2"}})
    time = Time()
    lease = Lease(api, "lease-2", "first", monotonic=time)
    assert await lease.renew(NOW)
    time.seconds += DURATION_SECONDS
    assert not lease.holds()


async def test_a_released_lease_is_taken_at_once_with_a_newer_token(api: KubernetesApi) -> None:
    await api.create(core("namespaces"), {"metadata": {"name": "lease-3"}})
    first, second = Lease(api, "lease-3", "first"), Lease(api, "lease-3", "second")
    assert await first.renew(NOW)
    await first.release(NOW)
    assert not first.holds()
    assert await second.renew(NOW)
    assert second.token > first.token


async def test_an_answer_sets_the_clock(control_plane: ControlPlane) -> None:
    clock = ServerClock(wall=lambda: time.time() + 3600.0)
    async with connect(str(control_plane.kubeconfig), clock=clock) as api:
        await api.get(core("services", "kubernetes", namespace="default"))
    assert abs(clock().timestamp() - time.time()) < 5.0


async def test_a_refusal_sets_the_clock_too(control_plane: ControlPlane) -> None:
    clock = ServerClock(wall=lambda: time.time() - 3600.0)
    async with connect(str(control_plane.kubeconfig), clock=clock) as api:
        with pytest.raises(ApiError, match="404"):
            await api.get(core("services", "there-is-no-such-service", namespace="default"))
    assert abs(clock().timestamp() - time.time()) < 5.0
