"""Acts on an API server in memory: only what is ours is touched, and a stale view does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from sunward.cluster.access.api import FIELD_MANAGER, Api, ApiError, core, ours
from sunward.cluster.acting import acts
from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.nodes import Intent, NodeRecord, Operation, PowerState
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, PowerReading, Step
from support.loop.store import Body, Store
from support.planning import NOW, a_node, a_pod

NODE = core("nodes", "pi-01")
MARK = "sunward.dev/cordoned-by"
FOREIGN = {"key": "example.org/fragile", "effect": "NoExecute"}
OURS = {"key": "sunward.dev/asleep", "effect": "NoSchedule"}


class Server:
    """The store as the operator reaches it; `interfere` happens once, between its next read and its write."""

    def __init__(self) -> None:
        self.store = Store()
        self.interfere: Body | None = None
        self.refuse: dict[str, int] = {}

    async def get(self, path: str) -> Body:
        body = self.store.get(path)
        change, self.interfere = self.interfere, None
        if change is not None:
            self.store.patch(path, change)
        return body

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        if path in self.refuse:
            raise ApiError(self.refuse[path], "POST", path, "injected")
        return self.store.create(path, body)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        if path in self.refuse:
            raise ApiError(self.refuse[path], "PATCH", path, "injected")
        return self.store.patch_as(FIELD_MANAGER, path, body)


class Switch:
    """A driver that keeps its orders, or does not take them."""

    def __init__(self, *, fails: bool = False) -> None:
        self.orders: list[tuple[bool, str, int]] = []
        self._fails = fails

    async def read(self) -> PowerReading | None:
        return None

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        if self._fails:
            raise SourceUnavailable("relay", "timed out")
        self.orders.append((on, operation, fencing_token))


OPERATION = Operation(
    id="pi-01-sleep-1",
    intent=Intent.SLEEP,
    reason=Reason.SLEEP_STARTED,
    started_at=NOW,
    deadline=NOW + timedelta(minutes=1),
    fencing_token=3,
)


def a_step(act: Act, *pods: PodFacts, state: PowerState = PowerState.CORDONED) -> Step:
    record = NodeRecord(power_state=state, operation=OPERATION)
    return Step(
        node="pi-01", record=record, act=act, cause=Cause(Reason.SLEEP_STARTED, "sleeps"), changed=True, pods=pods
    )


@pytest.fixture
def server() -> Server:
    made = Server()
    made.store.create(core("nodes"), {"metadata": {"name": "pi-01"}, "spec": {"taints": [FOREIGN]}})
    made.store.create(ours("energynodes"), {"metadata": {"name": "pi-01"}, "spec": {}})
    for name in ("web-1", "web-2", "web-3"):
        pod = {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, "spec": {"nodeName": "pi-01"}}
        made.store.create(core("pods", namespace="default"), pod)
    return made


async def do(server: Server, step: Step, driver: Switch | None = None, *, may_act: bool = True) -> acts.Done:
    return await acts.act(cast(Api, server), a_node(), step, driver, may_act=lambda: may_act)


def reason_of(done: acts.Done) -> Reason | None:
    return None if done.failure is None else done.failure.reason


def spec(server: Server) -> Body:
    found: Body = server.store.get(NODE)["spec"]
    return found


def mark(server: Server) -> object:
    return (server.store.get(NODE)["metadata"].get("annotations") or {}).get(MARK)


async def test_a_cordon_is_ours_by_its_mark_and_goes_as_it_came(server: Server) -> None:
    await do(server, a_step(Act.CORDON))
    assert (spec(server), mark(server)) == ({"taints": [FOREIGN, OURS], "unschedulable": True}, OPERATION.id)
    await do(server, a_step(Act.UNCORDON))
    assert (spec(server), mark(server)) == ({"taints": [FOREIGN]}, None)


async def test_a_cordon_of_somebody_else_is_not_taken_over(server: Server) -> None:
    server.store.patch(NODE, {"spec": {"unschedulable": True}})
    done = await do(server, a_step(Act.CORDON))
    assert reason_of(done) is Reason.WRITE_CONFLICT
    assert (spec(server), mark(server)) == ({"taints": [FOREIGN], "unschedulable": True}, None)


async def test_a_cordon_of_somebody_else_is_not_taken_back(server: Server) -> None:
    server.store.patch(NODE, {"spec": {"unschedulable": True}})
    await do(server, a_step(Act.UNCORDON))
    assert spec(server) == {"taints": [FOREIGN], "unschedulable": True}


async def test_a_second_cordon_leaves_the_first_operations_mark(server: Server) -> None:
    await do(server, a_step(Act.CORDON))
    other = a_step(Act.CORDON)
    again = replace(other, record=replace(other.record, operation=replace(OPERATION, id="another")))
    done = await do(server, again)
    assert (reason_of(done), mark(server)) == (None, OPERATION.id)


async def test_who_cordons_between_our_look_and_our_write_keeps_the_cordon(server: Server) -> None:
    server.interfere = {"spec": {"unschedulable": True}}
    done = await do(server, a_step(Act.CORDON))
    assert (reason_of(done), mark(server)) == (Reason.WRITE_CONFLICT, None)


async def test_a_taint_that_comes_between_our_look_and_our_write_stays(server: Server) -> None:
    await do(server, a_step(Act.CORDON))
    late = {"key": "example.org/late", "effect": "NoSchedule"}
    server.interfere = {"spec": {"taints": [FOREIGN, OURS, late]}}
    await do(server, a_step(Act.UNCORDON))
    assert spec(server) == {"taints": [FOREIGN, late]}


async def test_an_eviction_hits_this_very_pod(server: Server) -> None:
    done = await do(server, a_step(Act.EVICT, a_pod("web-1", uid="uid-of-one-before"), a_pod("web-2")))
    leaving = [pod["metadata"]["name"] for pod in server.store.of("pods") if "deletionTimestamp" in pod["metadata"]]
    assert (leaving, reason_of(done)) == (["web-2"], None)


@pytest.mark.parametrize(
    ("status", "reason", "leaving"),
    [
        (429, Reason.DRAIN_BLOCKED, ["web-2", "web-3"]),
        (500, Reason.DRAIN_BLOCKED, []),
        (503, Reason.API_SERVER_UNAVAILABLE, ["web-2", "web-3"]),
        (0, Reason.API_SERVER_UNAVAILABLE, ["web-2", "web-3"]),
    ],
)
async def test_a_refused_eviction_says_so_and_a_hopeless_one_ends_the_round(
    server: Server, status: int, reason: Reason, leaving: list[str]
) -> None:
    server.refuse[core("pods", "web-1", namespace="default", sub="eviction")] = status
    done = await do(server, a_step(Act.EVICT, a_pod("web-1"), a_pod("web-2"), a_pod("web-3")))
    ended = [pod["metadata"]["name"] for pod in server.store.of("pods") if "deletionTimestamp" in pod["metadata"]]
    assert (reason_of(done), ended) == (reason, leaving)
    assert done.is_final is (status == 500)
    assert [(one.pod.name, one.cause.reason) for one in done.refused] == [("web-1", reason)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, Reason.API_SERVER_UNAVAILABLE),
        (404, Reason.NODE_MISSING),
        (409, Reason.WRITE_CONFLICT),
        (422, Reason.WRITE_CONFLICT),
        (429, Reason.API_SERVER_BUSY),
        (500, Reason.API_SERVER_UNAVAILABLE),
        (502, Reason.API_SERVER_UNAVAILABLE),
        (503, Reason.API_SERVER_UNAVAILABLE),
    ],
)
async def test_a_failed_write_is_reported_by_what_the_server_answered(
    server: Server, status: int, reason: Reason
) -> None:
    server.refuse[NODE] = status
    done = await do(server, a_step(Act.CORDON))
    assert (reason_of(done), done.is_final) == (reason, False)


async def test_what_the_operator_may_not_do_is_no_conflict(server: Server) -> None:
    server.refuse[NODE] = 403
    with pytest.raises(ApiError, match="403"):
        await do(server, a_step(Act.CORDON))


@pytest.mark.parametrize(("act", "on"), [(Act.POWER_OFF, False), (Act.POWER_ON, True)])
async def test_an_order_carries_its_operation_and_token(server: Server, act: Act, on: bool) -> None:
    switch = Switch()
    await do(server, a_step(act), switch)
    assert switch.orders == [(on, OPERATION.id, 3)]


@pytest.mark.parametrize("act", [Act.CORDON, Act.UNCORDON, Act.EVICT, Act.POWER_OFF, Act.POWER_ON])
async def test_who_lost_the_lease_does_nothing(server: Server, act: Act) -> None:
    switch, before = Switch(), server.store.get(NODE)
    done = await do(server, a_step(act, a_pod("web-1")), switch, may_act=False)
    assert (reason_of(done), switch.orders, server.store.get(NODE)) == (Reason.NOT_LEADER, [], before)
    assert "deletionTimestamp" not in server.store.get(core("pods", "web-1", namespace="default"))["metadata"]


@pytest.mark.parametrize(
    ("driver", "reason"), [(None, Reason.NO_POWER_DRIVER), (Switch(fails=True), Reason.DRIVER_FAILED)]
)
async def test_a_switch_that_is_not_there_or_not_heard_is_reported(
    server: Server, driver: Switch | None, reason: Reason
) -> None:
    assert reason_of(await do(server, a_step(Act.POWER_OFF), driver)) is reason


async def test_a_record_is_refused_when_the_view_behind_it_is_old(server: Server) -> None:
    path = ours("energynodes", "pi-01")
    version = server.store.get(path)["metadata"]["resourceVersion"]
    step = a_step(Act.CORDON)
    await acts.write_record(cast(Api, server), a_node(), step, version, NOW)
    with pytest.raises(ApiError) as refused:
        await acts.write_record(cast(Api, server), a_node(), step, version, NOW)
    assert refused.value.status == 409
    assert server.store.get(path)["status"]["lastTransition"]["to"] == "Cordoned"


async def test_nothing_to_do_is_done() -> None:
    assert await do(Server(), a_step(Act.NONE)) == acts.Done(step=a_step(Act.NONE))


@pytest.mark.parametrize("annotations", [None, {"example.org/a": "b"}])
@pytest.mark.parametrize("taints", [None, [OURS], [FOREIGN]])
async def test_a_cordon_adds_what_is_missing_and_nothing_twice(
    annotations: Body | None, taints: list[Body] | None
) -> None:
    server = Server()
    metadata: Body = {"name": "pi-01"} | ({"annotations": annotations} if annotations else {})
    server.store.create(core("nodes"), {"metadata": metadata, "spec": {"taints": taints} if taints else {}})
    await do(server, a_step(Act.CORDON))
    foreign = [taint for taint in taints or () if taint is not OURS]
    assert spec(server) == {"unschedulable": True, "taints": [*foreign, OURS]}
    assert server.store.get(NODE)["metadata"]["annotations"] == {**(annotations or {}), MARK: OPERATION.id}


async def test_a_mark_without_a_cordon_is_taken_back(server: Server) -> None:
    await do(server, a_step(Act.CORDON))
    server.store.patch(NODE, {"spec": {"unschedulable": None}})
    await do(server, a_step(Act.UNCORDON))
    assert (spec(server), mark(server)) == ({"taints": [FOREIGN]}, None)


async def test_a_node_that_is_written_again_and_again_is_left_to_the_next_pass(server: Server) -> None:
    class Restless(Server):
        async def get(self, path: str) -> Body:
            body = server.store.get(path)
            taints = [*body["spec"]["taints"], FOREIGN]
            server.store.patch(path, {"spec": {"taints": taints}})
            return body

    restless = Restless()
    restless.store = server.store
    assert reason_of(await do(restless, a_step(Act.CORDON))) is Reason.WRITE_CONFLICT
    assert mark(server) is None


async def test_a_record_in_the_same_state_is_no_transition(server: Server) -> None:
    path = ours("energynodes", "pi-01")
    version = server.store.get(path)["metadata"]["resourceVersion"]
    node = a_node(record=NodeRecord(power_state=PowerState.CORDONED))
    await acts.write_record(cast(Api, server), node, a_step(Act.CORDON), version, NOW)
    status = server.store.get(path)["status"]
    assert (status["powerState"], "lastTransition" in status) == ("Cordoned", False)


async def test_a_server_that_forbids_is_no_conflict(server: Server) -> None:
    class Forbids(Server):
        async def get(self, path: str) -> Body:
            raise ApiError(403, "GET", path, "forbidden")

    with pytest.raises(ApiError):
        await do(Forbids(), a_step(Act.CORDON))
