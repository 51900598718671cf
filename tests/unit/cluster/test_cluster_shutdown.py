"""An order to shut down in the record, and an agent's reports beside it, on an API server in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.api import Api, ours
from sunward.cluster.access.times import format_time
from sunward.cluster.acting import preflight
from sunward.cluster.objects.agents import agent_report, only_agent_differs
from sunward.cluster.objects.records import node_record, record_patch
from sunward.domain.nodes import NodeRecord, PowerState
from sunward.domain.shutdown import AgentReport
from sunward.domain.steps import Act, Step
from support.faults.agents import VICTIM, AgentOnNode
from support.guards.cases import an_operation, an_order
from support.loop.crash import one_sleeper
from support.loop.process import Process
from support.loop.store import Body, merged
from support.loop.world import World, Write
from support.planning import NOW

STATUS = ours("energynodes", VICTIM, sub="status")
BY_RELAY = {"budgets": {"shutdownTimeoutSeconds": 60}}


@pytest.mark.parametrize("changes", [{}, {"halted_at": NOW}, {"halted_at": NOW, "cut_at": NOW}])
def test_an_order_is_read_as_it_was_written(changes: dict[str, Any]) -> None:
    record = NodeRecord(
        power_state=PowerState.POWER_OFF_REQUESTED, operation=an_operation(), shutdown=an_order(**changes)
    )
    status = merged({}, record_patch(record))
    assert node_record({"status": status}).shutdown == record.shutdown
    ended = merged(status, record_patch(replace(record, shutdown=None)))
    assert "shutdown" not in ended


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)


@given(heartbeat=st.text(max_size=30), boot=st.text(max_size=8), can=JSON)
def test_a_report_is_read_or_is_none_and_never_raises(heartbeat: str, boot: str, can: Any) -> None:
    agent = {"heartbeatTime": heartbeat, "bootId": boot, "canShutDown": can}
    found = agent_report({"metadata": {"name": "pi-3"}, "status": {"agent": agent}})
    assert found is None or found.can_shut_down is (can is True)


def test_a_report_is_what_the_agent_wrote() -> None:
    agent = {"heartbeatTime": format_time(NOW), "bootId": "boot-1", "canShutDown": True}
    assert agent_report({"status": {"agent": agent}}) == AgentReport(
        heartbeat_at=NOW, boot_id="boot-1", can_shut_down=True
    )
    assert agent_report({"status": {}}) is None


def test_only_a_report_is_no_other_view() -> None:
    body: Body = {
        "metadata": {"name": "a", "resourceVersion": "1"},
        "spec": {"x": 1},
        "status": {"powerState": "Awake"},
    }
    reported = merged(body, {"metadata": {"resourceVersion": "2"}, "status": {"agent": {"bootId": "b"}}})
    assert only_agent_differs(body, reported)
    assert not only_agent_differs(body, merged(reported, {"spec": {"x": 2}}))
    assert not only_agent_differs(body, merged(reported, {"status": {"powerState": "Asleep"}}))
    assert not only_agent_differs(body, merged(reported, {"metadata": {"deletionTimestamp": "now"}}))


async def until_ordered(world: World, process: Process, agent: AgentOnNode, passes: int = 12) -> bool:
    """Passes until an order stands; whether one does."""
    for _ in range(passes):
        await process.tick()
        body = world.store.find("energynodes", VICTIM) or {}
        if "shutdown" in (body.get("status") or {}):
            return True
        await agent.turn()
        world.advance()
    return False


def a_world() -> tuple[World, AgentOnNode]:
    """One node that is to sleep, with a power agent."""
    world = one_sleeper()
    world.timeline.clear()
    world.store.patch(ours("energypolicies", "default"), {"spec": BY_RELAY})
    agent = AgentOnNode(world=world)
    agent.restart()
    return world, agent


async def test_a_report_between_reading_and_writing_does_not_end_a_step() -> None:
    world, agent = a_world()

    def report(now: World, write: Write) -> None:
        if write.path == STATUS:
            later = {
                "heartbeatTime": format_time(now.now),
                "bootId": "boot-1",
                "canShutDown": True,
                "version": str(write.number),
            }
            now.store.patch_as("agent", STATUS, {"status": {"agent": later}})

    world.before_write.append(report)
    process = Process(world, "op")
    assert await until_ordered(world, process, agent)
    assert process.failures == []


async def test_another_change_between_reading_and_writing_ends_a_step() -> None:
    world, agent = a_world()

    def interfere(now: World, write: Write) -> None:
        if write.path == STATUS and (write.body.get("status") or {}).get("powerState"):
            now.store.patch(STATUS, {"status": {"currentPlan": f"plan-{write.number}"}})

    world.before_write.append(interfere)
    process = Process(world, "op")
    assert not await until_ordered(world, process, agent)
    assert any("WriteConflict" in failure for failure in process.failures)


async def test_no_order_is_written_once_the_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world, agent = a_world()
    process = Process(world, "op")
    held, looked_at, lost = process.lease.holds, preflight.obstacle, []

    async def look_and_lose(api: Api, step: Step, *rest: Any) -> str | None:
        why = await looked_at(api, step, *rest)
        lost.extend([step] if step.act is Act.SHUT_DOWN else [])
        return why

    monkeypatch.setattr(preflight, "obstacle", look_and_lose)
    monkeypatch.setattr(process.lease, "holds", lambda: held() and not lost)
    assert not await until_ordered(world, process, agent)
    assert lost


async def test_the_node_is_looked_at_again_before_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    world, agent = a_world()
    process = Process(world, "op")
    api = process.loop._ports.api
    listed = api.list

    async def stale_pods(path: str, **selectors: str) -> list[Body]:
        found = await listed(path, **selectors)
        if path.endswith("/pods") and "fieldSelector" in selectors and world.power(VICTIM) == "Draining":
            return [*found, *await listed_late(path)]
        return found

    async def listed_late(path: str) -> list[Body]:
        late = {"name": "late", "namespace": "default", "uid": "late"}
        return [{"metadata": late, "spec": {"nodeName": VICTIM}, "status": {"phase": "Running"}}]

    monkeypatch.setattr(api, "list", stale_pods)
    assert not await until_ordered(world, process, agent)
