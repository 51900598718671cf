"""Reads for the page what the API server has of Sunward, as whoever runs it may.

EnergyPlans are large and settled once: after the first list, only the plan in force and those not yet settled are read
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sunward.cluster.access.api import Api, ApiError, Body, ours
from sunward.cluster.reading.read import read_policy
from sunward.settings.documents import one_line
from sunward.views.state import Resources

MOST_REREAD = 3
"""Plans without a settlement that are read again each time; older ones are settled or never will be."""
MOST_PLANS = 100
"""Kept in memory; one of a large fleet takes half a megabyte."""


class Reader:
    """Remembers plans and reads the rest each time. `namespaces` are those whose jobs are listed; none for all."""

    def __init__(self, api: Api, namespaces: Sequence[str] = ()) -> None:
        self._api = api
        self._namespaces = tuple(namespaces) or ("",)
        self._plans: dict[str, Body] = {}

    async def read(self) -> Resources:
        """Everything; what cannot be read is named in `failures`, and what was known of plans stays."""
        failures: list[str] = []
        policy, nodes, jobs = await asyncio.gather(
            self._policy(failures), self._list("energynodes", "", failures), self._jobs(failures)
        )
        await self._read_plans(policy, failures)
        return Resources(
            policy=policy,
            nodes=nodes,
            jobs=jobs,
            plans=list(self._plans.values()),
            failures=tuple(sorted(set(failures))),
        )

    async def _policy(self, failures: list[str]) -> Body | None:
        try:
            return await read_policy(self._api)
        except ApiError as error:
            failures.append(_words("EnergyPolicy", error))
            return None

    async def _jobs(self, failures: list[str]) -> list[Body]:
        lists = (self._list("trainingjobs", namespace, failures) for namespace in self._namespaces)
        return [body for found in await asyncio.gather(*lists) for body in found]

    async def _list(self, kind: str, namespace: str, failures: list[str]) -> list[Body]:
        try:
            return await self._api.list(ours(kind, namespace=namespace))
        except ApiError as error:
            failures.append(_words(kind, error))
            return []

    async def _read_plans(self, policy: Body | None, failures: list[str]) -> None:
        if not self._plans:
            listed = await self._list("energyplans", "", failures)
            self._plans = {body["metadata"]["name"]: body for body in listed}
            return
        for name in self._due((policy or {}).get("status") or {}):
            await self._read_plan(name, failures)
        for name in sorted(self._plans)[:-MOST_PLANS]:
            del self._plans[name]

    def _due(self, status: Body) -> set[str]:
        open_ = [name for name, body in self._plans.items() if not (body.get("status") or {}).get("settlement")]
        current = status.get("currentPlan")
        return {*sorted(open_)[-MOST_REREAD:], *([current] if isinstance(current, str) and current else [])}

    async def _read_plan(self, name: str, failures: list[str]) -> None:
        try:
            self._plans[name] = await self._api.get(ours("energyplans", name))
        except ApiError as error:
            if error.status == 404:
                self._plans.pop(name, None)
            else:
                failures.append(_words("EnergyPlan", error))


def _words(kind: str, error: ApiError) -> str:
    """What could not be read, and why."""
    if error.status == 403:
        return f"{kind}: your account has no right to list them"
    if error.status == 0:
        return f"{kind}: the API server cannot be reached"
    return f"{kind}: {one_line(error.message, 200)}"
