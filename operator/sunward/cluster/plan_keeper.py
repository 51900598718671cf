"""Keeps the plan in force: makes a new one when one is necessary, validates it on a fresh view, and writes it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.ports import Forecaster, Reporter
from sunward.cluster.reading.observe import Observation
from sunward.cluster.reporting import plan_objects
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Step
from sunward.planning import decide, validate
from sunward.planning.ports import SolverPort
from sunward.planning.renewal import period_start, renewal_key

Body = dict[str, Any]


class PlanKeeper:
    """The plan in force is a cache: without it the next cycle plans anew."""

    def __init__(
        self, api: Api, forecaster: Forecaster, solver: SolverPort, reporter: Reporter, clock: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._forecaster = forecaster
        self._solver = solver
        self._reporter = reporter
        self._clock = clock
        self._plan: Plan | None = None
        self._key: Hashable = None
        self._body: Body = {}

    async def plan(
        self, seen: Observation, look_again: Callable[[], Awaitable[Observation]]
    ) -> tuple[Plan, Observation]:
        """The plan in force and the view it holds on; both are new when a period began or what it rests on changed."""
        snapshot = seen.snapshot
        key = renewal_key(snapshot)
        if self._plan is not None and key == self._key:
            return self._plan, seen
        begun = time.monotonic()
        plan = await asyncio.to_thread(self._decide, snapshot)
        fresh = await look_again()
        valid, dropped = validate.still_valid(plan, fresh.snapshot)
        self._reporter.planned(valid, snapshot, time.monotonic() - begun)
        await self._write(valid, fresh.snapshot, Counter(drop.cause.reason for drop in dropped))
        self._plan, self._key = valid, key
        return valid, fresh

    def _decide(self, snapshot: Snapshot) -> Plan:
        forecasts = self._forecaster(snapshot, period_start(snapshot))
        return decide.plan(snapshot, forecasts, solver=self._solver, previous=self._plan)

    async def _write(self, plan: Plan, snapshot: Snapshot, dropped: Mapping[Reason, int]) -> None:
        path = ours("energyplans", plan.name)
        try:
            await self._api.create(ours("energyplans"), plan_objects.plan_object(plan, snapshot.policy))
        except ApiError as error:
            if error.status != 409:
                raise
        body = await self._api.get(path)
        status = plan_objects.plan_status(plan, snapshot, dropped, status_of(body), self._clock())
        self._body = await self._api.patch(f"{path}/status", {"status": status})

    async def record_inputs(self, plan: Plan, snapshot: Snapshot, steps: Sequence[Step]) -> None:
        """A sleep may begin when a meter is back that was silent for the plan: then its inputs are written anew."""
        begin = {step.node for step in steps if step.cause.reason is Reason.SLEEP_STARTED}
        if begin & plan_objects.nodes_without_power(status_of(self._body)):
            inputs = plan_objects.inputs(plan, snapshot)
            path = ours("energyplans", plan.name, sub="status")
            self._body = await self._api.patch(path, {"status": {"inputs": inputs}})
