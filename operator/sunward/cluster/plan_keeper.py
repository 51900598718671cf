"""Keeps the plan in force: makes a new one when one is necessary, validates it on a fresh view, and records it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.ports import Forecaster, Reporter
from sunward.cluster.reporting import plan_objects
from sunward.cluster.reporting.bounds import Omitted
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Step
from sunward.planning import decide, isolation, validate
from sunward.planning.ports import SolverPort
from sunward.planning.renewal import period_start, renewal_key

Body = dict[str, Any]
PLANNING = Subject(kind="EnergyPlan", name="next")
"""The decision itself, which has no object yet."""


class PlanKeeper:
    """The plan in force is a cache: without it the next cycle plans anew. `is_on_record` says whether its EnergyPlan
    was written: no sleep begins without."""

    def __init__(
        self,
        api: Api,
        forecaster: Forecaster,
        solver: SolverPort,
        reporter: Reporter,
        clock: Callable[[], datetime],
        containment: Containment,
    ) -> None:
        self._api = api
        self._forecaster = forecaster
        self._solver = solver
        self._reporter = reporter
        self._clock = clock
        self._containment = containment
        self._plan: Plan | None = None
        self._key: Hashable = None
        self._body: Body = {}
        self._dropped: Mapping[Reason, int] = {}
        self.is_on_record = False

    def in_force(self, snapshot: Snapshot) -> Plan | None:
        """The plan in force; None when a period began, what the plan rests on changed, or planning is to be retried."""
        is_current = self._plan is not None and renewal_key(snapshot) == self._key
        has_failed = self._containment.cause(PLANNING, Part.PLAN) is not None
        is_due = has_failed and self._containment.is_due(Part.PLAN, PLANNING)
        return self._plan if is_current and not is_due else None

    async def decide(self, snapshot: Snapshot) -> Plan:
        """A new plan without the parts that cannot be planned; else a hold that says why. Never raises."""
        made = await asyncio.to_thread(self._decide, snapshot)
        for key, cause in made.jobs.items():
            self._containment.note(Part.PLAN, Subject(kind="TrainingJob", name=key), cause)
        for name, cause in made.nodes.items():
            self._containment.note(Part.PLAN, Subject(kind="EnergyNode", name=name), cause)
        self._containment.keep_only(Part.PLAN, "TrainingJob", made.jobs)
        self._containment.keep_only(Part.PLAN, "EnergyNode", made.nodes)
        if made.error is None:
            self._containment.forget(Part.PLAN, PLANNING)
        else:
            self._containment.note(Part.PLAN, PLANNING, isolation.failed_because(made.error), error=made.error)
        return made.plan

    def _decide(self, snapshot: Snapshot) -> isolation.Isolated:
        try:
            forecasts = self._forecaster(snapshot, period_start(snapshot))
        except Exception as error:  # the shell around the forecaster
            plan = decide.failed(snapshot, isolation.failed_because(error))
            return isolation.Isolated(plan=plan, jobs={}, nodes={}, error=error)
        return isolation.plan(snapshot, forecasts, solver=self._solver, previous=self._plan)

    async def adopt(self, plan: Plan, snapshot: Snapshot, fresh: Snapshot, seconds: float) -> Plan:
        """Put a plan that was made of *snapshot* in *seconds* in force, less what *fresh* no longer supports."""
        try:
            valid, dropped = validate.still_valid(plan, fresh)
        except Exception as error:  # the shell around a check: nothing of the plan is certain to hold
            valid, dropped = decide.failed(fresh, isolation.failed_because(error)), ()
            self._containment.note(Part.PLAN, PLANNING, isolation.failed_because(error), error=error)
        self._plan, self._key, self.is_on_record = valid, renewal_key(snapshot), False
        self._dropped = Counter(drop.cause.reason for drop in dropped)
        with self._containment.contain(Part.REPORT, PLANNING):
            self._reporter.planned(valid, snapshot, seconds)
        await self.record(fresh)
        return valid

    async def record(self, snapshot: Snapshot) -> None:
        """Write the EnergyPlan of the plan in force unless it stands; a refused one is tried again after a pause."""
        plan = self._plan
        if plan is None or self.is_on_record:
            return
        subject = Subject(kind="EnergyPlan", name=plan.name)
        if self._containment.is_due(Part.PLAN, subject):
            with self._containment.contain(Part.PLAN, subject):
                await self._write(plan, snapshot)
                self.is_on_record = True
        self._containment.keep_only(Part.PLAN, "EnergyPlan", [plan.name, PLANNING.name])

    async def _write(self, plan: Plan, snapshot: Snapshot) -> None:
        path = ours("energyplans", plan.name)
        try:
            await self._api.create(ours("energyplans"), plan_objects.plan_object(plan, snapshot.policy))
        except ApiError as error:
            if error.status != 409:
                raise
        body = await self._api.get(path)
        status = plan_objects.plan_status(plan, snapshot, self._dropped, status_of(body), self._clock())
        self._body = await self._api.patch(f"{path}/status", {"status": status})

    async def record_inputs(self, plan: Plan, snapshot: Snapshot, steps: Sequence[Step]) -> Sequence[Step]:
        """The steps that may be taken: a sleep begins only under a plan that stands, with its inputs.

        When a meter is back that was silent for the plan, its inputs are written anew first.
        """
        begin = {step.node for step in steps if step.cause.reason is Reason.SLEEP_STARTED}
        if self.is_on_record and not begin <= plan_objects.nodes_with_power(status_of(self._body)):
            self.is_on_record = False
            subject = Subject(kind="EnergyPlan", name=plan.name)
            with self._containment.contain(Part.PLAN, subject):
                inputs = plan_objects.inputs(plan, snapshot, Omitted())
                path = ours("energyplans", plan.name, sub="status")
                self._body = await self._api.patch(path, {"status": {"inputs": inputs}})
                self.is_on_record = True
        return steps if self.is_on_record else [step for step in steps if step.node not in begin]
