"""Suite R7: a storm of restarts on fifty nodes while machines sleep and wake and jobs train.

The operator is a process of its own before a real API server. It is killed, asked to end, and stopped for a while and
let go on, at times that a seed chooses, mostly in the middle of a power operation. No job may be lost, no relay may be
asked twice for one operation, and after each restart the first plan must stand within fifteen seconds.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from signal import Signals
from typing import Any

from support.faults.outcome import Options, Outcome
from support.real import objects as real_objects
from support.real.audit_process import audited
from support.real.cluster import RealWorld, obstacle, real_cluster
from support.real.journal import duplicates, fencing
from support.real.operator_process import Operator

TITLE = "R7 restart storm"
RESTARTS = 40
LONG_RESTARTS = 200
MACHINES = 4
NODES = 50
DECISION_LIMIT_SECONDS = 15.0
RATE = "I14"
"""How often an object is written is a promise of a process that lives; one that starts writes what it found out, so
findings about it are counted here and are no violations."""
HASTY_SHARE = 0.5
"""Of the restarts, those whose next disruption does not wait for a first plan."""
SETTLE_SECONDS = 240.0
PERIOD_SECONDS = 120
JOBS = {"digits": ["pi-01", "pi-02"], "letters": ["pi-03"]}
PLANNED = "Planned period"


@dataclass(slots=True)
class Storm:
    """What a storm did and found."""

    kinds: Counter[str] = field(default_factory=Counter)
    decisions: list[float] = field(default_factory=list)
    in_transition: int = 0
    decision_limit_seconds: float = DECISION_LIMIT_SECONDS
    violations: list[str] = field(default_factory=list)


def run(options: Options) -> Outcome:
    """Restart forty times, in long mode two hundred times."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="restarts", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    begun = time.monotonic()
    restarts = LONG_RESTARTS if options.long else RESTARTS
    with real_cluster(nodes=MACHINES, more_nodes=NODES - MACHINES, policy=desired_policy()) as world:
        with audited(world) as audit:
            storm = stormed(world, random.Random(options.seed), restarts)
        found = audit.violations()
        often = [line for line in found if f" {RATE} " in line]
        storm.violations += [line for line in found if line not in often]
        switches = world.journal.switches()
    return Outcome(
        suite="restarts",
        title=TITLE,
        seed=options.seed,
        counts={
            "restarts": restarts,
            **dict(sorted(storm.kinds.items())),
            "in_the_middle_of_an_operation": storm.in_transition,
            "nodes": NODES,
            "power_actions": len(switches),
            "jobs": len(JOBS),
            "findings_about_write_rates": len(often),
            "seconds": round(time.monotonic() - begun),
        },
        violations=storm.violations,
        worst_recovery_seconds=max(storm.decisions, default=None),
        figures={
            "first_decision_seconds": storm.decisions,
            "switches": switches,
            "write_rates": often,
            "auditor": audit.judged(),
        },
    )


def desired_policy() -> dict[str, Any]:
    """A policy under which one of fifty nodes is worth a sleep, and records are written no oftener than they may be."""
    return real_objects.policy(minimumGainPercent=0, planningPeriodSeconds=PERIOD_SECONDS)


def stormed(
    world: RealWorld, chance: random.Random, restarts: int, *, decision_limit_seconds: float = DECISION_LIMIT_SECONDS
) -> Storm:
    """Start everything, restart so often, let it settle, and say what was wrong."""
    storm, operator = Storm(decision_limit_seconds=decision_limit_seconds), world.operator("a")
    operator.start()
    operator.wait_ready()
    for name, homes in JOBS.items():
        world.create(real_objects.training_job(name, homes, rounds=2 * restarts))
    world.wait(lambda: len(coordinators(world)) == len(JOBS), 60.0, "every job has a coordinator")
    before = coordinators(world)
    for number in range(1, restarts + 1):
        world.allow_asleep(number % 3)
        storm.in_transition += world.wait_on_the_way(5.0)
        time.sleep(chance.uniform(0.0, 3.0))  # the seed's time of the disruption
        _strike(storm, world, operator, chance, number)
    _settle(storm, world, before, restarts)
    return storm


def _strike(storm: Storm, world: RealWorld, operator: Operator, chance: random.Random, number: int) -> None:
    """One disruption, and the restart after it."""
    kind = chance.choice((Signals.SIGKILL, Signals.SIGTERM, Signals.SIGSTOP))
    storm.kinds[kind.name.removeprefix("SIG").lower()] += 1
    if kind is Signals.SIGSTOP:
        operator.send(Signals.SIGSTOP)
        time.sleep(chance.uniform(1.0, 20.0))  # for longer and shorter than the Lease lasts
        operator.send(Signals.SIGCONT)
        return
    (operator.kill if kind is Signals.SIGKILL else operator.terminate)()
    operator.start()
    if chance.random() < HASTY_SHARE:
        storm.kinds["while_it_starts"] += 1
        return
    try:
        world.wait(lambda: operator.first_said(PLANNED) is not None, 60.0, "a first plan")
    except TimeoutError as late:
        storm.violations.append(f"restart {number} ({kind.name}): {late}")
        return
    seconds = operator.first_said(PLANNED)
    assert seconds is not None
    storm.decisions.append(round(seconds, 2))
    if seconds > storm.decision_limit_seconds:
        storm.violations.append(f"restart {number} ({kind.name}): the first plan took {seconds:.1f} s")


def _settle(storm: Storm, world: RealWorld, before: dict[str, str], restarts: int) -> None:
    """Everybody awake again, all jobs done, nothing of ours left, and nothing asked twice."""
    world.allow_asleep(0)
    try:
        world.wait_asleep(0, SETTLE_SECONDS)
        world.wait(lambda: not world.marked() and not world.not_ready(), 60.0, "all nodes Ready, no mark left")
        limit = SETTLE_SECONDS + 2.0 * restarts * (world.training.round_seconds + 2.0)
        world.wait(lambda: all(map(is_complete, jobs(world))), limit, "every job Complete")
    except TimeoutError as late:
        storm.violations.append(str(late))
    if coordinators(world).keys() != before.keys():
        storm.violations.append(f"coordinators were {before}, are {coordinators(world)}")
    for job in jobs(world):
        if not is_complete(job):
            storm.violations.append(f"{job['metadata']['name']} is lost: {job.get('status')}")
    storm.violations += duplicates(world.journal.switches())
    storm.violations += fencing(world.journal.switches())


def jobs(world: RealWorld) -> list[dict[str, Any]]:
    """All training jobs."""
    return world.items("/apis/sunward.dev/v1alpha1/namespaces/default/trainingjobs")


def is_complete(job: dict[str, Any]) -> bool:
    """Whether a job says that it has trained all its rounds."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)


def coordinators(world: RealWorld) -> dict[str, str]:
    """Name and UID of every coordinator's pod."""
    pods = world.items("/api/v1/namespaces/default/pods?labelSelector=sunward.dev/component=coordinator")
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}
