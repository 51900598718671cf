"""The loop: report every 20 s, look at every change of the own EnergyNode, carry an order out once or say why not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sunward_power_agent import __version__
from sunward_power_agent.clock import ServerClock
from sunward_power_agent.host import Host, HostError
from sunward_power_agent.orders import Known, Order, node_of, order_in, part, refusal
from sunward_power_agent.server import Body, ServerError

log = logging.getLogger(__name__)
REPORT_SECONDS = 20.0
PAUSE_SECONDS = 2.0
"""Between two attempts to watch."""
MESSAGE_LIMIT = 256
ASKED = ("Accepted", "Started")
"""Results of orders for which the host was, or may have been, asked."""


class Server(Protocol):
    """What the agent needs of the API server."""

    clock: ServerClock

    async def find(self, node: str) -> Body: ...
    async def read(self, name: str) -> Body: ...
    async def lease(self) -> Body: ...
    async def report(self, name: str, agent: Mapping[str, Any], version: str | None = None) -> Body: ...
    def changes(self, name: str, version: str) -> AsyncIterator[None]: ...


@dataclass(slots=True, kw_only=True)
class Agent:
    """One node's agent. `alive` is called whenever the loop turns, for a watchdog around it."""

    server: Server
    host: Host
    node: str
    boot_id: str
    alive: Callable[[], None] = lambda: None
    _done: set[str] = field(default_factory=set)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _said: tuple[str, str] | None = None
    _name: str = ""
    _version: str = ""

    async def run(self) -> None:
        """Report and look, for ever; watch beside it. A server that does not answer is asked again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            while True:
                await self.turn()
                await asyncio.sleep(REPORT_SECONDS)

    async def turn(self) -> None:
        """Report once and look at the order that stands, if any. A server that fails is logged."""
        self.alive()
        try:
            if not self._name:
                found = await self.server.find(self.node)
                self._name = str(part(found, "metadata").get("name"))
            await self._report()
            await self.look()
        except ServerError as error:
            if error.status == 404:
                self._name = ""
            log.warning("%s", error)

    async def look(self) -> None:
        """Read the EnergyNode and carry out the order that stands there, or say once why not. Raises ServerError."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        body = await self.server.read(self._name)
        self._version = str(part(body, "metadata").get("resourceVersion") or "")
        self._remember(body)
        order = order_in(body)
        if order is None or order.operation_id in self._done or order.is_over:
            return
        lease = await self._lease()
        why = refusal(order, body, self._known(lease))
        if why is not None:
            await self._say(order, "Refused", why)
            return
        await self._carry_out(order)

    async def _carry_out(self, order: Order) -> None:
        """Announce it, in the very version of the object that was read, look at the time once more, ask the host."""
        now = self.server.clock.now()
        assert now is not None  # an order is void while the time is not known
        written = await self.server.report(self._name, {"lastOrder": _row(order, "Accepted", "", now)}, self._version)
        self._version = str(part(written, "metadata").get("resourceVersion") or "")
        now = self.server.clock.now()
        if now is None or now >= order.deadline:
            await self._say(order, "Refused", "the deadline of the order has passed")
            return
        self._done.add(order.operation_id)
        log.warning("order %s: the system is shut down", order.operation_id)
        try:
            await self.host.power_off()
        except HostError as error:
            self._done.discard(order.operation_id)
            await self._say(order, "Failed", str(error))
            return
        await self._say(order, "Started", "")

    async def _say(self, order: Order, result: str, message: str) -> None:
        """Write the result to `status.agent.lastOrder`, once for each result and message."""
        if self._said == (order.operation_id, result + message):
            return
        log.warning("order %s: %s %s", order.operation_id, result, message)
        now = self.server.clock.now()
        if now is not None:
            await self.server.report(self._name, {"lastOrder": _row(order, result, message, now)})
        self._said = (order.operation_id, result + message)

    async def _report(self) -> None:
        why, now = await self.host.can_power_off(), self.server.clock.now()
        if now is None:
            return
        agent = {
            "heartbeatTime": _text(now),
            "version": __version__,
            "bootId": self.boot_id,
            "canShutDown": why is None,
            "message": None if why is None else why[:MESSAGE_LIMIT],
        }
        await self.server.report(self._name, agent)

    async def _lease(self) -> Body | None:
        try:
            return await self.server.lease()
        except ServerError as error:
            log.warning("%s", error)
            return None

    def _known(self, lease: Body | None) -> Known:
        return Known(
            node=self.node,
            boot_id=self.boot_id,
            now=self.server.clock.now(),
            lease=lease,
        )

    def _remember(self, body: Body) -> None:
        """An order that was announced before a restart of this process, in this boot, counts as carried out."""
        if node_of(body) != self.node:
            raise ServerError(404, f"the EnergyNode {self._name} describes another node by now")
        last = part(body, "status", "agent", "lastOrder")
        is_ours = last.get("bootId") == self.boot_id and last.get("result") in ASKED
        if is_ours and isinstance(last.get("operationId"), str):
            self._done.add(last["operationId"])

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(ServerError):
                if self._name and self._version:
                    async for _ in self.server.changes(self._name, self._version):
                        await self.look()
            await asyncio.sleep(PAUSE_SECONDS)


def _row(order: Order, result: str, message: str, now: datetime) -> dict[str, Any]:
    return {
        "operationId": order.operation_id,
        "bootId": order.boot_id,
        "leaseTransitions": order.fencing_token,
        "result": result,
        "message": message[:MESSAGE_LIMIT] or None,
        "time": _text(now),
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
