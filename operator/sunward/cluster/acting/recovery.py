"""Everything awake again without the operator: relays on, our cordons and taints gone.

For the time when all else is broken. Whatever fails is told and never keeps other nodes from being tried; relays that
no EnergyNode names any more and Nodes whose EnergyNode is gone are seen to as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sunward.cluster.access.api import Api, ApiError, core, ours
from sunward.cluster.acting import acts
from sunward.cluster.objects.records import CORDON_MARK, TAINT_KEY
from sunward.cluster.ports import Drivers
from sunward.domain.errors import SourceUnavailable

Body = dict[str, Any]
OPERATION = "wake-by-hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was tried for one node, relay or list, and what came of it."""

    subject: str
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        told = [*self.done, *(f"FAILED: {why}" for why in self.failed)]
        return f"{self.subject}: {', '.join(told) or 'no action needed'}"


async def wake_one(api: Api, drivers: Drivers, name: str) -> list[Recovered]:
    """Wake the node of one EnergyNode. Raises ApiError when it cannot be read."""
    return [await _wake(api, drivers, await api.get(ours("energynodes", name)))]


async def wake_all(
    api: Api, drivers: Drivers, relays: Collection[str], *, pause_seconds: float = 0.0
) -> list[Recovered]:
    """Wake every node, switch on every other relay, and take back every mark of ours that is left.

    `pause_seconds` lie between two relays, for a supply that does not bear all machines starting at once.
    """
    bodies, blind = await _listed(api, ours("energynodes"), "EnergyNodes")
    recovered: list[Recovered] = []
    for body in bodies:
        recovered.append(await _wake(api, drivers, body))
        await asyncio.sleep(pause_seconds)
    for relay in sorted(set(relays) - {_relay_of(body) for body in bodies}):
        recovered.append(await _switch_on(drivers, relay))
        await asyncio.sleep(pause_seconds)
    nodes, blind_to_nodes = await _listed(api, core("nodes"), "Nodes")
    known = {_node_of(body) for body in bodies}
    left = [await _uncordon(api, node) for node in _marked(nodes) if node not in known]
    return [*recovered, *left, *blind, *blind_to_nodes]


async def _wake(api: Api, drivers: Drivers, body: Body) -> Recovered:
    """Power first, then the cordon: without power the node stays cordoned, so that no pod is sent to it."""
    relay, node = _relay_of(body), _node_of(body)
    name = body["metadata"]["name"]
    power = await _switch_on(drivers, relay) if relay else Recovered(subject=relay)
    if power.failed:
        return Recovered(subject=name, failed=(*power.failed, f"not uncordoned (kubectl uncordon {node})"))
    marks = await _uncordon(api, node)
    return Recovered(subject=name, done=(*power.done, *marks.done), failed=marks.failed)


async def _switch_on(drivers: Drivers, relay: str) -> Recovered:
    driver = drivers.at(relay)
    if driver is None:
        return Recovered(subject=relay, failed=(f"relay {relay} is not in the settings",))
    return await _tried(relay, f"relay {relay}: power-on requested", driver.switch(True, OPERATION, 0))


async def _uncordon(api: Api, node: str) -> Recovered:
    return await _tried(node, "uncordoned", acts.uncordon(api, node))


async def _tried(subject: str, what: str, doing: Awaitable[None]) -> Recovered:
    try:
        await doing
    except (ApiError, SourceUnavailable) as error:
        return Recovered(subject=subject, failed=(str(error),))
    return Recovered(subject=subject, done=(what,))


async def _listed(api: Api, path: str, what: str) -> tuple[Sequence[Body], list[Recovered]]:
    try:
        return await api.list(path), []
    except ApiError as error:
        return [], [Recovered(subject=what, failed=(str(error),))]


def _marked(nodes: Sequence[Body]) -> Iterator[str]:
    for body in nodes:
        taints = (body.get("spec") or {}).get("taints") or ()
        annotations = body["metadata"].get("annotations") or {}
        if CORDON_MARK in annotations or any(taint["key"] == TAINT_KEY for taint in taints):
            yield body["metadata"]["name"]


def _relay_of(body: Body) -> str:
    """Name of the relay, read without the schema: a spec that the operator refuses must not keep a node off."""
    sleep = (body.get("spec") or {}).get("sleep") or {}
    return str((sleep.get("driverRef") or {}).get("name") or "")


def _node_of(body: Body) -> str:
    return str((body.get("spec") or {}).get("nodeName") or body["metadata"]["name"])
