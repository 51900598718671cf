"""Plans and books of fleets of any size: what an EnergyPlan and the statuses of jobs have to hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sunward.accounting.ledger import PeriodLedger, close
from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment, Shard
from sunward.domain.plans import Decision, DecisionKind, JobDirective, Plan, PlannedSleep, Prices, Transfer
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from support.accounting import DIRTY, QUARTER_HOUR, node_period
from support.planning import NOW, a_job, a_node, a_plan, a_snapshot, a_zone

LONGEST_SENTENCE = "x" * 3000
FLEETS = {
    "500 nodes and 100 jobs": {"nodes": 500, "jobs": 100, "shards": 8, "workers": 3},
    "20 jobs of 256 shards": {"nodes": 64, "jobs": 20, "shards": 256},
    "100 jobs of 256 shards on all nodes": {"nodes": 500, "jobs": 100, "shards": 256, "workers": 6},
    "2,000 nodes": {"nodes": 2000, "jobs": 4, "shards": 256},
    "1,000 nodes with the longest names": {"nodes": 1000, "jobs": 300, "shards": 16, "length": 253},
}


def node_names(count: int, length: int = 12) -> list[str]:
    """Names of nodes, each of *length* characters."""
    return [f"n{index:05d}".ljust(length, "x") for index in range(count)]


def rows_of(job: str, nodes: Sequence[str], shards: int, workers: int) -> tuple[Assignment, ...]:
    """The work of a job with *shards*, each on so many *workers*."""
    return tuple(
        Assignment(
            job=job,
            shard=f"shard-{shard:03d}",
            from_node=nodes[shard % len(nodes)],
            node=nodes[(shard + worker) % len(nodes)],
            batches=10,
        )
        for shard in range(shards)
        for worker in range(workers)
    )


def a_fleet(nodes: int, jobs: int, *, shards: int = 4, workers: int = 1, length: int = 12) -> tuple[Plan, Snapshot]:
    """A plan that decides something about every node and job, and the snapshot that it was made of."""
    names, keys = node_names(nodes, length), [f"default/job-{index:03d}" for index in range(jobs)]
    directives = tuple(
        JobDirective(job=key, run=True, cause=Cause(Reason.AT_HOME), assignments=rows_of(key, names, shards, workers))
        for key in keys
    )
    why = Cause(Reason.LOWER_EMISSIONS, LONGEST_SENTENCE)
    kept = [Decision(kind=DecisionKind.KEEP_AWAKE, subject=name, cause=why) for name in names]
    moved = [Decision(kind=DecisionKind.ASSIGN, subject=key, cause=why) for key in keys]
    plan = a_plan(
        awake={name: index % 2 == 0 for index, name in enumerate(names)},
        jobs=directives,
        decisions=(*kept, *moved),
        transfers=tuple(
            Transfer(
                pool="roof",
                from_node=name,
                to_node=names[0],
                sent_watt_hours=1.0 + index,
                received_watt_hours=1.0,
                kind=PoolKind.PHYSICAL,
            )
            for index, name in enumerate(names)
        ),
        sleeps=tuple(PlannedSleep(node=name, start=NOW, until=NOW + timedelta(hours=1)) for name in names),
        prices=Prices(
            energy_grams_per_watt_hour={name[:63]: 1.0 for name in names}, offload_grams=dict.fromkeys(keys, 1.0)
        ),
    )
    zones = {f"ZONE-{index:03d}": a_zone(f"ZONE-{index:03d}", 24.0) for index in range(nodes)}
    views = [
        a_job(
            key.split("/")[1],
            shards=tuple(
                Shard(name=f"shard-{n:03d}", node=names[n % nodes], samples=1, gigabytes=0.0) for n in range(shards)
            ),
            assignments=rows_of(key, names, shards, workers),
        )
        for key in keys
    ]
    return plan, a_snapshot(*(a_node(name) for name in names), jobs=views, intensities=zones)


def a_ledger(nodes: int, length: int = 12) -> PeriodLedger:
    """Closed books of so many nodes."""
    periods = [node_period(name, load=1.0) for name in node_names(nodes, length)]
    return close(QUARTER_HOUR, periods, factors=[DIRTY])
