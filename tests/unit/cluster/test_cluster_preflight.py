"""The last look before power is cut, on an API server in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from sunward.cluster.access.api import Api, ApiError, core, ours
from sunward.cluster.acting.preflight import obstacle
from sunward.cluster.objects.records import record_patch
from sunward.domain.cause import Cause
from sunward.domain.nodes import Intent, NodeRecord, Operation, PowerState
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, Step
from support.loop.store import Body, Store
from support.planning import NOW, a_node, a_snapshot, relay

NODE = core("nodes", "pi-01")
RECORD = NodeRecord(
    power_state=PowerState.POWER_OFF_REQUESTED,
    operation=Operation(
        id="pi-01-sleep-1",
        intent=Intent.SLEEP,
        reason=Reason.SLEEP_STARTED,
        started_at=NOW,
        deadline=NOW + timedelta(minutes=1),
        fencing_token=1,
    ),
)


class Server:
    """The store; what is `forbidden` may not be read."""

    def __init__(self) -> None:
        self.store = Store()
        self.forbidden = ""

    async def get(self, path: str) -> Body:
        if path == self.forbidden:
            raise ApiError(403, "GET", path, "forbidden")
        return self.store.get(path)

    async def list(self, path: str, **_: str) -> list[Body]:
        return self.store.list(path)


@pytest.fixture
def server() -> Server:
    made = Server()
    power = {"idleMilliwatts": 2700, "busyMilliwatts": 6400}
    spec = {"gridZone": "CLEAN", "power": power, "sleep": {"driver": "Shelly", "driverRef": {"name": "relay"}}}
    made.store.create(ours("energynodes"), {"metadata": {"name": "pi-01"}, "spec": spec})
    return made


def a_node_body(*, cordoned: bool) -> Body:
    """A Node that people handed over, as the server has it."""
    marks = {"sunward.dev/cordoned-by": "sunward"} if cordoned else {}
    return {
        "metadata": {"name": "pi-01", "labels": {"sunward.dev/managed": "true"}, "annotations": marks},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def a_step(act: Act, *, changed: bool = True) -> Step:
    return Step(node="pi-01", record=RECORD, act=act, cause=Cause(Reason.POWER_OFF_REQUESTED, "cuts"), changed=changed)


async def found(server: Server, step: Step) -> str | None:
    others = (a_node(name) for name in ("pi-02", "pi-03", "pi-04"))
    return await obstacle(cast(Api, server), step, a_snapshot(a_node(), *others), relay(True), 1, NOW)


async def test_a_node_that_is_gone_is_not_cut(server: Server) -> None:
    told = await found(server, a_step(Act.POWER_OFF))
    assert told is not None
    assert told.startswith(f"{Reason.NODE_MISSING}: ")


async def test_a_node_that_may_not_be_read_is_not_cut_either(server: Server) -> None:
    server.forbidden = NODE
    with pytest.raises(ApiError):
        await found(server, a_step(Act.POWER_OFF))


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (Act.NONE, Reason.OPTED_OUT),
        (Act.POWER_ON, Reason.WAKE_REQUESTED),
        (Act.POWER_ON, Reason.POWER_OFF_TIMED_OUT),
        (Act.UNCORDON, Reason.OPTED_OUT),
    ],
)
async def test_what_harms_nobody_is_not_looked_at_again(server: Server, act: Act, reason: Reason) -> None:
    server.forbidden = NODE
    assert await found(server, replace(a_step(act), cause=Cause(reason))) is None


async def test_an_act_on_a_record_that_is_another_by_now_is_not_taken(server: Server) -> None:
    told = await found(server, a_step(Act.EVICT, changed=False))
    assert told == "its stored record has changed: Awake"


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"mode": "Active", "sleep": False}, Reason.SLEEP_DISABLED),
        ({"mode": "Active", "budgets": {"maximumAsleepNodes": 0}}, Reason.SLEEP_LIMIT),
        ({"mode": "DryRun"}, Reason.DRY_RUN),
        (None, Reason.DRY_RUN),
    ],
)
async def test_what_the_owner_has_forbidden_meanwhile_is_not_done(
    server: Server, policy: Body | None, reason: Reason
) -> None:
    server.store.create(core("nodes"), a_node_body(cordoned=True))
    if policy is not None:
        server.store.create(ours("energypolicies"), {"metadata": {"name": "default"}, "spec": policy})
    told = await found(server, a_step(Act.POWER_OFF))
    assert told is not None
    assert told.startswith(f"{reason}: ")


@pytest.mark.parametrize("cordoned", [True, False])
async def test_a_node_that_was_uncordoned_meanwhile_is_not_cut(server: Server, cordoned: bool) -> None:
    server.store.create(core("nodes"), a_node_body(cordoned=cordoned))
    server.store.create(ours("energypolicies"), {"metadata": {"name": "default"}, "spec": {"mode": "Active"}})
    told = await found(server, a_step(Act.POWER_OFF))
    assert told == (None if cordoned else f"{Reason.NO_LONGER_HOLDS}: it is not cordoned")


@pytest.mark.parametrize("cordoned", [True, False])
async def test_a_node_is_woken_for_a_cordon_that_is_gone_only_if_it_is(server: Server, cordoned: bool) -> None:
    server.store.create(core("nodes"), a_node_body(cordoned=cordoned))
    step = replace(a_step(Act.POWER_ON), cause=Cause(Reason.NO_LONGER_HOLDS))
    assert await found(server, step) == ("the node is still cordoned" if cordoned else None)


@pytest.mark.parametrize("is_opted_out", [True, False])
async def test_a_rule_wakes_a_node_only_if_it_still_speaks_of_it(server: Server, is_opted_out: bool) -> None:
    body = a_node_body(cordoned=True)
    body["metadata"]["annotations"] |= {"sunward.dev/do-not-sleep": "true"} if is_opted_out else {}
    server.store.create(core("nodes"), body)
    server.store.create(ours("energypolicies"), {"metadata": {"name": "default"}, "spec": {"mode": "Active"}})
    step = replace(a_step(Act.POWER_ON), cause=Cause(Reason.OPTED_OUT))
    assert await found(server, step) == (None if is_opted_out else "OptedOut no longer applies")


async def test_an_act_on_the_record_that_stands_is_taken(server: Server) -> None:
    server.store.patch(ours("energynodes", "pi-01", sub="status"), {"status": record_patch(RECORD)})
    assert await found(server, a_step(Act.EVICT, changed=False)) is None
