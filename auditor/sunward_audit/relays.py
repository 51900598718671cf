"""What relays show and what they were told: polls over HTTP, and journals of JSON lines."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from sunward_audit.events import Event, Quiescence, RelayOrder, RelayRead
from sunward_audit.facts import time_of

TIMEOUT = aiohttp.ClientTimeout(total=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One relay of the operator's settings file. Its password is read at every question, so that it may be rotated."""

    name: str
    driver: str
    url: str
    switch_id: int = 0
    token_file: Path | None = None
    username: str = "admin"

    def password(self) -> str | None:
        """The password that it demands; None where it has none. Raises OSError and ValueError."""
        return None if self.token_file is None else self.token_file.read_text(encoding="utf-8").strip()


def relays_of(settings: Path) -> tuple[Relay, ...]:
    """The relays in a settings file of the operator; files are named from its folder. Raises OSError and ValueError."""
    body = yaml.safe_load(settings.read_text(encoding="utf-8"))
    found = body.get("relays") or {} if isinstance(body, Mapping) else {}
    return tuple(
        Relay(
            name=str(name),
            driver=str(entry.get("driver", "")),
            url=str(entry.get("url") or "").rstrip("/"),
            switch_id=int(entry.get("switchId", 0)),
            username=str(entry.get("username") or "admin"),
            token_file=settings.parent / entry["tokenFile"] if entry.get("tokenFile") else None,
        )
        for name, entry in sorted(found.items())
        if entry.get("url")
    )


async def read(session: aiohttp.ClientSession, relay: Relay, node: str) -> RelayRead | None:
    """What a relay shows now; None when it is silent, answers nonsense, or is of a kind that is not read here."""
    ask = READERS.get(relay.driver)
    try:
        return None if ask is None else await ask(session, relay, node)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None


async def _shelly(session: aiohttp.ClientSession, relay: Relay, node: str) -> RelayRead | None:
    password = relay.password()
    login = () if password is None else (_digest(relay.url, password),)
    query = {"id": str(relay.switch_id)}
    answer = await _json(session, f"{relay.url}/rpc/Switch.GetStatus", query, middlewares=login)
    return _reading(relay, node, answer.get("output"), answer.get("apower"))


async def _tasmota(session: aiohttp.ClientSession, relay: Relay, node: str) -> RelayRead | None:
    password = relay.password()
    login = {} if password is None else {"user": relay.username, "password": password}
    answer = await _json(session, f"{relay.url}/cm", {**login, "cmnd": f"Power{relay.switch_id + 1}"})
    state = next((value for value in answer.values() if value in ("ON", "OFF")), None)
    return _reading(relay, node, None if state is None else state == "ON", None)


async def _shelly_gen1(session: aiohttp.ClientSession, relay: Relay, node: str) -> RelayRead | None:
    password = relay.password()
    login = {} if password is None else {"Authorization": aiohttp.encode_basic_auth(relay.username, password)}
    answer = await _json(session, f"{relay.url}/relay/{relay.switch_id}", {}, headers=login)
    return _reading(relay, node, answer.get("ison"), None)


async def _redfish(session: aiohttp.ClientSession, relay: Relay, node: str) -> RelayRead | None:
    password = relay.password()
    login = {} if password is None else {"Authorization": aiohttp.encode_basic_auth(relay.username, password)}
    state = (await _json(session, relay.url, {}, headers=login)).get("PowerState")
    return _reading(relay, node, {"On": True, "Off": False}.get(str(state)), None)


async def _webhook(session: aiohttp.ClientSession, relay: Relay, node: str) -> RelayRead | None:
    body = {"schema": "sunward.dev/webhook/v1alpha1", "relay": relay.name, "switchId": relay.switch_id}
    data = json.dumps({**body, "action": "Read", "time": datetime.now(UTC).isoformat()}).encode()
    signed = hmac.new((relay.password() or "").encode(), data, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Sunward-Signature": f"sha256={signed}"}
    async with session.post(relay.url, data=data, headers=headers, timeout=TIMEOUT, allow_redirects=False) as response:
        response.raise_for_status()
        answer = await response.json(content_type=None)
    found = answer if isinstance(answer, Mapping) else {}
    return _reading(relay, node, found.get("output"), found.get("watts"))


READERS: Mapping[str, Callable[[aiohttp.ClientSession, Relay, str], Awaitable[RelayRead | None]]] = {
    "Shelly": _shelly,
    "Tasmota": _tasmota,
    "ShellyGen1": _shelly_gen1,
    "Webhook": _webhook,
    "Redfish": _redfish,
}
"""How a relay of each kind is asked, by its name in the settings."""


@cache
def _digest(url: str, password: str) -> aiohttp.DigestAuthMiddleware:
    """One per relay, because it remembers the relay's challenge."""
    del url
    return aiohttp.DigestAuthMiddleware("admin", password)


async def _json(session: aiohttp.ClientSession, url: str, query: dict[str, str], **more: Any) -> Mapping[str, Any]:
    async with session.get(url, params=query, timeout=TIMEOUT, allow_redirects=False, **more) as response:
        response.raise_for_status()
        answer = await response.json(content_type=None)
        return answer if isinstance(answer, Mapping) else {}


def _reading(relay: Relay, node: str, output: object, watts: object) -> RelayRead | None:
    if not isinstance(output, bool):
        return None
    power = float(watts) if isinstance(watts, int | float) and not isinstance(watts, bool) else None
    return RelayRead(time=datetime.now(UTC), relay=relay.name, node=node, on=output, watts=power)


def journal_events(entry: Mapping[str, Any]) -> Iterator[Event]:
    """The events of one journal line: an order, what the relay did then, or a word that all is calm from here.

    Raises ValueError for a line that is neither.
    """
    moment = time_of(entry.get("time"))
    if moment is None:
        raise ValueError("a journal line needs a time")
    if isinstance(entry.get("calm"), Mapping):
        yield _quiescence(moment, entry["calm"])
        return
    if not isinstance(entry.get("on"), bool) or not entry.get("node"):
        raise ValueError("a journal line needs node and on")
    node, relay, token = str(entry["node"]), str(entry.get("relay") or entry["node"]), entry.get("token")
    yield RelayOrder(
        time=moment,
        relay=relay,
        node=node,
        on=entry["on"],
        operation=entry.get("operation"),
        token=None if token is None else int(token),
        process=str(entry.get("process") or ""),
    )
    if entry.get("obeyed"):
        yield RelayRead(time=moment, relay=relay, node=node, on=entry["on"])


def _quiescence(moment: datetime, quiescence: Mapping[str, Any]) -> Quiescence:
    settle, quiet = float(quiescence.get("settleSeconds", 120)), float(quiescence.get("quietSeconds", 120))
    return Quiescence(time=moment, settle=timedelta(seconds=settle), quiet=timedelta(seconds=quiet))
