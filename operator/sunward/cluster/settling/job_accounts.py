"""A settled period as a part of the figures of the jobs that worked in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sunward.accounting.attribution import node_shares, weighted
from sunward.accounting.ledger import PeriodLedger
from sunward.accounting.stages import Stage, StageEntry, by_stage
from sunward.accounting.values import Period
from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.access.causes import may_pass
from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.objects.crd_types import TrainingJobStatus, TrainingJobStatusStage, TrainingJobStatusStageName
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.reporting.micro import MICRO, micro, micro_or_none
from sunward.cluster.settling.work_memory import WorkMemory
from sunward.domain.jobs import JobView
from sunward.domain.plans import Transfer
from sunward.domain.snapshot import Snapshot

NAMES: Mapping[Stage, TrainingJobStatusStageName] = {
    Stage.PREPARATION: "Preparation",
    Stage.DEVELOPMENT: "Development",
    Stage.APPLICATION: "Application",
    Stage.RECYCLING: "Recycling",
}
"""The stages as the resource spells them."""


JOBS_SECONDS = 5.0
"""For the accounts of jobs in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A period's books, what was cleared, and what the none baseline would have emitted per node."""

    ledger: PeriodLedger
    transfers: tuple[Transfer, ...]
    baseline_grams: Mapping[str, float]
    intensities: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class Accounts:
    """A settled period, and the jobs whose figures it is still to be added to, with the shares of each."""

    period: Period
    settled: Settled
    shares: Mapping[str, Mapping[str, float]]
    left: list[JobView]


def accounts(done: WorkMemory, period: Period, snapshot: Snapshot, settled: Settled) -> Accounts:
    """The accounts of all jobs that ran in the period."""
    running = [job for job in snapshot.jobs if job.finished is None or done.work(period, job.spec.key)]
    work = {job.spec.key: done.work(period, job.spec.key) for job in running}
    homes = {job.spec.key: [shard.node for shard in job.spec.shards] for job in running}
    return Accounts(period=period, settled=settled, shares=node_shares(work, homes), left=running)


async def account_jobs(api: Api, done: WorkMemory, opened: Accounts, containment: Containment) -> bool:
    """Add the period to the jobs that are left, once: `accountedUntil` survives a crash between two writes.

    Returns whether none is left: there may be any number of jobs, and the nodes' next steps wait for them, so that what
    does not fit into its time is left to the next pass. A job whose account is refused is left out, and says so.
    Raises ApiError when the server may do it later.
    """
    end, waiting, opened.left = time.monotonic() + JOBS_SECONDS, opened.left, []
    later: ApiError | None = None
    for position, job in enumerate(waiting, 1):
        subject = Subject(kind="TrainingJob", name=job.spec.key, generation=job.generation)
        with containment.contain(Part.SETTLE, subject):
            try:
                added = _job_figures(opened.shares[job.spec.key], opened.settled)
                await _account(api, done, opened.period, job, added)
            except ApiError as error:
                if may_pass(error):
                    later = error
                    opened.left.append(job)
                raise
        if time.monotonic() >= end:
            opened.left += waiting[position:]
            break
    if later is not None:
        raise later
    return not opened.left


async def _account(api: Api, done: WorkMemory, period: Period, job: JobView, added: TrainingJobStatus | None) -> None:
    """Add a period to one job; a job that is gone has no account any more. Raises ApiError."""
    path = ours("trainingjobs", job.spec.name, namespace=job.spec.namespace)
    try:
        body = await api.get(path)
    except ApiError as error:
        if error.status == 404:
            return
        raise
    old: TrainingJobStatus = status_of(body)
    until = parse_time(old.get("accountedUntil"))
    if body["metadata"]["uid"] != job.spec.uid or (until is not None and period.end <= until):
        return
    stage = Stage.DEVELOPMENT if done.has_begun(job.spec.key, period) else Stage.PREPARATION
    status = _accounted(old, added, stage)
    status["accountedUntil"] = format_time(period.end)
    version = {"resourceVersion": body["metadata"]["resourceVersion"]}  # a sum over another sum is none
    await api.patch(f"{path}/status", {"metadata": version, "status": status})


def _job_figures(shares: Mapping[str, float], settled: Settled) -> TrainingJobStatus | None:
    """What a period adds to a job's figures, in micro-units; None when one of its nodes has no figure."""
    rows = settled.ledger.rows
    energy = weighted(shares, {row.node: row.load_watt_hours for row in rows})
    grams = weighted(shares, {row.node: row.location_grams for row in rows if row.location_grams is not None})
    baseline = weighted(shares, settled.baseline_grams)
    if energy is None or grams is None or baseline is None:
        return None
    made = weighted(shares, {row.node: row.embodied_grams for row in rows if row.embodied_grams is not None})
    return {
        "energyMicrowattHours": micro(energy),
        "emissionsMicrogramsCO2e": micro(grams),
        "baselineEmissionsMicrogramsCO2e": micro(baseline),
        "embodiedMicrogramsCO2e": micro_or_none(made),
    }


def _accounted(old: TrainingJobStatus, added: TrainingJobStatus | None, stage: Stage) -> TrainingJobStatus:
    """A job's figures with those of one more period; a period that is not known is counted instead of added as zero."""
    if added is None:
        return {"unaccountedPeriods": (old.get("unaccountedPeriods") or 0) + 1}
    emissions = _sum(old.get("emissionsMicrogramsCO2e"), added.get("emissionsMicrogramsCO2e"))
    baseline = _sum(old.get("baselineEmissionsMicrogramsCO2e"), added.get("baselineEmissionsMicrogramsCO2e"))
    return {
        "energyMicrowattHours": _sum(old.get("energyMicrowattHours"), added.get("energyMicrowattHours")),
        "emissionsMicrogramsCO2e": emissions,
        "baselineEmissionsMicrogramsCO2e": baseline,
        "avoidedEmissionsMicrogramsCO2e": baseline - emissions,
        "embodiedMicrogramsCO2e": _embodied(old, added),
        "stages": _stages(old, added, stage),
    }


def _embodied(old: TrainingJobStatus, added: TrainingJobStatus) -> int | None:
    """A sum that lacks one period is none, so it stays unknown once it was."""
    before, more = old.get("embodiedMicrogramsCO2e"), added.get("embodiedMicrogramsCO2e")
    has_lapsed = before is None and old.get("energyMicrowattHours") is not None
    return None if more is None or has_lapsed else _sum(before, more)


def _stages(old: TrainingJobStatus, added: TrainingJobStatus, stage: Stage) -> list[TrainingJobStatusStage]:
    """The life cycle with one more period; a job that has developed once does not prepare again."""
    before = [_entry(Stage(row["name"].lower()), row) for row in old.get("stages") or ()]
    has_developed = any(one.stage is Stage.DEVELOPMENT and one.watt_hours > 0.0 for one in before)
    now = Stage.DEVELOPMENT if has_developed else stage
    return [
        {
            "name": NAMES[total.stage],
            "energyMicrowattHours": micro(total.watt_hours),
            "emissionsMicrogramsCO2e": micro(total.location_grams),
        }
        for total in by_stage([*before, _entry(now, added)])
    ]


def _entry(stage: Stage, figures: TrainingJobStatus | TrainingJobStatusStage) -> StageEntry:
    return StageEntry(
        stage=stage,
        watt_hours=(figures.get("energyMicrowattHours") or 0) / MICRO,
        location_grams=(figures.get("emissionsMicrogramsCO2e") or 0) / MICRO,
    )


def _sum(before: int | None, added: int | None) -> int:
    """What was counted before and what is added; a job that has no figure yet has counted nothing."""
    return (before or 0) + (added or 0)
