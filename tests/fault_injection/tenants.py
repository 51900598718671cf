"""Suite R25: tenants put whatever the API server lets through before the operator, and take it away again.

A real operator with the chart's rights and policies on a real API server. Objects of every kind that a tenant may make
come and go, coordinators answer with spoilt documents, and between them a person orders a sleeping node awake: the
relay must be told within ten seconds, whatever tenants do. No object may end a pass, and none the process.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field

import pytest

from support.faults.outcome import Options, Outcome
from support.faults.scene import audit_violations, switchable
from support.faults.tenants import FOREIGN, HOME, LISTED, Tenants, coordinators
from support.real.audit_process import audited
from support.real.cluster import RealWorld, real_cluster
from support.real.journal import duplicates, fencing
from support.real.objects import policy
from support.real.operator_process import Operator

TITLE = "R25 tenants"
NODES = 3
OBJECTS, LONG_OBJECTS = 60, 5000
BETWEEN_WAKES = 20
"""Objects between two orders to wake."""
WAKE_SECONDS = 10.0
PATIENCE_SECONDS, ASLEEP_SECONDS = 20.0, 90.0
"""Until a node sleeps, among tenants and after they have gone."""
BUDGETS = {"nodesInTransition": 8, "maximumAsleepNodes": 8}


@dataclass(slots=True, kw_only=True)
class Findings:
    """Seconds from every order to the relay's, and what went wrong."""

    wakes: list[float] = field(default_factory=list)
    purges: int = 0
    failed_passes: int = 0
    contained: int = 0
    violations: list[str] = field(default_factory=list)


def run(options: Options) -> Outcome:
    """Sixty objects, or five thousand with the release figures."""
    return attempt(options, LONG_OBJECTS if options.long else OBJECTS)


def attempt(options: Options, objects: int) -> Outcome:
    """So many objects on a cluster of their own."""
    dice, found = random.Random(options.seed), Findings()
    start = policy(budgets=BUDGETS, planningPeriodSeconds=60, namespaces=[HOME, LISTED])
    try:
        with real_cluster(nodes=NODES, more_nodes=NODES, policy=start) as world:
            world.training.close()  # coordinators of this suite answer otherwise
            tenants = Tenants(world=world, dice=dice)
            with audited(world) as audit, coordinators(world, random.Random(options.seed)) as said:
                _live(world, tenants, objects, found)
            found.violations += audit_violations(audit)
    except pytest.skip.Exception as skipped:
        return Outcome(suite="tenants", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=str(skipped))
    return _outcome(options, tenants, found, dict(said))


def _live(world: RealWorld, tenants: Tenants, objects: int, found: Findings) -> None:
    operator = world.operator("a")
    operator.start()
    operator.wait_ready()
    tenants.prepare()
    for node in switchable(world):
        world.hold(node, "Asleep")
    while tenants.objects < objects:
        for _ in range(BETWEEN_WAKES):
            tenants.act()
        _wake_one(world, tenants, found)
    tenants.leave()
    found.violations += _afterwards(world, operator, found)


def _wake_one(world: RealWorld, tenants: Tenants, found: Findings) -> None:
    """A person orders a node awake that sleeps; afterwards it may sleep again.

    Tenants may keep every node awake for a while, by their data and their pods; without them one sleeps.
    """
    if not _sleeps(world, PATIENCE_SECONDS):
        found.purges += 1
        tenants.leave()
        if not _sleeps(world, ASLEEP_SECONDS):
            found.violations.append(f"no node sleeps without tenants: {world.power_states()}")
            return
    node = world.asleep()[0]
    machine, begun = world.machines[node], time.monotonic()
    world.hold(node, "Awake")
    try:
        world.wait(lambda: machine.output, 60.0, f"the relay of {node} is switched on")
    except TimeoutError as late:
        found.violations.append(str(late))
    seconds = time.monotonic() - begun
    found.wakes.append(seconds)
    if seconds > WAKE_SECONDS:
        found.violations.append(f"{node} was ordered awake and switched on {seconds:.1f} s later")
    world.hold(node, "Asleep")


def _sleeps(world: RealWorld, seconds: float) -> bool:
    """Whether a node sleeps within so many seconds."""
    try:
        world.wait(world.asleep, seconds, "a node sleeps")
    except TimeoutError:
        return False
    return True


def _afterwards(world: RealWorld, operator: Operator, found: Findings) -> list[str]:
    """What the operator's own words, its health and the relays say at the end."""
    lines = [json.loads(line) for line in operator.log.read_text("utf-8").splitlines() if line.startswith("{")]
    failed = [line for line in lines if line.get("message") == "Failed pass"]
    found.failed_passes = len(failed)
    found.contained = sum(str(line.get("message", "")).startswith("Failed ") for line in lines) - len(failed)
    wrong = [f"a pass ended: {str(line.get('exception', line))[-300:]}" for line in failed]
    if operator.exits or not operator.alive:
        wrong.append("the process ended")
    elif operator.page("healthz")[0] != 200:
        wrong.append(f"healthz: {operator.page('healthz')[1][:300]}")
    switches = world.journal.switches()
    return [*wrong, *duplicates(switches), *fencing(switches)]


def _outcome(options: Options, tenants: Tenants, found: Findings, said: dict[str, int]) -> Outcome:
    return Outcome(
        suite="tenants",
        title=TITLE,
        seed=options.seed,
        counts={
            "objects": tenants.objects,
            "refused_by_the_server": sum(tenants.refused.values()),
            "answers_of_coordinators": sum(said.values()),
            "orders_to_wake": len(found.wakes),
            "times_without_a_sleeper": found.purges,
            "late_wakes": sum(seconds > WAKE_SECONDS for seconds in found.wakes),
            "passes_ended_by_an_object": found.failed_passes,
            "failures_at_their_object": found.contained,
        },
        violations=found.violations,
        worst_recovery_seconds=max(found.wakes, default=None),
        figures={
            "made": dict(tenants.made),
            "refused": dict(tenants.refused),
            "answers": said,
            "namespaces": [HOME, LISTED, FOREIGN],
            "wake_seconds": found.wakes,
        },
    )
