"""Relays with a password: it is used as each kind wants it, can be rotated, and is never shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sunward.cluster.ports import PowerDriver
from sunward.domain.errors import SourceUnavailable
from sunward.power.finder import Drivers
from sunward_lab.world.digest import DigestGuard
from support.sources import FakeServer, serving
from support.tree.registries import relay

PASSWORD = "hunter 2&=%ü"
REALM = "shellyplugsg3-a0dd6c000001"
KINDS = ("Shelly", "Tasmota")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Relay:
    """A relay of either kind that demands a password; `obeyed` are the orders that it carried out."""

    password: str = PASSWORD
    user: str = "admin"
    guard: DigestGuard = field(default_factory=lambda: DigestGuard(REALM, PASSWORD))
    on: bool = True
    obeyed: list[bool] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await (self.cm(request) if request.path == "/cm" else self.rpc(request))

    async def rpc(self, request: web.Request) -> web.StreamResponse:
        """Shelly."""
        if not self.guard.allows(request):
            raise self.guard.challenge()
        frame = await request.json()
        if frame["method"] == "Switch.Set":
            was_on = self.on
            self.obey(frame["params"]["on"])
            return web.json_response({"id": 1, "result": {"was_on": was_on}})
        return web.json_response({"id": 1, "result": {"id": 0, "output": self.on, "apower": 2.5}})

    async def cm(self, request: web.Request) -> web.StreamResponse:
        """Tasmota: without or with a wrong password it refuses in JSON, with 401."""
        if (request.query.get("user"), request.query.get("password")) != (self.user, self.password):
            return web.json_response({"WARNING": "Need user=<username>&password=<password>"}, status=401)
        command = request.query["cmnd"]
        if command in ("Power1 On", "Power1 Off"):
            self.obey(command.endswith("On"))
        meter = {"StatusSNS": {"ENERGY": {"Power": 2.5}}}
        return web.json_response(meter if command == "Status 8" else {"POWER": "ON" if self.on else "OFF"})

    def obey(self, on: bool) -> None:
        self.on = on
        self.obeyed.append(on)


@dataclass(slots=True)
class Bench:
    """A driver with a password file in front of a server."""

    driver: PowerDriver
    file: Path
    server: FakeServer


@asynccontextmanager
async def bench(answer: Answer, kind: str, folder: Path, password: str = PASSWORD, **more: str) -> AsyncIterator[Bench]:
    file = folder / "token"
    file.write_text(f"{password}\n", encoding="utf-8")
    async with serving(answer) as server, aiohttp.ClientSession() as session:
        relays = {"relay-1": relay(kind, server.url, token_file=file, **more)}
        drivers = Drivers(session, relays, timeout=aiohttp.ClientTimeout(total=0.5))
        driver = drivers.at("relay-1")
        assert driver is not None
        yield Bench(driver, file, server)


async def reads(driver: PowerDriver) -> tuple[bool, float | None] | None:
    found = await driver.read()
    return None if found is None else (found.is_on, found.watts)


async def refusal(driver: PowerDriver) -> str:
    with pytest.raises(SourceUnavailable) as refused:
        await driver.switch(False, "op", 1)
    assert refused.value.__cause__ is None
    return str(refused.value)


async def test_a_plug_whose_user_has_another_name_is_told_that_name(tmp_path: Path) -> None:
    plug = Relay(user="attic")
    async with bench(plug.answer, "Tasmota", tmp_path, username="attic") as found:
        await found.driver.switch(False, "op", 1)
    assert plug.obeyed == [False]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_relay_with_a_password_is_read_and_switched(kind: str, tmp_path: Path) -> None:
    relay = Relay()
    async with bench(relay.answer, kind, tmp_path) as found:
        assert await reads(found.driver) == (True, 2.5)
        await found.driver.switch(False, "op", 1)
        assert await reads(found.driver) == (False, 2.5)
    assert relay.obeyed == [False]


async def test_a_digest_never_carries_the_password(tmp_path: Path) -> None:
    relay, sent = Relay(), list[str]()

    async def answer(request: web.Request) -> web.StreamResponse:
        sent.append(f"{request.raw_path} {dict(request.headers)} {await request.text()}")
        return await relay.answer(request)

    async with bench(answer, "Shelly", tmp_path) as found:
        await found.driver.switch(False, "op", 1)
    assert ["hunter" in one for one in sent] == [False, False]
    assert "algorithm=SHA-256" in sent[1]


async def test_after_a_reading_an_order_is_sent_once(tmp_path: Path) -> None:
    relay = Relay()
    async with bench(relay.answer, "Shelly", tmp_path) as found:
        await found.driver.read()
        before = len(found.server.asked)
        await found.driver.switch(False, "op", 1)
        assert len(found.server.asked) == before + 1
    assert relay.obeyed == [False]


async def test_a_relay_that_started_anew_challenges_anew_and_obeys_once(tmp_path: Path) -> None:
    relay = Relay()
    async with bench(relay.answer, "Shelly", tmp_path) as found:
        await found.driver.read()
        relay.guard = DigestGuard(REALM, PASSWORD)
        await found.driver.switch(False, "op", 1)
    assert relay.obeyed == [False]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_password_proves_nothing_and_takes_no_order(kind: str, tmp_path: Path) -> None:
    relay = Relay()
    async with bench(relay.answer, kind, tmp_path, password="another") as found:
        assert await reads(found.driver) is None
        why = await refusal(found.driver)
        assert len(found.server.asked) <= 4
    assert "HTTP 401: the password (credentialsSecretRef) is missing or wrong" in why
    assert relay.obeyed == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_password_is_rotated_without_a_restart(kind: str, tmp_path: Path) -> None:
    relay = Relay()
    async with bench(relay.answer, kind, tmp_path) as found:
        assert await reads(found.driver) == (True, 2.5)
        relay.password, relay.guard = "another", DigestGuard(REALM, "another")
        assert await reads(found.driver) is None
        found.file.write_text("another")
        assert await reads(found.driver) == (True, 2.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"two\nlines"])
async def test_without_a_password_in_the_file_nothing_is_asked(
    kind: str, content: bytes | None, tmp_path: Path
) -> None:
    async with bench(Relay().answer, kind, tmp_path) as found:
        found.file.unlink()
        if content is not None:
            found.file.write_bytes(content)
        assert await reads(found.driver) is None
        why = await refusal(found.driver)
        assert found.server.asked == []
    assert "token file" in why
    assert "lines" not in why


async def test_a_refusal_without_end_is_not_read(tmp_path: Path) -> None:
    guard = DigestGuard(REALM, PASSWORD)

    async def answer(request: web.Request) -> web.StreamResponse:
        if guard.allows(request):
            return web.json_response({"id": 1, "result": {"id": 0, "output": True, "apower": 2.5}})
        response = web.StreamResponse(status=401, headers=guard.challenge().headers)
        await response.prepare(request)
        await response.write(b" " * 4096)
        await asyncio.Event().wait()
        return response

    async with bench(answer, "Shelly", tmp_path) as found:
        assert await reads(found.driver) == (True, 2.5)


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def elsewhere(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect(f"/elsewhere?{request.query_string}")


async def words(_: web.Request) -> web.StreamResponse:
    return web.Response(text=PASSWORD)


async def a_list(_: web.Request) -> web.StreamResponse:
    return web.json_response([PASSWORD])


async def an_error(_: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"code": -1, "message": PASSWORD}}, status=500)


async def refused(_: web.Request) -> web.StreamResponse:
    return web.json_response({"id": 1, "error": {"code": -114, "message": PASSWORD}, "WARNING": PASSWORD})


async def odd_challenge(_: web.Request) -> web.StreamResponse:
    return web.Response(status=401, headers={"WWW-Authenticate": f'Digest realm="{PASSWORD}", nonce="1", qop="none"'})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [never, cut, elsewhere, words, a_list, an_error, refused, odd_challenge])
async def test_no_error_and_no_log_line_holds_the_password(
    kind: str, answer: Answer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="sunward"):
        async with bench(answer, kind, tmp_path) as found:
            await found.driver.read()
            why = await refusal(found.driver)
    assert "hunter" not in f"{why} {caplog.text}"


async def test_a_relay_that_cannot_be_reached_does_not_show_it_either(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(PASSWORD)
    async with aiohttp.ClientSession() as session:
        relays = {"relay-1": relay("Tasmota", "http://127.0.0.1:9", token_file=file)}
        driver = Drivers(session, relays).at("relay-1")
        assert driver is not None
        why = await refusal(driver)
    assert why.startswith("relay-1 is unavailable: Power1 Off: Connect")
    assert "hunter" not in why


async def test_why_there_is_no_reading_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    relay = Relay()
    async with bench(relay.answer, "Shelly", tmp_path, password="another") as found:
        for _ in range(3):
            await found.driver.read()
        found.file.write_text(PASSWORD)
        await found.driver.read()
        found.file.write_text("another")
        await found.driver.read()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("sunward.power")]
    assert len(messages) == 2
    assert all("HTTP 401" in one for one in messages)


def test_what_a_section_shows_of_itself_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(PASSWORD)
    assert PASSWORD not in repr(relay("Shelly", "http://relay", token_file=tmp_path / "token"))
