"""One machine as the operator meets it: physics, relay, kubelet, meters and the pods of others.

Knows no plan and no job. It is told to switch, to cordon and to evict, and says what can be seen of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunward.domain.nodes import NodeRecord, NodeSpec, NodeView, PowerState
from sunward.domain.pods import PodFacts
from sunward.domain.steps import PowerReading
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation import snapshots
from sunward.simulation.machine import Ran, balanced
from sunward.simulation.world import Flows, Inputs, NodeModel, NodeState, Power, step, switch_off, switch_on

KUBELET_GRACE = timedelta(seconds=50)
"""Kubernetes calls a node Ready for so long after its last sign of life."""


@dataclass(slots=True, kw_only=True)
class Machine:
    """A node's hardware and its Node object; times are aware, energies watt-hours of the present period."""

    spec: NodeSpec
    model: NodeModel
    state: NodeState
    ready_since: datetime
    last_alive: datetime
    record: NodeRecord = field(default_factory=NodeRecord)
    ready: bool = True
    unschedulable: bool = False
    is_dead: bool = False
    is_silent: bool = False
    harvest_watts: float = 0.0
    extra_watt_hours: float = 0.0
    awake_seconds: float = 0.0
    wakes: int = 0
    pods: list[PodFacts] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the node."""
        return self.spec.name

    @property
    def is_alive(self) -> bool:
        """Whether its kubelet runs."""
        return not self.is_dead and self.state.power is Power.AWAKE

    @property
    def can_start_work(self) -> bool:
        """Whether a worker may be placed on it, as the operator judges."""
        awake = self.record.power_state is PowerState.AWAKE
        return self.is_alive and self.ready and not self.unschedulable and awake

    @property
    def is_lost(self) -> bool:
        """Believed awake and yet not working."""
        return self.record.power_state is PowerState.AWAKE and not self.ready

    def run(self, seconds: float, busy_ratio: float) -> None:
        """Let time pass; a dead machine draws nothing."""
        if self.is_dead:
            return
        if self.state.power is not Power.ASLEEP:
            self.awake_seconds += seconds
        bare = replace(self.model, battery=None)
        self.state = step(bare, self.state, Inputs(busy_ratio=min(1.0, busy_ratio)), seconds)

    def fail(self, *, dead: bool) -> None:
        """Die, or come back: what has power then boots."""
        if self.is_dead and not dead and self.state.power is not Power.ASLEEP:
            self.state = switch_on(self.model, switch_off(self.state))
        self.is_dead = dead

    def switch(self, *, on: bool) -> None:
        """The relay obeys at once."""
        if on and self.state.power is Power.ASLEEP:
            self.wakes += 1
        self.state = switch_on(self.model, self.state) if on else switch_off(self.state)

    def report(self, now: datetime) -> None:
        """What Kubernetes believes after the kubelet's last sign of life."""
        if self.is_alive:
            self.last_alive = now
            if not self.ready:
                self.ready, self.ready_since = True, now
        elif self.ready and now - self.last_alive >= KUBELET_GRACE:
            self.ready, self.ready_since = False, now

    def view(self, now: datetime) -> NodeView:
        """The node as the operator sees it; the meters of a machine that is off say nothing."""
        battery = self.spec.battery
        ratio = None if battery is None else self.state.stored_watt_hours / battery.capacity_watt_hours
        return NodeView(
            spec=self.spec,
            record=self.record,
            facts=snapshots.node_facts(self.name, self.ready_since, ready=self.ready, unschedulable=self.unschedulable),
            meters=snapshots.meter_facts(
                now,
                watts=self.state.draw_watts,
                harvest_watts=self.harvest_watts,
                stored_ratio=ratio,
                silent=self.is_silent or not self.is_alive,
            ),
            pods=tuple(self.pods),
        )

    def reading(self, now: datetime) -> PowerReading:
        """What its relay proves."""
        on = self.state.power is not Power.ASLEEP
        watts = 0.0 if self.is_dead else self.model.draw_watts(self.state.power, 0.0)
        return PowerReading(is_on=on, watts=watts, time=now)

    def close(self, start_watt_hours: float, harvest_watt_hours: float, hours: float) -> Ran:
        """Balance the period's load against its harvest and begin to count anew."""
        load = self.state.flows.load + self.extra_watt_hours
        start = NodeState(stored_watt_hours=start_watt_hours)
        closed = balanced(self.model, start, load, harvest_watt_hours, hours)
        self.state = replace(self.state, stored_watt_hours=closed.stored_watt_hours, flows=Flows())
        ran = Ran(
            state=self.state,
            flows=closed.flows,
            awake_hours=min(hours, self.awake_seconds / SECONDS_PER_HOUR),
            wakes=self.wakes,
        )
        self.extra_watt_hours, self.awake_seconds, self.wakes = 0.0, 0.0, 0
        return ran


def evict(machine: Machine, pods: Iterable[PodFacts], others: Iterable[Machine]) -> list[PodFacts]:
    """Move pods to whoever has the fewest and can take them; those that fit nowhere stay. Returns what moved."""
    leaving = {pod.uid for pod in pods}
    moved: list[PodFacts] = []
    for pod in [pod for pod in machine.pods if pod.uid in leaving]:
        hosts = [other for other in others if other is not machine and other.can_start_work]
        if not hosts:
            break
        host = min(hosts, key=lambda other: (len(other.pods), other.name))
        machine.pods.remove(pod)
        host.pods.append(replace(pod, node_name=host.name))
        moved.append(pod)
    return moved


def ordinary_pods(node: str, count: int) -> list[PodFacts]:
    """Pods of a Deployment, which a drain may evict."""
    return [
        PodFacts(
            namespace="default",
            name=f"web-{node}-{number}",
            uid=f"uid-web-{node}-{number}",
            node_name=node,
            phase="Running",
            owner_kind="ReplicaSet",
            is_daemon=False,
            is_mirror=False,
            is_terminating=False,
            do_not_disrupt=False,
            uses_local_storage=False,
        )
        for number in range(count)
    ]
