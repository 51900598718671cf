"""A webhook on loopback: what it is sent, under which signature, and what its answers prove."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from sunward.cluster.ports import PowerDriver
from sunward.domain.errors import SourceUnavailable
from sunward.power.drivers.webhook import SIGNATURE, signature
from sunward.power.finder import Drivers
from support.planning import NOW
from support.sources import serving
from support.tree.registries import DRIVERS, relay

SECRET = "a long secret ü"


class Hook:
    """A receiver that checks the signature and answers as told."""

    def __init__(self, answer: object) -> None:
        self.told = answer
        self.received: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What a careful receiver does."""
        body = await request.read()
        if request.method != "POST" or request.headers.get(SIGNATURE) != signature(SECRET, body):
            return web.Response(status=401)
        self.received.append(json.loads(body))
        return web.json_response(self.told)


@asynccontextmanager
async def driver_of(hook: Hook, folder: Path, secret: str = SECRET) -> AsyncIterator[PowerDriver]:
    """The driver in front of a webhook."""
    (folder / "token").write_text(f"{secret}\n", encoding="utf-8")
    async with serving(hook.answer) as server, aiohttp.ClientSession() as session:
        settings = relay("Webhook", f"{server.url}/api/webhook/pi", token_file=folder / "token", switch_id=3)
        found = Drivers(session, {"relay-1": settings}, clock=lambda: NOW).at("relay-1")
        assert found is not None
        yield found


def test_the_signature_is_the_one_of_rfc_4231() -> None:
    assert signature("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


async def test_a_question_names_the_relay_and_its_time(tmp_path: Path) -> None:
    hook = Hook({"output": True, "watts": 2.7, "faults": ["overpower"]})
    async with driver_of(hook, tmp_path) as driver:
        found = await driver.read()
    assert found is not None
    assert (found.is_on, found.watts, found.faults, found.time) == (True, 2.7, ("overpower",), NOW)
    assert hook.received == [
        {
            "schema": "sunward.dev/webhook/v1alpha1",
            "relay": "relay-1",
            "switchId": 3,
            "action": "Read",
            "time": "2026-06-21T12:00:00.000000Z",
        }
    ]
    assert found.time + timedelta(0) == NOW


@pytest.mark.parametrize(("on", "action"), [(True, "PowerOn"), (False, "PowerOff")])
async def test_an_order_carries_its_operation_and_token_and_is_sent_once(tmp_path: Path, on: bool, action: str) -> None:
    hook = Hook({"accepted": True})
    async with driver_of(hook, tmp_path) as driver:
        await driver.switch(on, "pi-sleep-1", 4)
    (received,) = hook.received
    assert (received["action"], received["operation"], received["fencingToken"]) == (action, "pi-sleep-1", 4)


@pytest.mark.parametrize(
    "answer", [{}, {"accepted": False}, {"accepted": "true"}, {"accepted": 1}, {"output": False}, [1]]
)
async def test_an_order_counts_only_with_a_plain_yes(tmp_path: Path, answer: object) -> None:
    hook = Hook(answer)
    async with driver_of(hook, tmp_path) as driver:
        with pytest.raises(SourceUnavailable):
            await driver.switch(False, "op", 1)
    assert len(hook.received) == 1


@pytest.mark.parametrize("answer", [{}, {"output": "off"}, {"output": 0}, {"accepted": True}, [], "off"])
async def test_an_answer_without_an_output_proves_nothing(tmp_path: Path, answer: object) -> None:
    async with driver_of(Hook(answer), tmp_path) as driver:
        assert await driver.read() is None


async def test_a_wrong_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    hook = Hook({"accepted": True})
    async with driver_of(hook, tmp_path, "another") as driver:
        assert await driver.read() is None
        with pytest.raises(SourceUnavailable, match="missing or wrong") as refused:
            await driver.switch(False, "op", 1)
    assert "another" not in str(refused.value)
    assert hook.received == []


def test_a_webhook_without_a_secret_is_refused() -> None:
    with pytest.raises(ValidationError, match="tokenFile"):
        DRIVERS.validate_python({"driver": "Webhook", "url": "http://hook"})
