"""What the auditor reads: the order of several streams, journals, audit logs, kubeconfigs, and files that grow."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sunward.power.drivers.webhook import signature
from sunward_audit import follow
from sunward_audit.audit_log import request_of
from sunward_audit.events import Event, ObjectSeen, Quiescence, RelayOrder, RelayRead, Tick
from sunward_audit.kubeconfig import ConfigError, access
from sunward_audit.ordering import Arrival, Ordering
from sunward_audit.relays import Relay, journal_events, read, relays_of
from sunward_lab.world.digest import DigestGuard
from support.sources import serving

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


def seen(name: str, at: float, version: int) -> Arrival:
    body = {"metadata": {"name": name}}
    return Arrival(event=ObjectSeen(time=NOON, kind="nodes", body=body), at=at, version=version)


def other(number: int, at: float) -> Arrival:
    return Arrival(event=Tick(time=NOON + timedelta(seconds=number)), at=at)


def names(events: list[Event]) -> list[str]:
    return [e.body["metadata"]["name"] if isinstance(e, ObjectSeen) else f"{e.time:%S}" for e in events]


def test_objects_come_by_version_whatever_the_order_of_arrival() -> None:
    ordering = Ordering(hold_seconds=1.0)
    for arrival in (seen("late", 0.0, 7), seen("early", 0.4, 5), seen("middle", 0.2, 6)):
        ordering.add(arrival)
    assert names(ordering.release(0.9)) == []
    assert names(ordering.release(1.0)) == ["early", "middle", "late"]
    assert names(ordering.release(9.0)) == []


def test_what_is_not_ripe_waits_unless_something_younger_is() -> None:
    ordering = Ordering(hold_seconds=1.0)
    ordering.add(seen("young", 5.0, 9))
    ordering.add(seen("old", 0.0, 3))
    assert names(ordering.release(2.0)) == ["old"]
    assert names(ordering.release(6.0)) == ["young"]


def test_an_order_comes_after_the_record_that_was_written_before_it() -> None:
    ordering = Ordering(hold_seconds=1.0)
    ordering.add(other(1, 10.0))
    ordering.add(seen("record", 11.2, 4))  # its connection was slower
    ordering.add(seen("much later", 15.0, 5))
    assert names(ordering.release(99.0)) == ["record", "01", "much later"]


def test_a_journal_line_is_an_order_and_what_the_relay_did() -> None:
    line = {"time": "2026-06-21T12:00:00Z", "node": "pi-1", "on": False, "operation": "op", "token": 3, "obeyed": True}
    order, read = journal_events(line)
    assert isinstance(order, RelayOrder)
    assert (order.node, order.relay, order.on, order.operation, order.token) == ("pi-1", "pi-1", False, "op", 3)
    assert isinstance(read, RelayRead)
    assert (read.node, read.on) == ("pi-1", False)
    assert len(list(journal_events(line | {"obeyed": False}))) == 1


def test_a_journal_may_say_that_all_is_calm() -> None:
    (quiescence,) = journal_events({"time": "2026-06-21T12:00:00Z", "calm": {"settleSeconds": 5, "quietSeconds": 60}})
    assert quiescence == Quiescence(time=NOON, settle=timedelta(seconds=5), quiet=timedelta(seconds=60))


@pytest.mark.parametrize("line", [{}, {"time": "soon", "node": "a", "on": True}, {"time": "2026-06-21T12:00:00Z"}])
def test_a_line_that_is_neither_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a journal line needs"):
        list(journal_events(line))


def entry(**more: Any) -> dict[str, Any]:
    return {
        "kind": "Event",
        "stage": "ResponseComplete",
        "verb": "create",
        "user": {"username": "u"},
        "objectRef": {"resource": "pods", "namespace": "default", "name": "web", "subresource": "eviction"},
        "responseStatus": {"code": 201},
        "requestObject": {"deleteOptions": {"preconditions": {"uid": "x"}}},
        "stageTimestamp": "2026-06-21T12:00:00.000000Z",
    } | more


def test_an_audit_entry_is_a_request_once_it_was_answered() -> None:
    request = request_of(entry())
    assert request is not None
    assert (request.user, request.verb, request.kind, request.sub, request.code) == (
        "u",
        "create",
        "pods",
        "eviction",
        201,
    )
    assert request.body == {"deleteOptions": {"preconditions": {"uid": "x"}}}
    assert request_of(entry(stage="RequestReceived")) is request_of(entry(verb="get")) is None


def test_what_was_created_without_a_name_is_named_by_what_was_sent() -> None:
    request = request_of(entry(objectRef={"resource": "pods"}, requestObject={"metadata": {"name": "made"}}))
    assert request is not None
    assert request.name == "made"


def test_a_kubeconfig_gives_server_and_token(tmp_path: Path) -> None:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:6443/", "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}],
    }
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    (tmp_path / "token").write_text("first\n")
    found = access(file)
    assert (found.server, found.headers()) == ("https://127.0.0.1:6443", {"Authorization": "Bearer first"})
    (tmp_path / "token").write_text("second\n")
    assert found.headers() == {"Authorization": "Bearer second"}


@pytest.mark.parametrize("text", ["", "{}", "current-context: c", "[1]", ": :"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigError, match="config: no usable kubeconfig"):
        access(file)


def test_relays_are_those_of_the_settings_that_have_an_address(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("relays: {b: {driver: Tasmota, url: 'http://b/', switchId: 2}, a: {driver: Unfinished}}")
    assert [(r.name, r.driver, r.url, r.switch_id) for r in relays_of(file)] == [("b", "Tasmota", "http://b", 2)]


def test_the_password_of_a_relay_is_read_from_the_file_that_the_settings_name(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(
        "relays: {a: {driver: Shelly, url: 'http://a'}, b: {driver: Shelly, url: 'http://b', tokenFile: t}}"
    )
    (tmp_path / "t").write_text("hunter 2\n")
    assert [relay.password() for relay in relays_of(file)] == [None, "hunter 2"]


@pytest.mark.parametrize("kind", ["Shelly", "Tasmota", "ShellyGen1", "Webhook", "Redfish"])
@pytest.mark.parametrize(("password", "on"), [("hunter 2", True), ("another", None), (None, None)])
async def test_a_relay_with_a_password_is_read_with_it_alone(
    tmp_path: Path, kind: str, password: str | None, on: bool | None
) -> None:
    guard = DigestGuard("shelly", "hunter 2")

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/cm":
            known = (request.query.get("user"), request.query.get("password")) == ("admin", "hunter 2")
            return web.json_response(
                {"POWER": "ON"} if known else {"WARNING": "Need user"}, status=200 if known else 401
            )
        if kind == "Redfish":
            known = request.headers.get("Authorization") == aiohttp.encode_basic_auth("admin", "hunter 2")
            return web.json_response({"PowerState": "On"}, status=200 if known else 401)
        if request.path == "/relay/0":
            known = request.headers.get("Authorization") == aiohttp.encode_basic_auth("admin", "hunter 2")
            return web.json_response({"ison": True}, status=200 if known else 401)
        if request.method == "POST":
            known = request.headers["X-Sunward-Signature"] == signature("hunter 2", await request.read())
            return web.json_response({"output": True}, status=200 if known else 401)
        if not guard.allows(request):
            raise guard.challenge()
        return web.json_response({"output": True, "apower": 2.5})

    token = None if password is None else tmp_path / "token"
    if token is not None:
        token.write_text(f"{password}\n")
    async with serving(answer) as fake, aiohttp.ClientSession() as session:
        relay = Relay(name="relay-3", driver=kind, url=fake.url, token_file=token)
        found = [await read(session, relay, "pi-3") for _ in range(2)]
    assert [None if one is None else one.on for one in found] == [on, on]


async def test_a_password_file_that_is_gone_is_silence(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        relay = Relay(name="relay-3", driver="Shelly", url="http://127.0.0.1:9", token_file=tmp_path / "token")
        assert await read(session, relay, "pi-3") is None


async def test_a_file_is_followed_through_growth_and_replacement(tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = follow.lines(file)
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    file.write_text("one\nhalf")
    assert await asyncio.wait_for(waiting, 5) == "one"
    with file.open("a") as more:
        more.write(" done\n")
    assert await asyncio.wait_for(anext(lines), 5) == "half done"
    file.rename(tmp_path / "log.1")
    file.write_text("new\n")
    assert await asyncio.wait_for(anext(lines), 5) == "new"
    await lines.aclose()
