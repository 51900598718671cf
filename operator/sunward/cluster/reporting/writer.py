"""Writes the statuses of policy, nodes and jobs when something worth reporting changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.access.events import Events
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.objects.crd_types import EnergyNodeStatus, EnergyPolicyStatus, TrainingJobStatus
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.reading.observe import Observation
from sunward.cluster.reading.read import InvalidObject
from sunward.cluster.reporting import changes, failures, job_figures, node_figures, pin_report, policy_report, report
from sunward.cluster.reporting.pace import Pace
from sunward.cluster.reporting.usage_report import UsageMemory
from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView
from sunward.domain.nodes import NodeView
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.steps import PowerReading
from sunward.planning.data_quality.verdict import DataVerdict
from sunward.planning.guards.drain import BlockingPod
from sunward.planning.jobs.directives import directives_of
from sunward.planning.sleep import eligibility

Body = dict[str, Any]
Report = tuple[Subject, str, Body, Callable[[Any], Mapping[str, Any]]]
"""An object, the plural of its kind, its body, and what makes its new status of the old one."""

JOBS_SECONDS = 5.0
"""For the statuses of all jobs in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a cycle knows of the nodes beside the snapshot, by node: the judgement of its data, what each relay reads,
    the pods whose eviction was refused, the nodes that only pods and jobs keep awake, and how long."""

    verdict: DataVerdict | None
    power: Mapping[str, PowerReading | None]
    refused: Mapping[str, Sequence[BlockingPod]]
    pinned: Sequence[PinnedNode] = ()
    usage: UsageMemory = field(default_factory=UsageMemory)


class StatusWriter:
    """One status per object and cycle at most, in the version that was read."""

    def __init__(
        self, api: Api, clock: Callable[[], datetime], mark_dirty: Callable[[], None], containment: Containment
    ) -> None:
        self._api = api
        self._events = Events(api)
        self._pace = Pace()
        self._clock = clock
        self._mark_dirty = mark_dirty
        self._containment = containment
        self._turn = 0

    async def write(self, plan: Plan, seen: Observation, known: Known) -> None:
        """Nodes first, then objects with invalid fields, jobs, and the policy, which tells of all that fails.

        Never raises: a status that cannot be written is that object's failure. Without an answer of the API server the
        rest is left to the next pass.
        """
        now = self._clock()
        for one in (*self._nodes(plan, seen, known, now), *self._invalid(seen, now, "EnergyNode")):
            await self._report(*one)
        await self._in_turns([*self._jobs(plan, seen, known, now), *self._invalid(seen, now, "TrainingJob")])
        if seen.state.policy_body is not None:
            await self._report(*self._policy(plan, seen, known, seen.state.policy_body, now))

    async def _in_turns(self, reports: Sequence[Report]) -> None:
        """Reports of jobs, of which there may be any number, within a time for all: the nodes' next steps wait for
        them. The next pass goes on where this one ended."""
        end, start = time.monotonic() + JOBS_SECONDS, self._turn % max(1, len(reports))
        for position, one in enumerate((*reports[start:], *reports[:start]), start + 1):
            await self._report(*one)
            if time.monotonic() >= end:
                self._turn = position
                return

    def _policy(self, plan: Plan, seen: Observation, known: Known, body: Body, now: datetime) -> Report:
        def make(old: EnergyPolicyStatus) -> EnergyPolicyStatus:
            failing = failures.summary(self._containment, seen)
            new = policy_report.policy_status(seen.snapshot, plan, old, now, failing=failing)
            return new | pin_report.of_policy(known.pinned) | known.usage.status(old, now)

        return failures.POLICY, "energypolicies", body, make

    def _nodes(self, plan: Plan, seen: Observation, known: Known, now: datetime) -> Iterator[Report]:
        snapshot = seen.snapshot
        for node in snapshot.nodes:
            subject = Subject(kind="EnergyNode", name=node.name, generation=node.generation)

            def make(old: EnergyNodeStatus, node: NodeView = node, subject: Subject = subject) -> EnergyNodeStatus:
                power, refused = known.power.get(node.name), known.refused.get(node.name, ())
                obstacles = eligibility.sleep_obstacles(node, snapshot, power=power)
                judged = known.verdict.nodes.get(node.name) if known.verdict else None
                fault = self._containment.cause(subject, Part.STEP, Part.PLAN)
                new = report.node_status(node, snapshot, obstacles, judged, plan, old, now, fault=fault)
                new |= node_figures.figures(node, snapshot, power, refused, plan, old)
                return new | pin_report.of_node(next((one for one in known.pinned if one.node == node.name), None))

            yield subject, "energynodes", seen.state.energy_node_bodies[node.name], make

    def _jobs(self, plan: Plan, seen: Observation, known: Known, now: datetime) -> Iterator[Report]:
        directives = directives_of(plan, seen.snapshot)
        for job in seen.snapshot.jobs:
            subject = Subject(kind="TrainingJob", name=job.spec.key, generation=job.generation)

            def make(old: TrainingJobStatus, job: JobView = job, subject: Subject = subject) -> TrainingJobStatus:
                directive = directives.get(job.spec.key)
                fault = self._containment.cause(subject, Part.READ, Part.APPLY, Part.PLAN)
                new = report.job_status(job, directive, plan, old, now, fault=fault)
                new |= job_figures.figures(job, directive, seen.snapshot.nodes, old, now)
                return new | pin_report.of_job(job, known.pinned)

            yield subject, "trainingjobs", seen.state.job_bodies[job.spec.key], make

    def _invalid(self, seen: Observation, now: datetime, kind: str) -> Iterator[Report]:
        """An object that cannot be read gets a condition that says why; nothing else is done with it."""
        for item in seen.invalid:
            if item.kind != kind:
                continue
            bodies = seen.state.energy_node_bodies if item.kind == "EnergyNode" else seen.state.job_bodies
            body = bodies[item.key]
            generation = int(body["metadata"].get("generation", 0))

            def make(
                old: EnergyNodeStatus, item: InvalidObject = item, generation: int = generation
            ) -> EnergyNodeStatus:
                return report.invalid_status(item.kind, item.cause, old, generation, now)

            yield Subject(kind=item.kind, name=item.key, generation=generation), f"{item.kind.lower()}s", body, make

    async def _report(self, subject: Subject, kind: str, body: Body, make: Callable[[Any], Mapping[str, Any]]) -> None:
        """Write one status; one that is refused becomes an event, because no condition can say so."""
        if self._containment.unreachable is not None or not self._containment.is_due(Part.REPORT, subject):
            return
        known = self._containment.cause(subject, Part.REPORT)
        with self._containment.contain(Part.REPORT, subject):
            old: Mapping[str, Any] = status_of(body)
            await self._write_status(kind, body, old, make(old), self._clock())
        cause = self._containment.cause(subject, Part.REPORT)
        if cause is not None and (known is None or known.reason is not cause.reason):
            await self._events.emit(body, cause, self._clock())

    async def _write_status(
        self, kind: str, body: Body, old: Mapping[str, Any], new: Mapping[str, Any], now: datetime
    ) -> None:
        """Write when something worth reporting changed; new figures alone wait for the next period.

        What a job's coordinator says may change in every pass, so that it is written once a minute.

        What was computed from a version that is no longer the newest is dropped: the next pass sees the newer one.
        """
        if not changes.worth_writing(old, new):
            return
        metadata = body["metadata"]
        if kind == "trainingjobs" and not self._pace.allows(metadata["uid"], changes.is_urgent(old, new), now):
            return
        path = ours(kind, metadata["name"], namespace=metadata.get("namespace", ""), sub="status")
        version = {"resourceVersion": metadata["resourceVersion"]}
        try:
            await self._api.patch(path, {"metadata": version, "status": new})
        except ApiError as error:
            if error.status != 409:
                raise
            self._mark_dirty()
            return
        for condition in changes.conditions_changed(kind, old, new):
            await self._events.emit(body, Cause(Reason(condition["reason"]), condition["message"]), now)
