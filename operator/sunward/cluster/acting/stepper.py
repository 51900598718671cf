"""Takes every node's step towards its desired state: look once more, write the record, act, report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.access.events import Events, pod_ref
from sunward.cluster.access.lease import Lease
from sunward.cluster.acting import acts, preflight
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.objects.agents import only_agent_differs
from sunward.cluster.ports import Drivers, Reporter
from sunward.cluster.reading.observe import Observation
from sunward.cluster.reading.pod_memory import PodMemory
from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.guards.drain import BlockingPod
from sunward.planning.guards.pending import calls
from sunward.planning.sleep import transitions

Body = dict[str, Any]


SLEEP_ACTS = (Act.CORDON, Act.EVICT, Act.SHUT_DOWN, Act.POWER_OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The desired state: who is to be awake, by node, and what the plan in force has jobs do."""

    awake: Mapping[str, bool]
    directives: Sequence[JobDirective] = ()


UNCERTAIN = frozenset({Reason.API_SERVER_UNAVAILABLE, Reason.WRITE_CONFLICT, Reason.INTERNAL_ERROR})
"""Why it may not be known which record of a node stands: the one that was read, the new one, or another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of a step: the EnergyNode with the record that the step wrote, and why it failed.

    `body` is None where the record of the step is not known to stand.
    """

    body: Body | None = None
    failure: Cause | None = None


class NodeStepper:
    """Remembers nothing but evictions that cannot succeed, and those that were refused just now."""

    def __init__(
        self,
        api: Api,
        lease: Lease,
        drivers: Drivers,
        reporter: Reporter,
        clock: Callable[[], datetime],
        mark_dirty: Callable[[], None],
        containment: Containment,
        memory: PodMemory,
    ) -> None:
        self._api = api
        self._events = Events(api)
        self._lease = lease
        self._drivers = drivers
        self._reporter = reporter
        self._clock = clock
        self._mark_dirty = mark_dirty
        self._containment = containment
        self._memory = memory
        self._drain_failures: dict[str, Cause] = {}
        self._written: Body | None = None
        self.refused: dict[str, Sequence[BlockingPod]] = {}

    async def read_power(self, snapshot: Snapshot) -> Mapping[str, PowerReading | None]:
        """What each node's relay reads now, by node; None without a relay or an answer."""

        async def read(node: NodeView) -> tuple[str, PowerReading | None]:
            reading = None
            with self._containment.contain(Part.READ, Subject(kind="Relay", name=node.name)):
                driver = self._drivers.of(node)
                reading = None if driver is None else await driver.read()
            return node.name, reading

        return dict(await asyncio.gather(*(read(node) for node in snapshot.nodes)))

    def steps(
        self,
        wanted: Wanted,
        snapshot: Snapshot,
        power: Mapping[str, PowerReading | None],
        passed_over: Collection[str] = (),
    ) -> Sequence[Step]:
        """The next step of every node but those that are passed over."""
        return transitions.advance(
            snapshot,
            wanted.awake,
            power,
            snapshot.taken_at,
            fencing_token=self._lease.token,
            drain_failures=self._drain_failures,
            directives=wanted.directives,
            passed_over=passed_over,
        )

    async def take(
        self, steps: Sequence[Step], wanted: Wanted, seen: Observation, power: Mapping[str, PowerReading | None]
    ) -> Observation:
        """Take the steps in order; returns the view with the EnergyNodes as they were written.

        A step that fails is its node's own fault. The steps after it relied on its record, so they are decided anew by
        the record that stands. Where it is not known which one does, no node goes further towards sleep in this pass.
        Only a server that does not answer ends it.
        """
        bodies, snapshot, left = dict(seen.state.energy_node_bodies), seen.snapshot, list(steps)
        to_take, passed, is_certain = {step.node for step in steps}, set[str](), True
        lost_before = self._containment.unreachable
        while left and self._containment.unreachable is lost_before:
            step = left.pop(0)
            passed.add(step.node)
            if not is_certain and _leads_to_sleep(step):
                continue
            tried = await self._try(step, seen, power.get(step.node))
            if tried.body is not None:
                bodies[step.node], snapshot = tried.body, transitions.remembered(snapshot, step)
            if tried.failure is not None:
                is_certain = is_certain and (tried.body is not None or tried.failure.reason not in UNCERTAIN)
                again = self.steps(wanted, snapshot, power, passed)
                left = [other for other in again if other.node in to_take - passed]
        return replace(seen, state=replace(seen.state, energy_node_bodies=bodies))

    async def _try(self, step: Step, seen: Observation, power: PowerReading | None) -> Tried:
        """Take one step, unless it failed so lately that it waits."""
        body = seen.state.energy_node_bodies[step.node]
        generation = int(body["metadata"].get("generation", 0))
        subject = Subject(kind="EnergyNode", name=step.node, generation=generation)
        if step.cause.reason is Reason.INTERNAL_ERROR:
            self._containment.note(Part.STEP, subject, step.cause)
            return Tried(body=body, failure=step.cause)
        if not step.changed and step.act is Act.NONE:
            self._containment.forget(Part.STEP, subject)
            return Tried(body=body)
        if not self._containment.is_due(Part.STEP, subject):
            return Tried(failure=Cause(Reason.WAITING_FOR_NODE, "its last step failed just now"))
        self._written = None
        with self._containment.contain(Part.STEP, subject):
            return Tried(body=await self._perform(step, seen, power))
        return Tried(body=self._written, failure=self._containment.cause(subject, Part.STEP))

    async def _perform(self, step: Step, seen: Observation, power: PowerReading | None) -> Body:
        """Look once more, write the record, act; returns the EnergyNode as it stands then.

        Raises ApiError when the record cannot be written, or is another by now: the steps after it rest on it.
        """
        body = seen.state.energy_node_bodies[step.node]
        node = seen.snapshot.node(step.node)
        assert node is not None  # steps are taken for the nodes of the snapshot
        why = await preflight.obstacle(self._api, step, seen.snapshot, power, self._lease.token, self._clock())
        if why is not None:
            await self._events.emit(body, Cause(Reason.NO_LONGER_HOLDS, why), self._clock())
            return body
        if step.act is Act.EVICT:
            step = replace(step, pods=self._memory.due(step.pods, self._clock()))
        if step.act is Act.SHUT_DOWN and not self._lease.holds():
            return body  # nothing follows the record that could still be stopped: it is the order itself
        if step.changed:
            body = await self._write(node, step, body)
            self._written = body
        done = await acts.act(self._api, node, step, self._drivers.of(node), may_act=self._lease.holds)
        await self._report(done, node, body)
        if step.act is Act.EVICT:
            self._memory.evicted(node, step.pods, done.refused, self._clock(), is_final=done.is_final)
        if step.changed and step.cause.reason is Reason.PENDING_POD:
            await self._tell_pods(step, seen.snapshot)
        return body

    async def _write(self, node: NodeView, step: Step, seen: Body) -> Body:
        """Write the record; a report that the node's power agent made meanwhile is no other view of the node."""
        try:
            return await acts.write_record(self._api, node, step, seen["metadata"]["resourceVersion"], self._clock())
        except ApiError as error:
            if error.status != 409:
                raise
            stored = await self._api.get(ours("energynodes", node.name))
            if not only_agent_differs(seen, stored):
                raise
        return await acts.write_record(self._api, node, step, stored["metadata"]["resourceVersion"], self._clock())

    async def _tell_pods(self, step: Step, snapshot: Snapshot) -> None:
        """Pods for which a node is woken or kept hear of it, and are remembered."""
        pods = calls(snapshot).get(step.node, ())
        self._memory.woken(pods, self._clock())
        for pod in pods:
            await self._events.emit(pod_ref(pod), step.cause, self._clock())

    async def _report(self, done: acts.Done, node: NodeView, body: Body) -> None:
        """Metrics and events of a step that was taken, and what to remember of it."""
        step, now = done.step, self._clock()
        self._reporter.stepped(step)
        self._drain_failures.pop(step.node, None)
        if step.act is not Act.EVICT or step.pods:  # else no pod was asked again yet
            self.refused[step.node] = done.refused
        if done.failure is not None and done.is_final:
            self._drain_failures[step.node] = done.failure
        if step.record.power_state is not node.record.power_state:
            await self._events.emit(body, step.cause, now)
        if done.failure is not None:
            await self._events.emit(body, done.failure, now)
            self._mark_dirty()


def _leads_to_sleep(step: Step) -> bool:
    """Whether a step takes power or room from the cluster, which others may have to keep instead."""
    return step.act in SLEEP_ACTS or step.cause.reason is Reason.SLEEP_STARTED
