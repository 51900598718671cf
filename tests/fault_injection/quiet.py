"""Suite R14 and invariant I12: what the operator costs when nothing happens, and that it then writes nothing.

Two hundred nodes before a real API server: time from start to ready, memory and processor time of the operator and of
its solver's process, and every write that its account made in two minutes after the last change. The writes are counted
from the API server's own audit log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.faults.outcome import Options, Outcome
from support.real.cluster import RealWorld, obstacle, real_cluster
from support.real.objects import policy
from support.real.operator_process import Operator

TITLE = "R14 scale and quiet"
NODES = 200
WITH_MACHINES = 2
PERIOD_SECONDS = 300
QUIET_SECONDS = 120.0
SETTLED_SECONDS = 30.0
READY_LIMIT_SECONDS = 20.0
MEMORY_LIMIT_MEBIBYTES = 150.0
CHILD_LIMIT_MEBIBYTES = 250.0
CPU_LIMIT_PERCENT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What an idle operator cost: seconds to ready, writes by kind, MiB, and percent of one core."""

    ready_seconds: float
    writes: Mapping[str, int]
    lease_writes: int
    resident: tuple[float, float]
    cpu_percent: tuple[float, float]
    seconds: float


def run(options: Options) -> Outcome:
    """Measure an idle operator; in long mode over a whole planning period."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="quiet", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    found = measured()
    return Outcome(
        suite="quiet",
        title=TITLE,
        seed=options.seed,
        counts={
            "nodes": NODES,
            "seconds_to_ready": round(found.ready_seconds, 1),
            "MiB": round(found.resident[0], 1),
            "MiB_of_the_solver": round(found.resident[1], 1),
            "percent_of_a_core": round(sum(found.cpu_percent), 2),
            "quiet_seconds": round(found.seconds),
            "writes": sum(found.writes.values()),
            "renewals_of_the_Lease": found.lease_writes,
        },
        violations=violations(found),
        figures={"idle": str(found)},
    )


def violations(found: Idle) -> list[str]:
    """Every figure that is beyond its limit."""
    limits = [
        ("seconds to ready", found.ready_seconds, READY_LIMIT_SECONDS),
        ("MiB resident", found.resident[0], MEMORY_LIMIT_MEBIBYTES),
        ("MiB of the solver", found.resident[1], CHILD_LIMIT_MEBIBYTES),
        ("% of a core, idle", sum(found.cpu_percent), CPU_LIMIT_PERCENT),
        (f"writes in quiet ({dict(found.writes)})", float(sum(found.writes.values())), 0.0),
    ]
    return [f"{value:.1f} {what}, at most {limit:g} are allowed" for what, value, limit in limits if value > limit]


def measured() -> Idle:
    """Start everything, let it settle, and look at it for two minutes within one planning period."""
    start = policy(planningPeriodSeconds=PERIOD_SECONDS)
    with real_cluster(
        nodes=WITH_MACHINES,
        more_nodes=NODES - WITH_MACHINES,
        grace_seconds=50,
        policy=start,
        scrape_seconds=5.0,
        more_sleep=True,
    ) as world:
        operator = world.operator("a")
        operator.start()
        ready = operator.wait_ready()
        _settle(world)
        before, begun, written = operator.cpu_seconds(), time.monotonic(), len(world.operator_writes())
        _pass(QUIET_SECONDS)
        seconds = time.monotonic() - begun
        after, writes = operator.cpu_seconds(), world.operator_writes()[written:]
        return _idle(operator, ready, writes, before, after, seconds)


def _idle(
    operator: Operator,
    ready: float,
    writes: list[dict[str, Any]],
    before: tuple[float, float],
    after: tuple[float, float],
    seconds: float,
) -> Idle:
    kinds = [write["objectRef"]["resource"] for write in writes]
    others = [kind for kind in kinds if kind != "leases"]
    percent = [100.0 * (end - start) / seconds for start, end in zip(before, after, strict=True)]
    return Idle(
        ready_seconds=ready,
        writes={kind: others.count(kind) for kind in sorted(set(others))},
        lease_writes=kinds.count("leases"),
        resident=operator.resident_mebibytes(),
        cpu_percent=(percent[0], percent[1]),
        seconds=seconds,
    )


def _settle(world: RealWorld) -> None:
    """Until nothing has been written for a while, and the period in force lasts long enough."""

    def is_settled() -> bool:
        now = time.time()
        writes = [w for w in world.operator_writes() if w["objectRef"]["resource"] != "leases"]
        age = now % PERIOD_SECONDS
        if len(writes) != seen[0]:
            seen[:] = [len(writes), now]
        lasts = SETTLED_SECONDS < age < PERIOD_SECONDS - QUIET_SECONDS - SETTLED_SECONDS
        return lasts and now - seen[1] > SETTLED_SECONDS

    seen = [0.0, time.time()]
    world.wait(is_settled, 2.0 * PERIOD_SECONDS, "nothing is written any more")


def _pass(seconds: float) -> None:
    """Let real time pass: this is the measurement, not a wait for something."""
    time.sleep(seconds)
