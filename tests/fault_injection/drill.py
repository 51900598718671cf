"""The partial disruption drill: twelve nodes, seven wanted asleep, one really dead: its pods must move.

Kubernetes takes a sleeping node for a failed one, and from 55 % failed nodes of a zone it stops moving pods off nodes
that really failed. The drill runs both ways before the real node lifecycle controller: the operator as it is, and the
same operator with its limit of sleeping nodes taken out, which must fail, or the limit would prove nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from support.faults.outcome import Options, Outcome
from support.real.cluster import RealWorld, obstacle, real_cluster
from support.real.objects import policy
from support.real.operator_process import PROGRAM

TITLE = "partial disruption drill"
NODES = 12
WANTED_ASLEEP = 7
PODS = 5
LEAVE_SECONDS = 5
PATIENCE_SECONDS = 90.0
WITHOUT_LIMIT = (
    "-c",
    "from sunward.planning.guards import budgets; budgets.HARMLESS_NODES = 1000; "
    "from sunward.cli.main import main; main()",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What one way of the drill showed; `moved_after_seconds` is None when the pods never moved."""

    most_asleep: int
    lost_pods: int
    moved_after_seconds: float | None
    tainted: bool
    asleep_at_end: int


def run(options: Options) -> Outcome:
    """Run the drill with the limit and without it."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="drill", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    bound, free = drill(PROGRAM), drill(WITHOUT_LIMIT)
    return Outcome(
        suite="drill",
        title=TITLE,
        seed=options.seed,
        counts={
            "nodes": NODES,
            "asleep_with_the_limit": bound.most_asleep,
            "asleep_without": free.most_asleep,
            "pods_of_the_dead_node": bound.lost_pods,
        },
        violations=list(violations(bound, free)),
        worst_recovery_seconds=bound.moved_after_seconds,
        figures={"with_limit": str(bound), "without_limit": str(free)},
    )


def violations(bound: Drill, free: Drill) -> list[str]:
    """What the two ways must and must not show."""
    found = []
    if bound.most_asleep > NODES // 2:
        found.append(f"{bound.most_asleep} of {NODES} nodes slept with the limit in force")
    if bound.moved_after_seconds is None:
        found.append(f"the pods of the dead node had not moved after {PATIENCE_SECONDS:.0f} s")
    if free.most_asleep != WANTED_ASLEEP:
        found.append(f"without the limit {free.most_asleep} nodes slept instead of {WANTED_ASLEEP}")
    if free.moved_after_seconds is not None:
        found.append(f"without the limit the pods moved all the same, after {free.moved_after_seconds:.0f} s")
    return found


def drill(program: Sequence[str]) -> Drill:
    """Let the operator put nodes to sleep, break one of those that work, and watch its pods."""
    start = policy(budgets={"nodesInTransition": 12, "maximumAsleepNodes": WANTED_ASLEEP, "minimumAwakeNodes": 3})
    with real_cluster(nodes=NODES, zone="barn", policy=start) as world:
        operator = world.operator("a", program=program)
        operator.start()
        aim = WANTED_ASLEEP if program is not PROGRAM else NODES // 2
        world.wait_asleep(aim, 120.0)
        world.wait(lambda: len(world.not_ready()) == aim, 60.0, f"{aim} nodes NotReady")
        world.deploy("web", PODS, leave_seconds=LEAVE_SECONDS)
        most = len(world.asleep())
        victim = world.running_pods("web")[0]["spec"]["nodeName"]
        lost = len(world.pods_on(victim, "web"))
        world.machines[victim].die()
        moved = _moved(world, victim)
        return Drill(
            most_asleep=most,
            lost_pods=lost,
            moved_after_seconds=moved,
            tainted=_is_tainted(world, victim),
            asleep_at_end=len(world.asleep()),
        )


def _moved(world: RealWorld, victim: str) -> float | None:
    """Seconds until every pod of the dead node has a running successor elsewhere; None when patience ends."""
    begun = time.monotonic()
    try:
        world.wait(lambda: _away(world, victim), PATIENCE_SECONDS, "all pods run on living nodes")
    except TimeoutError:
        return None
    return time.monotonic() - begun


def _away(world: RealWorld, victim: str) -> bool:
    """Whether enough pods run elsewhere, and those of the dead node are on their way out."""
    left = [pod for pod in world.pods_on(victim, "web") if not pod["metadata"].get("deletionTimestamp")]
    return not left and len(world.running_pods("web")) >= PODS


def _is_tainted(world: RealWorld, victim: str) -> bool:
    body = world.admin.get(f"/api/v1/nodes/{victim}").body
    return any(taint["effect"] == "NoExecute" for taint in body["spec"].get("taints") or ())
