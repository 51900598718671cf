"""What the agent does with an order: announces it first, asks the host once, and says what came of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from sunward.cluster.access.api import ours
from sunward.cluster.access.times import format_time
from sunward_power_agent.agent import Agent
from support.agent.fakes import LEASE, FakeHost, StoreServer
from support.agent.orders import NOW, SECOND, Body, a_lease, an_energy_node
from support.loop.store import Store


class Bench:
    """An agent on a server and a host in memory; `now` is the server's time."""

    def __init__(self, body: Body | None = None) -> None:
        self.now: datetime | None = NOW
        self.store = Store()
        self.store.create(ours("energynodes"), body or an_energy_node())
        self.store.create(LEASE.rsplit("/", 1)[0], a_lease())
        self.server = StoreServer(self.store, lambda: self.now)
        self.host = FakeHost()
        self.agent = self.another()

    def another(self, boot_id: str = "boot-1") -> Agent:
        """A process that remembers nothing."""
        return Agent(server=self.server, host=self.host, node="pi-3", boot_id=boot_id)

    @property
    def said(self) -> Body:
        """`status.agent` as it stands."""
        status: Body = self.store.get(ours("energynodes", "pi-3"))["status"]
        return dict(status.get("agent") or {})

    @property
    def result(self) -> tuple[str, str]:
        """Result and message of the last order."""
        last = self.said["lastOrder"]
        return last["result"], last.get("message", "")

    def change(self, status: Body) -> None:
        """Somebody writes into the status."""
        self.store.patch(ours("energynodes", "pi-3", sub="status"), {"status": status})


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_an_order_is_carried_out_once_and_reported(bench: Bench) -> None:
    for _ in range(3):
        await bench.agent.turn()
    assert bench.host.asked == 1
    assert bench.result == ("Started", "")
    assert bench.said["lastOrder"] | {"time": ""} == {
        "operationId": "pi-3-sleep-1",
        "bootId": "boot-1",
        "leaseTransitions": 4,
        "result": "Started",
        "time": "",
    }


async def test_the_report_says_who_runs_and_whether_it_can_act(bench: Bench) -> None:
    bench.change({"shutdown": None})
    await bench.agent.turn()
    assert bench.said == {
        "heartbeatTime": format_time(NOW),
        "version": "0.1.0",
        "bootId": "boot-1",
        "canShutDown": True,
    }
    bench.host.refuses = "logind answers no"
    await bench.agent.turn()
    assert (bench.said["canShutDown"], bench.said["message"]) == (False, "logind answers no")


async def test_an_order_is_announced_before_the_host_is_asked(bench: Bench) -> None:
    results: list[str] = []
    bench.host._shut_down = lambda: results.append(bench.result[0])
    await bench.agent.turn()
    assert results == ["Accepted"]


async def test_an_order_is_not_carried_out_where_it_cannot_be_announced(bench: Bench) -> None:
    await bench.agent.turn()
    other = Bench()

    def break_off() -> None:
        if other.server.reports:
            other.server.fails = 503

    other.server.before_report = break_off
    await other.agent.turn()
    assert other.host.asked == 0
    other.server.before_report, other.server.fails = lambda: None, 0
    await other.agent.turn()
    assert other.host.asked == 1


async def test_an_object_that_changed_since_it_was_read_is_read_again(bench: Bench) -> None:
    def withdraw() -> None:
        if bench.server.reports:
            bench.change({"shutdown": None, "powerState": "Awake"})

    bench.server.before_report = withdraw
    await bench.agent.turn()
    await bench.agent.turn()
    assert bench.host.asked == 0


async def test_a_deadline_that_passes_while_the_order_is_announced_counts(bench: Bench) -> None:
    def pass_time() -> None:
        if bench.server.reports:
            bench.now = NOW + 61 * SECOND

    bench.server.before_report = pass_time
    await bench.agent.turn()
    assert bench.host.asked == 0
    assert bench.result == ("Refused", "the deadline of the order has passed")


async def test_a_process_that_restarts_does_not_repeat_what_it_announced(bench: Bench) -> None:
    await bench.agent.turn()
    await bench.another().turn()
    assert bench.host.asked == 1


async def test_an_order_of_an_earlier_boot_is_void_after_a_reboot(bench: Bench) -> None:
    await bench.agent.turn()
    await bench.another("boot-2").turn()
    assert bench.host.asked == 1
    assert bench.result == ("Refused", "the order is for another boot of the system")


async def test_the_same_sleep_may_be_ordered_again_for_the_next_boot(bench: Bench) -> None:
    await bench.agent.turn()
    bench.change({"shutdown": {"bootId": "boot-2"}})
    await bench.another("boot-2").turn()
    assert bench.host.asked == 2


async def test_a_host_that_refuses_is_reported_and_asked_again(bench: Bench) -> None:
    bench.host.refuses_order = "operation inhibited"
    await bench.agent.turn()
    assert bench.result == ("Failed", "operation inhibited")
    bench.host.refuses_order = ""
    await bench.agent.turn()
    assert bench.result == ("Started", "")


async def test_a_refusal_is_written_once_for_as_long_as_it_stays_the_same(bench: Bench) -> None:
    bench.store.replace(LEASE, a_lease(9))
    for _ in range(4):
        await bench.agent.turn()
    refusals = [report for report in bench.server.reports if "lastOrder" in report]
    assert len(refusals) == 1
    assert bench.host.asked == 0


async def test_an_order_is_carried_out_once_when_the_watch_and_the_report_see_it_together(bench: Bench) -> None:
    await bench.agent.turn()
    other = Bench()
    await other.server.find("pi-3")
    other.agent._name = "pi-3"
    await asyncio.gather(*(other.agent.look() for _ in range(5)))
    assert other.host.asked == 1


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
async def test_a_server_that_fails_ends_a_turn_and_nothing_else(bench: Bench, status: int) -> None:
    bench.server.fails = status
    await bench.agent.turn()
    assert bench.host.asked == 0
    bench.server.fails = 0
    await bench.agent.turn()
    assert bench.host.asked == 1


async def test_without_the_time_nothing_is_reported_and_nothing_done(bench: Bench) -> None:
    bench.now = None
    await bench.agent.turn()
    assert (bench.said, bench.host.asked) == ({}, 0)


async def test_a_watch_brings_the_agent_to_look(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def changes(name: str, version: str) -> Any:
        bench.store.create(ours("energynodes"), an_energy_node())
        yield None
        await asyncio.sleep(3600)

    await bench.agent.turn()  # nothing is ordered yet
    quiet = Bench(an_energy_node() | {"status": {}})
    looked = asyncio.Event()
    quiet.host._shut_down = looked.set
    await quiet.agent.turn()

    async def one_change(name: str, version: str) -> Any:
        quiet.change(an_energy_node()["status"])
        yield None
        await asyncio.sleep(3600)

    monkeypatch.setattr(quiet.server, "changes", one_change)
    running = asyncio.create_task(quiet.agent.run())
    await asyncio.wait_for(looked.wait(), 5.0)
    running.cancel()
    assert quiet.host.asked == 1
