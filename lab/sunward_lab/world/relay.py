"""A relay per node that speaks the Shelly Gen2 HTTP RPC and really switches the node.

Written from the vendor's public description of the RPC (Switch.Set, Switch.GetStatus,
Shelly.GetDeviceInfo; GET with a query, POST of JSON-RPC). The meter shows the physics; the switch runs the
commands that the lab wrote for the node. With a password it demands HTTP digest, as the device does, for everything
but what the device itself is. It knows nothing of the product.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from typing import Any, Final

from aiohttp import web

from .digest import DigestGuard
from .faults import Faults, RelayFault
from .machine import Machine

log = logging.getLogger(__name__)

_VOLTS: Final = 230.0
_HERTZ: Final = 50.0
_INVALID_ARGUMENT: Final = -103
_NO_HANDLER: Final = 404


class RpcError(Exception):
    """An answer of the device that is an error, with its code."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the device's code and words."""
        super().__init__(message)
        self.code, self.message = code, message

    def payload(self) -> dict[str, Any]:
        """The body a Gen2 device sends."""
        return {"code": self.code, "message": self.message}


class Relay:
    """One relay: the state of its contact, its meter and the order in which wishes are carried out."""

    def __init__(self, name: str, machine: Machine, faults: Faults, password: str | None = None) -> None:
        """A relay whose contact is as the node's power is now; without a password everybody may switch it."""
        self.name = name
        self.device_id = f"shellyplugsg3-{_serial(machine)}"
        self.guard = None if password is None else DigestGuard(self.device_id, password)
        self.machine = machine
        self.output = machine.powered()
        self.source = "init"
        self._faults = faults
        self._wished: bool | None = None
        self._worker: asyncio.Task[None] | None = None
        self._minutes: deque[float] = deque([0.0, 0.0, 0.0], maxlen=3)
        self._minute = int(time.time() // 60)
        self._minute_start_watt_hours = machine.state.flows.load

    @property
    def fault(self) -> RelayFault:
        """The fault in force."""
        return self._faults.relay(self.machine.node.name)

    def set(self, on: bool) -> dict[str, Any]:
        """Open or close the contact; answers at once, as the device does."""
        was_on, self.output, self.source = self.output, on, "HTTP_in"
        if self.fault is RelayFault.STUCK:
            self.output = was_on
        elif self.fault is not RelayFault.LIES:
            self._switch(on)
        return {"was_on": was_on}

    def status(self) -> dict[str, Any]:
        """What Switch.GetStatus answers: watts now, watt-hours since the world began."""
        lies = self.fault is RelayFault.LIES and not self.output
        watts = 0.0 if lies else self.machine.state.draw_watts
        return {
            "id": 0,
            "source": self.source,
            "output": self.output,
            "apower": round(watts, 2),
            "voltage": _VOLTS,
            "freq": _HERTZ,
            "current": round(watts / _VOLTS, 3),
            "aenergy": {
                "total": round(self.machine.state.flows.load, 6),
                "by_minute": [round(value, 3) for value in self._minutes],
                "minute_ts": self._minute * 60,
            },
            "temperature": {"tC": 36.0, "tF": 96.8},
        }

    def device_info(self) -> dict[str, Any]:
        """What Shelly.GetDeviceInfo answers."""
        return {
            "name": self.name,
            "id": self.device_id,
            "mac": _serial(self.machine).upper(),
            "slot": 0,
            "model": "S3PL-00112EU",
            "gen": 3,
            "fw_id": "20250101-000000/lab",
            "ver": "1.4.4",
            "app": "PlugSG3",
            "auth_en": self.guard is not None,
            "auth_domain": None if self.guard is None else self.device_id,
        }

    def tick(self, now: float) -> None:
        """Roll the minute meter and notice that the node was given power by hand."""
        minute = int(now // 60)
        if minute != self._minute:
            load = self.machine.state.flows.load
            self._minutes.appendleft((load - self._minute_start_watt_hours) * 1000.0)
            self._minute, self._minute_start_watt_hours = minute, load
        if self._worker is None and not self.output and self.fault is RelayFault.NONE and self.machine.powered():
            self.output, self.source = True, "button"

    async def close(self) -> None:
        """Wait for a switching that is under way."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)

    def _switch(self, on: bool) -> None:
        """Carry the wish out in the background; the last of several wishes wins."""
        self._wished = on
        self.machine.held_off = not on
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._wished is not None:
                on, self._wished = self._wished, None
                await self._run(self.machine.node.power_on if on else self.machine.node.power_off)
        finally:
            self.machine.held_off = False
            self._worker = None

    async def _run(self, command: tuple[str, ...]) -> None:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        code = await process.wait()
        if code != 0:
            log.error("%s: %s ended with %d; the node stays as it is", self.name, " ".join(command), code)


def _serial(machine: Machine) -> str:
    return f"{0xA0DD6C000000 + machine.node.index:012x}"


def relay_application(relay: Relay) -> web.Application:
    """The HTTP side of one relay."""
    application = web.Application()
    handler = _Handler(relay)
    application.router.add_get("/shelly", handler.shelly)
    application.router.add_get("/rpc/{method}", handler.get)
    application.router.add_post("/rpc/{method}", handler.post_method)
    application.router.add_post("/rpc", handler.post_frame)
    return application


class _Handler:
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def shelly(self, _: web.Request) -> web.Response:
        return web.json_response(self._relay.device_info())

    async def get(self, request: web.Request) -> web.Response:
        params = {key: _from_query(value) for key, value in request.query.items()}
        return await self._answer(request, params)

    async def post_method(self, request: web.Request) -> web.Response:
        return await self._answer(request, _json_object(await request.text()))

    async def post_frame(self, request: web.Request) -> web.Response:
        frame = _json_object(await request.text())
        reply: dict[str, Any] = {"id": frame.get("id"), "src": self._relay.device_id}
        if "src" in frame:
            reply["dst"] = frame["src"]
        try:
            reply["result"] = await self._call(request, str(frame.get("method")), frame.get("params") or {})
        except RpcError as error:
            reply["error"] = error.payload()
        return web.json_response(reply)

    async def _answer(self, request: web.Request, params: dict[str, Any]) -> web.Response:
        try:
            return web.json_response(await self._call(request, request.match_info["method"], params))
        except RpcError as error:
            status = 404 if error.code == _NO_HANDLER else 500
            return web.json_response(error.payload(), status=status)

    async def _call(self, request: web.Request, method: str, params: dict[str, Any]) -> dict[str, Any]:
        await self._misbehave()
        if method == "Shelly.GetDeviceInfo":
            return self._relay.device_info()
        if self._relay.guard is not None and not self._relay.guard.allows(request):
            raise self._relay.guard.challenge()
        if method not in ("Switch.Set", "Switch.GetStatus"):
            raise RpcError(_NO_HANDLER, f"No handler for {method}")
        if params.get("id") != 0 or isinstance(params["id"], bool):
            raise RpcError(_INVALID_ARGUMENT, "Argument 'id', value is missing or not 0!")
        if method == "Switch.GetStatus":
            return self._relay.status()
        if not isinstance(params.get("on"), bool):
            raise RpcError(_INVALID_ARGUMENT, "Missing or bad argument 'on'!")
        return self._relay.set(params["on"])

    async def _misbehave(self) -> None:
        if self._relay.fault is RelayFault.ERROR:
            raise RpcError(-1, "internal error")
        if self._relay.fault is RelayFault.TIMEOUT:
            await asyncio.Event().wait()


def _from_query(value: str) -> Any:
    """A query value in the type that it spells: numbers and booleans as the device reads them."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise web.HTTPBadRequest(text=json.dumps({"code": -32700, "message": "expected a JSON object"}))
    return value
