"""Settles finished periods: metered energy replaces planned energy, and the EnergyPlan gets its ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sunward.accounting import none_baseline
from sunward.accounting.ledger import MissingNode, close
from sunward.accounting.none_baseline import total_grams
from sunward.accounting.signed.chain import Signer
from sunward.accounting.values import Period
from sunward.cluster.access.api import Api, ours
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.objects.crd_types import EnergyPlanStatus
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.ports import Reporter, Sensors
from sunward.cluster.reporting import plan_objects, retention, settlement_objects
from sunward.cluster.settling.job_accounts import Accounts, Settled, account_jobs, accounts
from sunward.cluster.settling.meter_logs import GIVE_UP_AFTER
from sunward.cluster.settling.meter_memory import MeterMemory
from sunward.cluster.settling.sealing import OURS, Sealer
from sunward.cluster.settling.work_memory import WorkMemory
from sunward.domain.energy import MeteredNode
from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Metered
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.planning import settle
from sunward.planning.ports import SolverPort

ALL = Subject(kind="EnergyPlans", name="all")
"""The list of all plans, and what is to be deleted of it."""
Body = Mapping[str, Any]


class Settler:
    """Writes the settlement of every period that has ended."""

    def __init__(
        self,
        api: Api,
        sensors: Sensors,
        solver: SolverPort,
        reporter: Reporter,
        containment: Containment,
        signer: Signer | None = None,
    ) -> None:
        self._containment = containment
        self._api = api
        self._sealer = Sealer(api, signer)
        self._sensors = sensors
        self._solver = solver
        self._reporter = reporter
        self._meters = MeterMemory()
        self._work = WorkMemory()
        self._done: set[str] = set()
        self._open: dict[str, datetime] = {}  # plans without a settlement, and when their periods end
        self._looked_for = ""
        self._accounts: dict[str, Accounts] = {}  # of plans whose books are made and not yet with every job

    def remember(self, snapshot: Snapshot, power: Mapping[str, PowerReading | None]) -> None:
        """Keep what meters and coordinators say now; called in every cycle."""
        self._meters.remember(snapshot, power)
        self._work.remember(snapshot)

    async def settle(self, snapshot: Snapshot, plan: str) -> None:
        """Settle every plan whose period ended long enough ago for its last samples to be in; let old ones go.

        A hundred plans of a large cluster are megabytes: they are listed when *plan*, the one in force, is new, and
        when one is due. Never raises: a period that cannot be settled is its plan's own failure.
        """
        due = any(self._is_due(name, end, snapshot.taken_at) for name, end in self._open.items())
        if (plan == self._looked_for and not due) or not self._containment.is_due(Part.SETTLE, ALL):
            return
        with self._containment.contain(Part.SETTLE, ALL):
            await self._settle_all(snapshot, plan)

    async def _settle_all(self, snapshot: Snapshot, plan: str) -> None:
        plans = await self._api.list(ours("energyplans"), labelSelector=OURS)
        self._sealer.seen(plans)
        self._open, self._looked_for = {}, ""  # until all is seen through: an error on the way must not hide the rest
        for body in plans:
            subject = _subject(body["metadata"]["name"])
            if self._containment.is_due(Part.SETTLE, subject):
                with self._containment.contain(Part.SETTLE, subject):
                    await self._settle_if_due(body, snapshot)
        self._containment.keep_only(Part.SETTLE, "EnergyPlan", {body["metadata"]["name"] for body in plans})
        old = retention.expired(plans, self._done, snapshot.policy.keep_plans)
        gone = await retention.remove(self._api, old)
        self._done -= set(gone)
        self._looked_for = plan if len(gone) == len(old) else ""

    def _is_due(self, name: str, end: datetime, now: datetime) -> bool:
        """Whether a period may be settled: its last samples are in, and it has not failed just now."""
        is_in = (now - end).total_seconds() >= self._sensors.settle_delay_seconds
        return is_in and self._containment.is_due(Part.SETTLE, _subject(name))

    async def _settle_if_due(self, body: Body, snapshot: Snapshot) -> None:
        name = body["metadata"]["name"]
        start, length = plan_objects.period_of(body)
        end = start + length
        status: EnergyPlanStatus = status_of(body)
        is_settled = bool(status.get("settlement"))
        if name in self._done or is_settled or snapshot.taken_at - end > GIVE_UP_AFTER:
            self._done.add(name)
            self._accounts.pop(name, None)
        else:
            self._open[name] = end
            if self._is_due(name, end, snapshot.taken_at):
                await self._settle_one(name, Period(start=start, end=end), snapshot)

    async def _settle_one(self, name: str, period: Period, snapshot: Snapshot) -> None:
        opened = self._accounts.get(name) or await self._opened(period, snapshot)
        if opened is None:
            return
        self._accounts[name], settled = opened, opened.settled
        if not await account_jobs(self._api, self._work, opened, self._containment):
            return  # the next pass goes on
        status = settlement_objects.settlement_status(
            settled.ledger,
            settled.transfers,
            settled.baseline_grams,
            settled.intensities,
            {node.name: node.spec.production_device for node in snapshot.nodes},
            none_baseline.METHOD,
            snapshot.taken_at,
        )
        status = await self._sealer.sealed(name, status)
        await self._api.patch(ours("energyplans", name, sub="status"), {"status": {"settlement": status}})
        self._sealer.written()
        self._done.add(name)
        self._open.pop(name, None)
        self._accounts.pop(name, None)
        self._reporter.settled(settled.ledger, total_grams(settled.baseline_grams, settled.ledger.nodes))

    async def _opened(self, period: Period, snapshot: Snapshot) -> Accounts | None:
        """A period with its books, and the jobs to add it to; None while the meters cannot be asked."""
        try:
            metered = await self._sensors.energy([node.spec for node in snapshot.nodes], period.start, period.end)
        except SourceUnavailable as error:
            self._reporter.failed("settlement", error)
            return None
        settled = await asyncio.to_thread(self._clear, period, snapshot, metered)
        return accounts(self._work, period, snapshot, settled)

    def _clear(self, period: Period, snapshot: Snapshot, metered: Mapping[str, Metered]) -> Settled:
        """Everything that is computed and not asked: loads, clearing, books and baseline."""
        factors = self._meters.factors((node.spec.grid_zone for node in snapshot.nodes), period)
        intensities = {zone: factor.grams_per_kilowatt_hour for zone, factor in factors.items()}
        loads = [self._meters.metered(node.spec, metered.get(node.name), period) for node in snapshot.nodes]
        known = [row for row in loads if isinstance(row, MeteredNode)]
        missing = [row for row in loads if isinstance(row, MissingNode)]
        cleared = settle.clear(known, period.end - period.start, intensities, snapshot.policy, self._solver)
        ledger = close(period, cleared.nodes, cleared.flows, factors.values(), missing=missing)
        grams = none_baseline.baseline_grams(known, self._work.work(period), period.hours, intensities)
        return Settled(ledger=ledger, transfers=cleared.transfers, baseline_grams=grams, intensities=intensities)


def _subject(plan: str) -> Subject:
    return Subject(kind="EnergyPlan", name=plan)
