"""A cluster of machines, relays and Kubernetes nodes in memory, driven by steps and by time.

Independent of the state machine: it performs acts, ages heartbeats as Kubernetes does, and keeps a log of every power
action, so that tests can judge what was done and not what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunward.domain.nodes import NodeRecord, NodeView, PowerState, SleepSpec
from sunward.domain.pods import PodFacts
from sunward.domain.policy import Budgets, PolicySpec
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.guards.registry import GUARDS, Guards
from sunward.planning.sleep.transitions import advance
from support.planning import (
    LONG_AGO,
    NOW,
    a_node,
    a_pod,
    a_policy,
    a_profile,
    a_snapshot,
    a_zone,
    measured,
    some_facts,
    some_meters,
)

BOOT = timedelta(seconds=20)
GRACE = timedelta(seconds=50)
TICK = timedelta(seconds=10)
QUICK = Budgets(dwell_seconds=0.0, warm_up_seconds=0.0, wake_interval_seconds=30.0)


class Crash(Exception):  # it is no error of ours: the process just ends
    """The operator dies here."""


@dataclass(slots=True)
class Machine:
    """One machine behind its relay, and the Node object that speaks of it."""

    name: str
    relay_on: bool = True
    boots: bool = True
    relay_listens: bool = True
    relay_silent: bool = False
    relay_lies_off: bool = False
    boot_done: datetime = LONG_AGO
    last_heartbeat: datetime = NOW
    ready: bool = True
    ready_since: datetime = LONG_AGO
    unschedulable: bool = False
    mark: bool = False
    taint: bool = False
    pods: list[PodFacts] = field(default_factory=list)
    stuck_pods: set[str] = field(default_factory=set)
    record: NodeRecord = field(default_factory=NodeRecord)

    def is_alive(self, now: datetime) -> bool:
        """Whether the kubelet runs."""
        return self.relay_on and self.boots and now >= self.boot_done

    def switch(self, on: bool, now: datetime) -> None:
        """The relay changes its output; a machine that gets power boots."""
        if on and not self.relay_on:
            self.boot_done = now + BOOT
        self.relay_on = on


@dataclass(slots=True)
class FakeCluster:
    """Machines by name, a clock, and what was done to them."""

    names: tuple[str, ...] = ("pi-01", "pi-02", "pi-03", "pi-04")
    policy: PolicySpec = field(default_factory=lambda: a_policy(budgets=QUICK))
    now: datetime = NOW
    token: int = 1
    guards: Guards = field(default_factory=lambda: GUARDS)
    measured: bool = True
    machines: dict[str, Machine] = field(default_factory=dict)
    power_log: list[tuple[str, Act, str, int]] = field(default_factory=list)
    needless_repeats: list[tuple[str, Act, str]] = field(default_factory=list)
    evicted: list[tuple[str, str]] = field(default_factory=list)
    writes: int = 0
    crash_at: int | None = None
    on_pass: Callable[[FakeCluster], None] | None = None

    def __post_init__(self) -> None:
        self.machines = {name: Machine(name=name) for name in self.names}

    def snapshot(self) -> Snapshot:
        """What the operator sees now."""
        return a_snapshot(
            *(self.view(machine) for machine in self.machines.values()),
            policy=self.policy,
            taken_at=self.now,
            operator_started_at=LONG_AGO,
            total_nodes=len(self.machines),
            sensors_available=self.measured,
            intensities={"CLEAN": a_zone("CLEAN", measured(24.0, at=self.now))},
        )

    def view(self, machine: Machine) -> NodeView:
        """One node as the operator sees it."""
        seen_at = self.now if machine.is_alive(self.now) else machine.last_heartbeat
        facts = some_facts(
            machine.name,
            ready=machine.ready,
            ready_since=machine.ready_since,
            unschedulable=machine.unschedulable,
            has_our_cordon_mark=machine.mark,
            has_our_taint=machine.taint,
        )
        return a_node(
            machine.name,
            record=machine.record,
            facts=facts,
            pods=machine.pods,
            meters=some_meters(measured(2.7, at=seen_at), measured(5.0, at=seen_at)),
            power=a_profile(wake_seconds=20.0),
            sleep=SleepSpec(
                driver="Shelly",
                driver_ref=f"relay-{machine.name}",
                minimum_awake_seconds=0.0,
                minimum_asleep_seconds=0.0,
            ),
        )

    def reading(self, machine: Machine) -> PowerReading | None:
        """What the relay says; its meter sees what the machine draws."""
        if machine.relay_silent:
            return None
        says_on = machine.relay_on and not machine.relay_lies_off
        return PowerReading(is_on=says_on, watts=2.7 if machine.relay_on else 0.0, time=self.now)

    def run(self, want_awake: Mapping[str, bool], passes: int = 1) -> tuple[Step, ...]:
        """Passes of the operator with time in between; returns the last pass's steps."""
        steps: tuple[Step, ...] = ()
        for _ in range(passes):
            if self.on_pass is not None:
                self.on_pass(self)
            steps = self.one_pass(want_awake)
            self.tick()
        return steps

    def one_pass(self, want_awake: Mapping[str, bool]) -> tuple[Step, ...]:
        """Observe, decide, and perform every step: record first, then act."""
        power = {name: self.reading(machine) for name, machine in self.machines.items()}
        steps = advance(self.snapshot(), want_awake, power, self.now, fencing_token=self.token, guards=self.guards)
        for step in steps:
            if step.changed:
                self._count_write()
                self.machines[step.node].record = step.record
            if step.act is not Act.NONE:
                self._count_write()
                self._perform(step)
        return steps

    def tick(self, by: timedelta = TICK) -> None:
        """Time passes: kubelets renew or fall silent, evicted pods end."""
        self.now += by
        for machine in self.machines.values():
            machine.pods = [p for p in machine.pods if not p.is_terminating or p.name in machine.stuck_pods]
            if machine.is_alive(self.now):
                machine.last_heartbeat = self.now
                if not machine.ready:
                    machine.ready, machine.ready_since = True, self.now
            elif machine.ready and self.now - machine.last_heartbeat >= GRACE:
                machine.ready, machine.ready_since = False, self.now

    def states(self) -> dict[str, PowerState]:
        """State of every node as recorded."""
        return {name: machine.record.power_state for name, machine in self.machines.items()}

    def restart(self) -> None:
        """A new process takes the Lease."""
        self.token += 1
        self.crash_at = None

    def _perform(self, step: Step) -> None:
        machine = self.machines[step.node]
        match step.act:
            case Act.CORDON:
                if not machine.unschedulable:
                    machine.unschedulable = machine.mark = machine.taint = True
            case Act.UNCORDON:
                if machine.mark:
                    machine.unschedulable = machine.mark = False
                machine.taint = False
            case Act.EVICT:
                self._evict(machine, step.pods)
            case _:
                operation = step.record.operation
                assert operation is not None
                self._log_power(step.node, step.act, operation.id, operation.fencing_token)
                if machine.relay_listens:
                    machine.switch(step.act is Act.POWER_ON, self.now)

    def _log_power(self, node: str, what: Act, operation: str, token: int) -> None:
        """Keep the request; one repeated under the same operation although the relay had obeyed is needless."""
        before = {(name, act, known) for name, act, known, _ in self.power_log}
        obeyed = self.machines[node].relay_on is (what is Act.POWER_ON)
        if (node, what, operation) in before and obeyed:
            self.needless_repeats.append((node, what, operation))
        self.power_log.append((node, what, operation, token))

    def _evict(self, machine: Machine, pods: Iterable[PodFacts]) -> None:
        uids = {pod.uid for pod in pods}
        assert uids <= {pod.uid for pod in machine.pods}
        self.evicted.extend((machine.name, uid) for uid in sorted(uids))
        machine.pods = [replace(p, is_terminating=True) if p.uid in uids else p for p in machine.pods]

    def _count_write(self) -> None:
        """Die just before the chosen write, which is just after the one before it."""
        self.writes += 1
        if self.crash_at is not None and self.writes == self.crash_at:
            raise Crash


def some_pods(count: int) -> list[PodFacts]:
    """Evictable pods."""
    return [a_pod(f"web-{index}") for index in range(count)]
