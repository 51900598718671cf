"""The partial disruption drill: twelve nodes, many wanted asleep, one really dead: its pods must move.

Kubernetes takes a sleeping node for a failed one, and from 55 % failed nodes of a zone it stops moving pods off nodes
that really failed. The drill runs both ways before the real node lifecycle controller: the operator as it is, and the
same operator with its limit of sleeping nodes taken out, which must fail, or the limit would prove nothing. Then ten
sleep: in a cluster that is set up for it and says so, and in one of which only the policy claims it, which must fail.
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
MANY_ASLEEP = 10
THRESHOLD_PERCENT = 95
PODS = 5
LEAVE_SECONDS = 5
PATIENCE_SECONDS = 90.0
WITHOUT_LIMIT = (
    "-c",
    "from sunward.domain import eviction; eviction.HARMLESS_NODES = 1000; from sunward.cli.main import main; main()",
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
    set_up, claimed = many_asleep(is_configured=True), many_asleep(is_configured=False)
    return Outcome(
        suite="drill",
        title=TITLE,
        seed=options.seed,
        counts={
            "nodes": NODES,
            "asleep_with_the_limit": bound.most_asleep,
            "asleep_without": free.most_asleep,
            "pods_of_the_dead_node": bound.lost_pods,
            "asleep_with_the_setting": set_up.most_asleep,
        },
        violations=[*violations(bound, free), *of_the_setting(set_up, claimed)],
        worst_recovery_seconds=bound.moved_after_seconds,
        figures={
            "with_limit": str(bound),
            "without_limit": str(free),
            "with_setting": str(set_up),
            "setting_only_claimed": str(claimed),
        },
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


def of_the_setting(set_up: Drill, claimed: Drill) -> list[str]:
    """What ten sleepers must show where the cluster bears them, and where only the policy says so."""
    found = [
        f"{one.most_asleep} nodes slept instead of {MANY_ASLEEP} {how}"
        for how, one in (("with the setting", set_up), ("without it", claimed))
        if one.most_asleep != MANY_ASLEEP
    ]
    if set_up.moved_after_seconds is None:
        found.append("with the setting the pods of the dead node did not move")
    if claimed.moved_after_seconds is not None or claimed.tainted:
        found.append("without the setting the pods moved all the same")
    return found


def many_asleep(*, is_configured: bool, patience_seconds: float = PATIENCE_SECONDS) -> Drill:
    """Ten of twelve nodes asleep, the server and one worker left, and the worker dies.

    A cluster that is configured says so as k3s does; of another one the policy claims it.
    """
    percent = THRESHOLD_PERCENT if is_configured else None
    budgets = {"nodesInTransition": 12, "maximumAsleepNodes": MANY_ASLEEP, "minimumAwakeNodes": 1}
    word = {} if is_configured else {"unhealthyZoneThresholdPercent": THRESHOLD_PERCENT}
    flags = ("--kube-controller-manager-arg", f"unhealthy-zone-threshold={THRESHOLD_PERCENT / 100}")
    start = policy(budgets=budgets | word)
    with real_cluster(nodes=NODES, zone="barn", policy=start, unhealthy_zone_threshold_percent=percent) as world:
        server = world.names[0]
        world.make_server(server, *(flags if is_configured else ()))
        world.operator("a").start()
        _settle(world, MANY_ASLEEP)
        return _with_one_dead(world, spare=server, patience_seconds=patience_seconds)


def drill(program: Sequence[str]) -> Drill:
    """Let the operator put nodes to sleep, break one of those that work, and watch its pods."""
    start = policy(budgets={"nodesInTransition": 12, "maximumAsleepNodes": WANTED_ASLEEP, "minimumAwakeNodes": 3})
    with real_cluster(nodes=NODES, zone="barn", policy=start) as world:
        operator = world.operator("a", program=program)
        operator.start()
        _settle(world, WANTED_ASLEEP if program is not PROGRAM else NODES // 2)
        return _with_one_dead(world, spare="", patience_seconds=PATIENCE_SECONDS)


def _settle(world: RealWorld, asleep: int) -> None:
    """Until so many nodes sleep and Kubernetes has noticed all of them."""
    world.wait_asleep(asleep, 120.0)
    world.wait(lambda: len(world.not_ready()) == asleep, 60.0, f"{asleep} nodes NotReady")


def _with_one_dead(world: RealWorld, *, spare: str, patience_seconds: float) -> Drill:
    """Some pods, and the death of a node that runs some of them; `spare` does not die."""
    world.deploy("web", PODS, leave_seconds=LEAVE_SECONDS)
    most = len(world.asleep())
    victim = next(pod["spec"]["nodeName"] for pod in world.running_pods("web") if pod["spec"]["nodeName"] != spare)
    lost = len(world.pods_on(victim, "web"))
    world.machines[victim].die()
    moved = _moved(world, victim, patience_seconds)
    return Drill(
        most_asleep=most,
        lost_pods=lost,
        moved_after_seconds=moved,
        tainted=_is_tainted(world, victim),
        asleep_at_end=len(world.asleep()),
    )


def _moved(world: RealWorld, victim: str, patience_seconds: float) -> float | None:
    """Seconds until every pod of the dead node has a running successor elsewhere; None when patience ends."""
    begun = time.monotonic()
    try:
        world.wait(lambda: _away(world, victim), patience_seconds, "all pods run on living nodes")
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
