"""R9, the drain table: every kind of pod, budget and cordon before the real eviction API and disruption controller."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from support.faults.outcome import Options, Outcome
from support.guards.drain_table import CASES, OWN, Case
from support.real.audit_process import audited
from support.real.cluster import ENERGY_NODES, RealWorld, is_marked, obstacle, power_state, real_cluster
from support.real.objects import energy_node, policy

TITLE = "R9 drain table"
DRAIN_SECONDS = 25
UNCORDON_SECONDS = 30
PATIENCE_SECONDS = 120.0
FILLERS = 18
MANY_AT_ONCE = " I14 cluster: "
"""Five writes a second in all are meant for one node in transition, not for all cases at once."""
BUDGETS = {
    "nodesInTransition": len(CASES),
    "maximumAsleepNodes": len(CASES),
    "dwellSeconds": 600,
    "drainTimeoutSeconds": DRAIN_SECONDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A case on its node; `uids` are the pods that were there before."""

    case: Case
    node: str
    uids: frozenset[str]


def run(options: Options) -> Outcome:
    """All cases side by side, once or three times."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="drain", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    found: list[str] = []
    slowest = 0.0
    rounds = 3 if options.long else 1
    for number in range(rounds):
        wrong, seconds = side_by_side(CASES)
        found += [f"round {number + 1}: {line}" for line in wrong]
        slowest = max(slowest, seconds)
    return Outcome(
        suite="drain",
        title=TITLE,
        seed=options.seed,
        counts={"cases": len(CASES) * rounds},
        violations=found,
        worst_recovery_seconds=slowest,
    )


def side_by_side(cases: Sequence[Case]) -> tuple[list[str], float]:
    """What was wrong, and the longest time from a drain's beginning to a node without our marks.

    Cases that come as far as a drain have a machine of their own; the others share one.
    """
    ordered = sorted(cases, key=lambda case: case.stays is not None)
    moved = sum(case.stays is None for case in cases)
    start = policy(sleep=False, budgets=BUDGETS, planningPeriodSeconds=300)
    with real_cluster(nodes=moved, more_nodes=len(cases) - moved + FILLERS, policy=start, energy_nodes=False) as world:
        for name in world.names[: len(cases)]:
            world.create(energy_node(name))
        with audited(world) as audit:
            trials = [_prepared(world, case, node) for case, node in zip(ordered, world.names, strict=False)]
            with _node_name(next((trial.node for trial in trials if trial.case.name == OWN), "elsewhere")):
                operator = world.operator("a")
                operator.start()
            operator.wait_ready()
            for trial in trials:
                world.hold(trial.node, "Asleep")
            _watch(world, trials)
            found = [f"{trial.case.name}: {why}" for trial in trials for why in _wrong(world, trial)]
            slowest = max(_drain_seconds(world, trial.node) for trial in trials)
        told = [line for line in audit.violations() if MANY_AT_ONCE not in line]
        return [*found, *told, *_unjudged(audit.judged())], slowest


def _unjudged(results: dict[str, str]) -> Iterator[str]:
    """The auditor must have seen the drains, or its silence says nothing."""
    for invariant in ("I1", "I2", "I3", "I5", "I6", "I7", "I9", "I15"):
        if results.get(invariant) not in ("held", "broken"):
            yield f"auditor: {invariant} was {results.get(invariant)}"


def _prepared(world: RealWorld, case: Case, node: str) -> Trial:
    case.prepare(world, node)
    pods = world.items(f"/api/v1/pods?fieldSelector=spec.nodeName={node}")
    return Trial(case=case, node=node, uids=frozenset(pod["metadata"]["uid"] for pod in pods))


@contextmanager
def _node_name(node: str) -> Iterator[None]:
    """The operator believes to run on this node."""
    before = os.environ.get("NODE_NAME")
    os.environ["NODE_NAME"] = node
    try:
        yield
    finally:
        os.environ.pop("NODE_NAME") if before is None else os.environ.update(NODE_NAME=before)


def _watch(world: RealWorld, trials: list[Trial]) -> None:
    """Play the others' part until every case has come to its end, or patience has."""
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_SECONDS:
        for trial in trials:
            if trial.case.meanwhile is not None:
                trial.case.meanwhile(world, trial.node)
        if time.monotonic() - begun > 15 and all(_is_over(world, trial) for trial in trials):
            return
        time.sleep(0.5)


def _is_over(world: RealWorld, trial: Trial) -> bool:
    return not list(_wrong_outcome(world, trial))


def _wrong(world: RealWorld, trial: Trial) -> Iterator[str]:
    yield from _wrong_outcome(world, trial)
    if trial.case.check is not None and (why := trial.case.check(world, trial.node)) is not None:
        yield why
    left = {pod["metadata"]["uid"] for pod in world.items(f"/api/v1/pods?fieldSelector=spec.nodeName={trial.node}")}
    if (trial.case.stays or trial.case.rolls_back) and not trial.uids <= left:
        yield "a pod is gone although the node stayed awake"


def _wrong_outcome(world: RealWorld, trial: Trial) -> Iterator[str]:
    body = world.admin.get(f"{ENERGY_NODES}/{trial.node}").body
    node = world.admin.get(f"/api/v1/nodes/{trial.node}").body
    state, last = power_state(body), (body.get("status") or {}).get("lastTransition") or {}
    if trial.case.sleeps:
        if state != "Asleep" or world.machines[trial.node].output:
            yield f"is {state} ({last.get('reason')}: {last.get('message')}) and should sleep; {_sleepable(body)}"
        return
    if state != "Awake" or is_marked(node) or world.journal.switches(trial.node):
        yield f"is {state} with marks: {is_marked(node)}, and should be awake"
    if trial.case.stays is not None:
        if trial.case.stays not in _sleepable(body):
            yield f"should say {trial.case.stays}, says {_sleepable(body)}"
        if last.get("to"):
            yield f"was touched: {last}"
    elif last.get("reason") != trial.case.rolls_back:
        yield f"should have been rolled back by {trial.case.rolls_back}, was by {last}"
    elif _drain_seconds(world, trial.node) > DRAIN_SECONDS + UNCORDON_SECONDS:
        yield f"kept its cordon for {_drain_seconds(world, trial.node):.0f} s"


def _sleepable(body: dict[str, Any]) -> str:
    conditions = (body.get("status") or {}).get("conditions") or []
    return next((f"{one['reason']}: {one['message']}" for one in conditions if one["type"] == "Sleepable"), "nothing")


def _drain_seconds(world: RealWorld, node: str) -> float:
    """From the first to the last write of the operator to the Node of a node that is awake again; 0 without both."""
    writes = [w for w in world.operator_writes() if (w.get("objectRef") or {}).get("resource") == "nodes"]
    times = [_seconds(w["stageTimestamp"]) for w in writes if w["objectRef"].get("name") == node]
    return times[-1] - times[0] if len(times) > 1 else 0.0


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
