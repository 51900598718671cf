"""R8, node faults: nodes that die, lie, flap and come back wrong, before the real node lifecycle controller."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from support.faults.outcome import Options, Outcome
from support.guards.node_table import BOOT_SECONDS, STORIES
from support.real.audit_process import audited
from support.real.cluster import RealWorld, obstacle, real_cluster
from support.real.objects import policy

TITLE = "R8 node faults"
FILLERS = 24
MANY_AT_ONCE = " I14 cluster: "
"""Five writes a second in all are meant for one node in transition, not for all stories at once."""
BUDGETS = {
    "nodesInTransition": len(STORIES),
    "maximumAsleepNodes": len(STORIES),
    "dwellSeconds": 600,
    "drainTimeoutSeconds": 60,
    "powerOffTimeoutSeconds": 15,
    "bootTimeoutSeconds": BOOT_SECONDS,
    "wakeRetrySeconds": [3, 3, 3],
}
JUDGED = ("I1", "I2", "I3", "I6", "I7", "I10", "I15")


def run(options: Options) -> Outcome:
    """Every story once, or three times with the release figures."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="nodes", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    rounds = 3 if options.long else 1
    begun = time.monotonic()
    found = [f"round {number + 1}: {line}" for number in range(rounds) for line in _round()]
    return Outcome(
        suite="nodes",
        title=TITLE,
        seed=options.seed,
        counts={"kinds": len(STORIES), "nodes": len(STORIES) * rounds},
        violations=found,
        figures={"seconds": round(time.monotonic() - begun, 1)},
    )


def _round() -> list[str]:
    start = policy(sleep=False, budgets=BUDGETS, planningPeriodSeconds=300)
    with real_cluster(nodes=len(STORIES), more_nodes=FILLERS, policy=start) as world:
        with audited(world) as audit:
            operator = world.operator("a")
            operator.start()
            operator.wait_ready()
            with ThreadPoolExecutor(len(STORIES)) as pool:
                told = pool.map(lambda pair: _told(world, *pair), zip(STORIES, world.names, strict=False))
                found = [line for line in told if line is not None]
            if not operator.alive:
                found.append(f"the operator ended: {operator.log}")
        results = audit.judged()
        found += [
            f"auditor: {one} was {results.get(one)}" for one in JUDGED if results.get(one) not in ("held", "broken")
        ]
        return [*found, *(line for line in audit.violations() if MANY_AT_ONCE not in line)]


def _told(world: RealWorld, name: str, node: str) -> str | None:
    """What was wrong with a story, or None."""
    try:
        STORIES[name](world, node)
    except (AssertionError, TimeoutError) as error:
        return f"{name} ({node}): {error}"
    return None
