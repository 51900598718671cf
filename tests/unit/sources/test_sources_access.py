"""A Prometheus that asks for credentials or for a tenant gets them with every question, and errors never show them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sunward.domain.errors import SourceUnavailable
from sunward.sources.build import build_sensors
from sunward.sources.settings import PrometheusSettings
from support.planning import a_node
from support.sources import serving

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


async def asked(path: Path | None = None, **access: object) -> list[dict[str, str | None]]:
    """The headers of every question about a node."""
    found: list[dict[str, str | None]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        found.append({name: request.headers.get(name) for name in ("Authorization", "X-Scope-OrgID")})
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    async with serving(answer) as server, aiohttp.ClientSession() as session:
        settings = PrometheusSettings.model_validate({"url": server.url, **access})
        await build_sensors(settings, session).read([a_node().spec], NOON)
    return found


async def test_a_token_goes_with_every_question(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n", encoding="utf-8")
    headers = await asked(tokenFile=str(tmp_path / "token"))
    assert headers == [{"Authorization": "Bearer abc", "X-Scope-OrgID": None}] * len(headers)
    assert headers


async def test_a_user_a_password_and_a_tenant_go_with_every_question(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame", encoding="utf-8")
    headers = await asked(username="Aladdin", passwordFile=str(tmp_path / "password"), tenant="farm")
    expected = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # the example of RFC 7617
    assert headers == [{"Authorization": expected, "X-Scope-OrgID": "farm"}] * len(headers)


async def test_without_access_nothing_is_sent() -> None:
    assert {tuple(one.values()) for one in await asked()} == {(None, None)}


async def test_without_its_token_nothing_is_asked_and_the_error_names_the_file_only(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("two\nlines", encoding="utf-8")
    with pytest.raises(SourceUnavailable, match="prometheus is unavailable: token file: holds no token"):
        await asked(tokenFile=str(tmp_path / "token"))


async def test_a_certificate_file_that_holds_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("no certificate", encoding="utf-8")
    settings = PrometheusSettings.model_validate({"url": "https://127.0.0.1:1", "caFile": str(tmp_path / "ca")})
    async with aiohttp.ClientSession() as session:
        with pytest.raises(SourceUnavailable, match="certificate file"):
            await build_sensors(settings, session).read([a_node().spec], NOON)
