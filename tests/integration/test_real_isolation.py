"""What tenants do to their own namespaces keeps no node asleep: the operator's process, with the chart's rights, before
a real API server."""

from __future__ import annotations

import time
from typing import Any

import pytest

from support.real.cluster import POLICY, RealWorld, real_cluster
from support.real.objects import policy, training_job

pytestmark = pytest.mark.cluster

WAKE_LIMIT_SECONDS = 10.0
JOBS = "/apis/sunward.dev/v1alpha1/namespaces/{}/trainingjobs/{}"
Body = dict[str, Any]


def test_an_order_to_wake_is_carried_out_in_ten_seconds_whatever_tenants_do() -> None:
    """One namespace may start no pod, another is listed by the policy without any rights of the operator in it."""
    with real_cluster(nodes=3, policy=policy(namespaces=["default", "team"])) as world:
        operator = world.operator("a")
        operator.start()
        operator.wait_ready()
        world.allow_asleep(1)
        world.wait_asleep(1)
        (sleeper,) = world.asleep()
        _spoil(world, [name for name in world.names if name != sleeper])
        world.wait(lambda: _reason(world, "default", "ordinary") == "QuotaExceeded", 30.0, "the quota is told")
        world.wait(lambda: _reason(world, "team", "theirs") == "AccessDenied", 30.0, "the missing rights are told")
        begun = time.monotonic()
        world.hold(sleeper, "Awake")
        world.wait(lambda: {"node": sleeper, "on": True}.items() <= world.journal.switches()[-1].items(), 30.0, "power")
        assert time.monotonic() - begun < WAKE_LIMIT_SECONDS
        ready = _conditions(world.admin.get(POLICY).body)["Ready"]
        assert (ready["status"], ready["reason"]) == ("False", "PartsFailing")
        assert ready["message"].startswith("2 of 2 TrainingJobs cannot be carried out: default/ordinary (QuotaExceeded")
        assert operator.page("healthz")[0] == 200
        assert "sunward_pass_failures_total{" not in operator.page("metrics")[1]
        assert 'sunward_failures_total{part="apply",reason="QuotaExceeded"}' in operator.page("metrics")[1]
        world.admin.delete("/api/v1/namespaces/default/resourcequotas/none")
        world.wait(lambda: _reason(world, "default", "ordinary") == "", 90.0, "the job is carried out")


def _spoil(world: RealWorld, homes: list[str]) -> None:
    """A quota of nothing, a namespace that the chart knows nothing of, and an ordinary job in both."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    answer = world.admin.request("POST", "/api/v1/namespaces/default/resourcequotas", quota)
    assert answer.code == 201, answer.message
    world.create(training_job("ordinary", homes[:1], rounds=3))
    theirs = training_job("theirs", homes[1:], rounds=3)
    theirs["metadata"]["namespace"] = "team"
    world.create(theirs)


def _reason(world: RealWorld, namespace: str, name: str) -> str:
    """Why the job is not carried out; empty when it is."""
    said = _conditions(world.admin.get(JOBS.format(namespace, name)).body).get("Applied")
    return "not evaluated" if said is None else "" if said["status"] == "True" else str(said["reason"])


def _conditions(body: Body) -> dict[str, Body]:
    return {one["type"]: one for one in (body.get("status") or {}).get("conditions") or ()}
