"""Cluster state, meters, intensities and progress -> one frozen snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp

from sunward.cluster.access.api import Api
from sunward.cluster.objects import schema
from sunward.cluster.objects.crd_types import TrainingJobStatus
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.ports import Intensities, Sensors
from sunward.cluster.reading.read import ClusterState, InvalidObject, coordinator_nodes, read_cluster
from sunward.cluster.training.jobs import JobObjects, read_objects
from sunward.cluster.training.progress import fetch_progress
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.jobs import Assignment, JobProgress, JobSpec, JobView
from sunward.domain.measurement import Absent
from sunward.domain.nodes import MeterFacts, NodeRecord, NodeSpec, NodeView
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot

Body = dict[str, Any]
FINISHED = {"Complete": (Reason.ROUNDS_COMPLETE, Reason.TARGET_REACHED), "Failed": (Reason.JOB_FAILED,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A snapshot and the objects it was made from, which patches need."""

    snapshot: Snapshot
    state: ClusterState
    objects: Mapping[str, JobObjects]
    invalid: tuple[InvalidObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this operator is: start time and node serve the warm-up rule and the rule not to sleep under oneself.

    `started_at` is asked in every pass: by what clock the process started may turn out later.
    """

    started_at: Callable[[], datetime]
    node_name: str | None


async def observe(
    api: Api,
    session: aiohttp.ClientSession,
    sensors: Sensors,
    intensities: Intensities,
    identity: Identity,
    now: datetime,
    *,
    is_leader: bool,
) -> Observation:
    """Read everything once. Raises ApiError when the API server does not answer; silent meters become Absent."""
    state = await read_cluster(api, now)
    (meters, sensors_available), zones, (jobs, objects, invalid) = await asyncio.gather(
        _read_meters(sensors, state.specs, now),
        intensities.read(state.policy.intensity_source, sorted({s.grid_zone for s in state.specs}), now),
        _read_jobs(api, session, state),
    )
    known = {spec.node_name for spec in state.specs}
    snapshot = Snapshot(
        taken_at=now,
        policy=state.policy,
        nodes=tuple(_view(spec, state, meters) for spec in state.specs),
        jobs=jobs,
        intensities=zones,
        operator_started_at=identity.started_at(),
        operator_node=identity.node_name,
        is_leader=is_leader,
        unmanaged_not_ready_nodes=sum(not f.ready for name, f in state.facts.items() if name not in known),
        total_nodes=len(state.facts),
        sensors_available=sensors_available,
        free_capacities=state.free_capacities,
    )
    return Observation(snapshot=snapshot, state=state, objects=objects, invalid=(*state.invalid, *invalid))


async def _read_meters(
    sensors: Sensors, specs: Sequence[NodeSpec], now: datetime
) -> tuple[Mapping[str, MeterFacts], bool]:
    try:
        return await sensors.read(specs, now), True
    except SourceUnavailable as error:
        absent = Absent(cause=Cause(Reason.DATA_UNAVAILABLE, error.why), source=error.source)
        silent = MeterFacts(power_watts=absent, harvest_watts=absent, battery_ratio=absent)
        return {spec.name: silent for spec in specs}, False


def _view(spec: NodeSpec, state: ClusterState, meters: Mapping[str, MeterFacts]) -> NodeView:
    absent = Absent(cause=Cause(Reason.DATA_MISSING), source="prometheus")
    silent = MeterFacts(power_watts=absent, harvest_watts=absent, battery_ratio=absent)
    body = state.energy_node_bodies[spec.name]
    return NodeView(
        spec=spec,
        record=state.records.get(spec.name, NodeRecord()),
        facts=state.facts.get(spec.node_name),
        meters=meters.get(spec.name, silent),
        pods=state.pods_by_node.get(spec.node_name, ()),
        generation=int(body["metadata"].get("generation", 0)),
        volume_attached=spec.node_name in state.volumes_attached,
    )


async def _read_jobs(
    api: Api, session: aiohttp.ClientSession, state: ClusterState
) -> tuple[tuple[JobView, ...], Mapping[str, JobObjects], tuple[InvalidObject, ...]]:
    specs, invalid = _parse_jobs(state)
    namespaces = sorted({spec.namespace for spec in specs})
    objects = dict(
        zip(namespaces, await asyncio.gather(*(read_objects(api, name) for name in namespaces)), strict=True)
    )
    answers = await asyncio.gather(*(_progress(session, spec, objects, state) for spec in specs))
    homes = coordinator_nodes(state.pods_by_node)
    views = [
        replace(
            _job_view(spec, answer, state.job_bodies[spec.key], homes.get(spec.key)),
            ready_workers=objects[spec.namespace].ready_workers(spec),
        )
        for spec, answer in zip(specs, answers, strict=True)
    ]
    return tuple(views), objects, invalid


def _parse_jobs(state: ClusterState) -> tuple[list[JobSpec], tuple[InvalidObject, ...]]:
    specs: list[JobSpec] = []
    invalid: list[InvalidObject] = []
    for key, body in sorted(state.job_bodies.items()):
        try:
            specs.append(schema.job_spec(body))
        except InvalidInput as error:
            namespace, name = key.split("/", 1)
            invalid.append(InvalidObject(kind="TrainingJob", name=name, namespace=namespace, error=error))
    return specs, tuple(invalid)


async def _progress(
    session: aiohttp.ClientSession,
    spec: JobSpec,
    objects: Mapping[str, JobObjects],
    state: ClusterState,
) -> JobProgress | InvalidInput | None:
    """How far the job is; what is wrong with the answer; None where there is no answer, or no question."""
    if finished(state.job_bodies[spec.key]) is not None:
        return None
    address = objects[spec.namespace].coordinator_address(spec)
    try:
        return None if not address else await fetch_progress(session, address)
    except InvalidInput as error:
        return error


def finished(body: Mapping[str, Any]) -> Reason | None:
    """Why a job is over, or None while it is not."""
    status: TrainingJobStatus = status_of(body)
    for condition in status.get("conditions") or ():
        reasons = FINISHED.get(condition["type"], ())
        if condition["status"] == "True" and condition["reason"] in reasons:
            return Reason(condition["reason"])
    return None


def _job_view(spec: JobSpec, answer: JobProgress | InvalidInput | None, body: Body, coordinator: str | None) -> JobView:
    status: TrainingJobStatus = status_of(body)
    micrograms = status.get("emissionsMicrogramsCO2e")
    progress = answer if isinstance(answer, JobProgress) else None
    return JobView(
        spec=spec,
        progress=progress,
        progress_fault=str(answer) if isinstance(answer, InvalidInput) else None,
        last_round=max(status.get("round") or 0, progress.round if progress else 0),
        finished=finished(body),
        emissions_grams=None if micrograms is None else micrograms * 1e-6,
        coordinator_node=coordinator,
        assignments=tuple(
            Assignment(
                job=spec.key,
                shard=row["shard"],
                from_node=row.get("fromNode") or "",
                node=row["node"],
                batches=row["batches"],
            )
            for row in status.get("assignments") or ()
        ),
        generation=int(body["metadata"].get("generation", 0)),
    )
