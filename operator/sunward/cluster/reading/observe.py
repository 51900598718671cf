"""Cluster state, meters, intensities and progress -> one frozen snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api
from sunward.cluster.access.causes import cause_of, is_unreachable
from sunward.cluster.objects import schema, usage
from sunward.cluster.objects.agents import agent_report
from sunward.cluster.objects.crd_types import TrainingJobStatus
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.ports import Intensities, Sensors
from sunward.cluster.reading.read import ClusterState, InvalidObject, coordinator_nodes, invalid_object, read_cluster
from sunward.cluster.training.coordinators import Coordinators
from sunward.cluster.training.jobs import NO_OBJECTS, JobObjects, read_objects
from sunward.cluster.training.progress_questions import Answer
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.eviction import known_settings
from sunward.domain.jobs import Assignment, JobProgress, JobSpec, JobView
from sunward.domain.measurement import Absent
from sunward.domain.nodes import MeterFacts, NodeRecord, NodeSpec, NodeView
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity, ZoneNodes

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
    coordinators: Coordinators,
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
        _read_zones(intensities, state, now),
        _read_jobs(api, coordinators, state),
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
        closed_capacities=state.closed_capacities,
        pending=state.pending,
        awake_node_hours=usage.node_hours(status_of(state.policy_body or {}), now),
        zones=_failure_zones(state, known),
        controllers=known_settings(state.controllers, state.policy.budgets.unhealthy_zone_threshold_ratio),
    )
    return Observation(snapshot=snapshot, state=state, objects=objects, invalid=(*state.invalid, *invalid))


def _failure_zones(state: ClusterState, known: Collection[str]) -> Mapping[str, ZoneNodes]:
    """Nodes of each failure zone, and those of them that no EnergyNode names and that are not ready."""
    facts = state.facts.values()
    return {
        zone: ZoneNodes(
            total=sum(one.failure_zone == zone for one in facts),
            unmanaged_not_ready=sum(
                one.failure_zone == zone and not one.ready and one.name not in known for one in facts
            ),
        )
        for zone in sorted({one.failure_zone for one in facts})
    }


async def _read_meters(
    sensors: Sensors, specs: Sequence[NodeSpec], now: datetime
) -> tuple[Mapping[str, MeterFacts], bool]:
    """Readings, and whether the store answered; whatever it answers instead of readings is no answer."""
    try:
        return await sensors.read(specs, now), True
    except Exception as error:  # the shell around one source
        why = error.why if isinstance(error, SourceUnavailable) else cause_of(error).message
        source = error.source if isinstance(error, SourceUnavailable) else "prometheus"
        absent = Absent(cause=Cause(Reason.DATA_UNAVAILABLE, why), source=source)
        silent = MeterFacts(power_watts=absent, harvest_watts=absent, battery_ratio=absent)
        return {spec.name: silent for spec in specs}, False


async def _read_zones(intensities: Intensities, state: ClusterState, now: datetime) -> Mapping[str, ZoneIntensity]:
    """Intensities by zone; no source that fails takes anything with it, and without an answer no zone is known."""
    try:
        zones = sorted({spec.grid_zone for spec in state.specs})
        return await intensities.read(state.policy.intensity_source, zones, now)
    except Exception:  # the shell around one source; every zone then counts as unknown
        return {}


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
        agent=agent_report(body),
    )


async def _read_jobs(
    api: Api, coordinators: Coordinators, state: ClusterState
) -> tuple[tuple[JobView, ...], Mapping[str, JobObjects], tuple[InvalidObject, ...]]:
    """Jobs with what exists of them. Nothing is asked about a namespace that the policy does not list."""
    specs, invalid = _parse_jobs(state)
    objects, faults = await _read_namespaces(api, {spec.namespace for spec in specs} & set(state.policy.namespaces))
    answers = await coordinators.ask(_addresses(specs, objects, state), {spec.key: spec.uid for spec in specs})
    homes = coordinator_nodes(state.pods_by_node)
    views: list[JobView] = []
    for spec in specs:
        body, found = state.job_bodies[spec.key], objects.get(spec.namespace, NO_OBJECTS)
        try:
            view = _job_view(spec, answers.get(spec.key), body, homes.get(spec.uid))
            ready = found.ready_workers(spec)
        except Exception as error:  # the shell around one object
            invalid.append(invalid_object("TrainingJob", body, error))
            continue
        views.append(replace(view, ready_workers=ready, objects_fault=faults.get(spec.namespace)))
    return tuple(views), objects, tuple(invalid)


async def _read_namespaces(
    api: Api, namespaces: Collection[str]
) -> tuple[Mapping[str, JobObjects], Mapping[str, Cause]]:
    """Objects of ours by namespace, and why a namespace cannot be read. Raises ApiError when the server is silent."""
    names = sorted(namespaces)
    found = await asyncio.gather(*(read_objects(api, name) for name in names), return_exceptions=True)
    objects: dict[str, JobObjects] = {}
    faults: dict[str, Cause] = {}
    for name, one in zip(names, found, strict=True):
        if isinstance(one, JobObjects):
            objects[name] = one
        elif not isinstance(one, Exception) or is_unreachable(one):
            raise one
        else:
            faults[name] = cause_of(one)
    return objects, faults


def _parse_jobs(state: ClusterState) -> tuple[list[JobSpec], list[InvalidObject]]:
    specs: list[JobSpec] = []
    invalid: list[InvalidObject] = []
    for _, body in sorted(state.job_bodies.items()):
        try:
            specs.append(schema.job_spec(body))
        except Exception as error:  # the shell around one object
            invalid.append(invalid_object("TrainingJob", body, error))
    return specs, invalid


def _addresses(specs: Sequence[JobSpec], objects: Mapping[str, JobObjects], state: ClusterState) -> Mapping[str, str]:
    """Where the coordinators of jobs that are not over are asked, by namespace/job."""
    readable = [spec for spec in specs if spec.namespace in objects]
    open_jobs = [spec for spec in readable if finished(state.job_bodies[spec.key]) is None]
    found = {spec.key: objects[spec.namespace].coordinator_address(spec) for spec in open_jobs}
    return {key: address for key, address in found.items() if address}


def finished(body: Mapping[str, Any]) -> Reason | None:
    """Why a job is over, or None while it is not."""
    status: TrainingJobStatus = status_of(body)
    for condition in status.get("conditions") or ():
        reasons = FINISHED.get(condition["type"], ())
        if condition["status"] == "True" and condition["reason"] in reasons:
            return Reason(condition["reason"])
    return None


def _job_view(spec: JobSpec, answer: Answer, body: Body, coordinator: str | None) -> JobView:
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
