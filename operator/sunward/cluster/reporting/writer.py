"""Writes the statuses of policy, nodes and jobs when something worth reporting changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.access.events import Events
from sunward.cluster.objects.crd_types import EnergyNodeStatus, EnergyPolicyStatus, TrainingJobStatus
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.reading.observe import Observation
from sunward.cluster.reporting import changes, job_figures, node_figures, policy_report, report
from sunward.cluster.reporting.pace import Pace
from sunward.domain.cause import Cause
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.steps import PowerReading
from sunward.planning.data_quality.verdict import DataVerdict
from sunward.planning.guards.drain import BlockingPod
from sunward.planning.jobs.directives import directives_of
from sunward.planning.sleep import eligibility

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a cycle knows of the nodes beside the snapshot, by node: the judgement of its data, what each relay reads,
    and the pods whose eviction was refused."""

    verdict: DataVerdict | None
    power: Mapping[str, PowerReading | None]
    refused: Mapping[str, Sequence[BlockingPod]]


class StatusWriter:
    """One status per object and cycle at most, in the version that was read."""

    def __init__(self, api: Api, clock: Callable[[], datetime], mark_dirty: Callable[[], None]) -> None:
        self._api = api
        self._events = Events(api)
        self._pace = Pace()
        self._clock = clock
        self._mark_dirty = mark_dirty

    async def write(self, plan: Plan, seen: Observation, known: Known) -> None:
        """Policy first, then nodes, objects with invalid fields, and jobs. Raises ApiError."""
        now = self._clock()
        await self._policy(plan, seen, now)
        await self._nodes(plan, seen, known, now)
        await self._invalid(seen, now)
        await self._jobs(plan, seen, now)

    async def _policy(self, plan: Plan, seen: Observation, now: datetime) -> None:
        if seen.state.policy_body is not None:
            old: EnergyPolicyStatus = status_of(seen.state.policy_body)
            new = policy_report.policy_status(seen.snapshot, plan, old, now)
            await self._write_status("energypolicies", seen.state.policy_body, old, new, now)

    async def _nodes(self, plan: Plan, seen: Observation, known: Known, now: datetime) -> None:
        snapshot = seen.snapshot
        for node in snapshot.nodes:
            body = seen.state.energy_node_bodies[node.name]
            old: EnergyNodeStatus = status_of(body)
            power, refused = known.power.get(node.name), known.refused.get(node.name, ())
            obstacles = eligibility.sleep_obstacles(node, snapshot, power=power)
            judged = known.verdict.nodes.get(node.name) if known.verdict else None
            new = report.node_status(node, snapshot, obstacles, judged, plan, old, now)
            new |= node_figures.figures(node, snapshot, power, refused, plan, old)
            await self._write_status("energynodes", body, old, new, now)

    async def _jobs(self, plan: Plan, seen: Observation, now: datetime) -> None:
        directives = directives_of(plan, seen.snapshot)
        for job in seen.snapshot.jobs:
            body = seen.state.job_bodies[job.spec.key]
            old: TrainingJobStatus = status_of(body)
            directive = directives.get(job.spec.key)
            new = report.job_status(job, directive, plan, old, now)
            new |= job_figures.figures(job, directive, seen.snapshot.nodes, old, now)
            await self._write_status("trainingjobs", body, old, new, now)

    async def _invalid(self, seen: Observation, now: datetime) -> None:
        """An object that cannot be read gets a condition that says why; nothing else is done with it."""
        for item in seen.invalid:
            key = f"{item.namespace}/{item.name}"
            bodies = seen.state.energy_node_bodies if item.kind == "EnergyNode" else seen.state.job_bodies
            body = bodies[item.name if item.kind == "EnergyNode" else key]
            old, generation = status_of(body), int(body["metadata"].get("generation", 0))
            new = report.invalid_status(item.kind, item.error, old, generation, now)
            await self._write_status(f"{item.kind.lower()}s", body, old, new, now)

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
