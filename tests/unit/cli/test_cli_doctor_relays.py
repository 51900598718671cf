"""`sunward doctor` says which relays answer whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from aiohttp import web

from sunward.cli.doctor_relays import OPEN, relays
from sunward_lab.world.digest import DigestGuard
from support.sources import serving

STATUS = {"id": 1, "result": {"id": 0, "output": True, "apower": 2.5}}


async def asked(
    tmp_path: Path, *, guarded: str | None, configured: str | None
) -> tuple[str, bool | None, str, set[str]]:
    """What doctor finds of a Shelly with or without a password, and which methods it called."""
    guard = None if guarded is None else DigestGuard("shelly", guarded)
    methods: set[str] = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        if guard is not None and not guard.allows(request):
            raise guard.challenge()
        methods.add((await request.json())["method"])
        return web.json_response(STATUS)

    token = tmp_path / "token"
    token.write_text(configured or "", encoding="utf-8")
    async with serving(answer) as server:
        relay = {"driver": "Shelly", "url": server.url} | ({} if configured is None else {"tokenFile": str(token)})
        path = tmp_path / "settings.yaml"
        text = yaml.safe_dump({"prometheus": {"url": server.url}, "relays": {"relay-1": relay}})
        path.write_text(text, encoding="utf-8")
        ((name, ok, advice),) = await relays(path)
    return name, ok, advice, methods


@pytest.mark.parametrize(
    ("guarded", "configured", "ok", "words"),
    [
        (None, None, True, f"{OPEN}: set a password"),
        (None, "hunter2", True, f"{OPEN}: the password"),
        ("hunter2", "hunter2", True, ""),
        ("hunter2", "wrong", False, "it does not answer"),
        ("hunter2", None, False, "it does not answer"),
    ],
)
async def test_a_relay_that_answers_without_credentials_is_told(
    tmp_path: Path, guarded: str | None, configured: str | None, ok: bool, words: str
) -> None:
    name, found, advice, methods = await asked(tmp_path, guarded=guarded, configured=configured)
    assert (name, found) == ("relay relay-1", ok)
    assert advice.startswith(words)
    assert bool(advice) is bool(words)
    assert methods <= {"Switch.GetStatus"}


async def test_without_settings_no_relay_is_asked(tmp_path: Path) -> None:
    assert await relays(None) == []
    assert await relays(tmp_path / "none.yaml") == []
