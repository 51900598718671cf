"""Suite R16: two operators with one Lease; the leader is killed, ended, stopped, or cut off from the Lease.

Both are processes of their own with clocks a minute ahead and behind. Whenever machines are on their way to sleep or
up again the leader is struck; the other must lead within thirty seconds and finish what it finds, and no relay may be
asked twice for one operation, nor by a leader of the past: one that was stopped goes on when another leads.
With every disruption a person changes what may sleep, some twenty seconds apart. The auditor's limit of write rates is
meant for ordinary life, so its findings are counted here; instead no object may be written more often than the
disruptions explain.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from signal import Signals
from typing import Any

from support.chart import NAMESPACE
from support.faults.kinds import Fault, Kind
from support.faults.outcome import Options, Outcome
from support.faults.proxy import FaultProxy
from support.real.audit_process import audited
from support.real.cluster import RealWorld, obstacle, real_cluster
from support.real.journal import duplicates, fencing
from support.real.objects import policy
from support.real.operator_process import Operator, faketime

TITLE = "R16 two replicas"
FAIL_OVERS = 10
LONG_FAIL_OVERS = 40
LIMIT_SECONDS = 30.0
CLOCK_SECONDS = 60.0
PERIOD_SECONDS = 120
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/sunward-operator"
RATE = "I14"
WRITES_PER_DISRUPTION = 5
"""Of one object: what it says after the new wish, after the old leader's end and the new one's start, and two records
of an operation. 2.7 were measured on the object that was written most; leaders that undo each other's words have no
such limit."""
DISRUPTIONS = ("killed", "ended", "stopped", "without_the_Lease")


@dataclass(slots=True)
class Replica:
    """An operator and its own way to the API server."""

    operator: Operator
    proxy: FaultProxy


@dataclass(slots=True)
class Contest:
    """What happened to the leaders."""

    disruptions: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    in_transition: int = 0
    violations: list[str] = field(default_factory=list)


def run(options: Options) -> Outcome:
    """Ten fail-overs, in long mode forty."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="leaders", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    count = LONG_FAIL_OVERS if options.long else FAIL_OVERS
    ahead = CLOCK_SECONDS if faketime() is not None else 0.0
    with real_cluster(nodes=4, policy=policy(planningPeriodSeconds=PERIOD_SECONDS)) as world:
        with audited(world) as audit:
            contest = contested(world, random.Random(options.seed), count, ahead)
        found = audit.violations()
        often = [line for line in found if f" {RATE} " in line]
        contest.violations += [line for line in found if line not in often]
        switches = len(world.journal.switches())
    return Outcome(
        suite="leaders",
        title=TITLE,
        seed=options.seed,
        counts={
            "fail_overs": len(contest.seconds),
            **dict(sorted(contest.disruptions.items())),
            "in_the_middle_of_an_operation": contest.in_transition,
            "seconds_of_clock_ahead_and_behind": ahead,
            "power_actions": switches,
            "findings_about_write_rates": len(often),
        },
        violations=contest.violations,
        worst_recovery_seconds=max(contest.seconds, default=None),
        figures={"fail_over_seconds": contest.seconds, "write_rates": often, "auditor": audit.judged()},
    )


def contested(world: RealWorld, chance: random.Random, count: int, ahead: float) -> Contest:
    """Strike the leader so often, let it settle, and say what was wrong."""
    contest = Contest()
    disruptions = [DISRUPTIONS[number % len(DISRUPTIONS)] for number in range(count)]
    chance.shuffle(disruptions)
    with replicas(world, ahead) as pair:
        for number, disruption in enumerate(disruptions, start=1):
            world.allow_asleep(chance.choice((0, 1, 2)))
            contest.in_transition += world.wait_on_the_way(25.0)
            _strike(contest, world, pair, f"{number} {disruption}", disruption)
        world.allow_asleep(0)
        try:
            world.wait_asleep(0, 240.0)
        except TimeoutError as late:
            contest.violations.append(str(late))
    contest.violations += duplicates(world.journal.switches())
    contest.violations += fencing(world.journal.switches())
    contest.violations += unexplained(world.operator_writes(), count)
    return contest


def unexplained(writes: Sequence[Mapping[str, Any]], disruptions: int) -> list[str]:
    """Our objects that were written more often than so many disruptions explain, from entries of the audit log."""
    answered = [write for write in writes if write["responseStatus"]["code"] < 300]
    objects = [write["objectRef"] for write in answered if write["objectRef"].get("apiGroup") == "sunward.dev"]
    counts = Counter(f"{one['resource']} {one.get('name', '')}".rstrip() for one in objects)
    most = WRITES_PER_DISRUPTION * (disruptions + 1)
    return [
        f"{what}: written {n} times in {disruptions} disruptions, at most {most}"
        for what, n in counts.items()
        if n > most
    ]


@contextmanager
def replicas(world: RealWorld, ahead: float) -> Iterator[dict[str, Replica]]:
    """Two operators, one with a clock ahead and one behind, ready, and one of them leading."""
    with ExitStack() as stack:
        pair = {}
        for name, seconds in (("a", ahead), ("b", -ahead)):
            proxy = stack.enter_context(FaultProxy(world.plane.api.server, world.plane.api.context))
            operator = world.operator(name, server=proxy.url, clock_ahead_seconds=seconds)
            pair[name] = Replica(operator, proxy)
            operator.start()
        for replica in pair.values():
            replica.operator.wait_ready()
        world.wait(lambda: holder(world) in pair, 60.0, "somebody leads")
        yield pair


def holder(world: RealWorld) -> str:
    """Who leads by the Lease; empty when nobody does."""
    answer = world.admin.get(LEASE)
    return str(answer.body["spec"].get("holderIdentity") or "") if answer.code == 200 else ""


def _strike(contest: Contest, world: RealWorld, pair: dict[str, Replica], case: str, disruption: str) -> None:
    """One disruption at the leader; it comes back when the other leads."""
    world.wait(lambda: holder(world) in pair, 60.0, "somebody leads")
    old = holder(world)
    leader = pair[old]
    contest.disruptions[disruption] += 1
    with ExitStack() as back:
        _disrupt(back, leader, disruption)
        try:
            took = world.wait(lambda: holder(world) not in (old, ""), 90.0, f"{case}: another leader than {old}")
        except TimeoutError as late:
            contest.violations.append(str(late))
            return
    contest.seconds.append(round(took, 2))
    if took > LIMIT_SECONDS:
        contest.violations.append(f"{case}: another led only after {took:.1f} s")
    leader.operator.wait_ready()


def _disrupt(back: ExitStack, leader: Replica, disruption: str) -> None:
    """Do it, and leave on the stack what brings the old leader back."""
    operator = leader.operator
    if disruption == "stopped":
        operator.send(Signals.SIGSTOP)
        back.callback(operator.send, Signals.SIGCONT)
    elif disruption == "without_the_Lease":
        fault = Fault(kind=Kind.INTERNAL, hits=lambda ask: ask.plural == "leases")
        back.enter_context(leader.proxy.broken(fault))
    else:
        (operator.kill if disruption == "killed" else operator.terminate)()
        back.callback(operator.start)
