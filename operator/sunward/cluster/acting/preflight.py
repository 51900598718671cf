"""A last look before an act that cannot be taken back: each object by its name, past any list.

The lists of a pass are some milliseconds old at best, and a cache on the way may make them minutes old. Whatever is
written carries the version that was seen, so that the server refuses it when that is the past. An act that writes
nothing first, or that leads away from the API server, asks here.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, apis, core, ours
from sunward.cluster.objects import schema
from sunward.cluster.objects.records import node_record
from sunward.cluster.reading.read import attached_nodes, node_facts, pod_facts, read_policy
from sunward.domain.nodes import NodeFacts, NodeView
from sunward.domain.pods import PodFacts
from sunward.domain.policy import NO_POLICY
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.guards.case import Case, GuardStage
from sunward.planning.guards.registry import obstacles
from sunward.planning.sleep.halting import cut_stage

Body = dict[str, Any]
WAKES_AT_ANY_RATE = (
    Reason.WAKE_REQUESTED,
    Reason.POWER_OFF_TIMED_OUT,
    Reason.SHUTDOWN_TIMED_OUT,
    Reason.POWERED_ON_BY_OTHERS,
)
"""Reasons of a wake that do not rest on one rule: the plan or a person asks for it, nothing proves a power cut, or the
system that was to be shut down runs."""


async def obstacle(
    api: Api, step: Step, snapshot: Snapshot, power: PowerReading | None, fencing_token: int, now: datetime
) -> str | None:
    """Why the step may not be taken after all, or None. Raises ApiError when the server cannot be asked."""
    if step.act is Act.NONE:
        return None
    if not step.changed and (why := await _another_record(api, step)) is not None:
        return why
    if step.act is Act.POWER_ON and step.cause.reason is Reason.NO_LONGER_HOLDS:
        return await _stands(api, step, snapshot)
    if step.act is Act.POWER_ON and step.cause.reason not in WAKES_AT_ANY_RATE:
        case = await _seen_again(api, step, snapshot, power, fencing_token, now)
        still = step.cause.reason in {found.cause.reason for found in obstacles(case, GuardStage.KEEP)}
        return None if still else f"{step.cause.reason} no longer applies"
    if step.act not in (Act.POWER_OFF, Act.SHUT_DOWN):
        return None
    case = await _seen_again(api, step, snapshot, power, fencing_token, now)
    found = obstacles(case, GuardStage.CUT if step.act is Act.SHUT_DOWN else cut_stage(case))
    return str(found[0].cause) if found else None


async def _seen_again(
    api: Api, step: Step, snapshot: Snapshot, power: PowerReading | None, fencing_token: int, now: datetime
) -> Case:
    """The case with the node and the policy as they are now."""
    fresh, policy = await asyncio.gather(_looked_at_again(api, step, snapshot), read_policy(api))
    view = replace(_with(snapshot, fresh), policy=schema.policy_spec(policy) if policy else NO_POLICY)
    return Case(node=fresh, snapshot=view, now=now, power=power, fencing_token=fencing_token)


async def _stands(api: Api, step: Step, snapshot: Snapshot) -> str | None:
    """A node is woken because its cordon is gone; a list from before the cordon shows the same."""
    node = snapshot.node(step.node)
    assert node is not None  # a step is taken for a node of the snapshot
    facts = await _facts(api, node.spec.node_name)
    return "the node is still cordoned" if facts is not None and facts.unschedulable else None


async def _another_record(api: Api, step: Step) -> str | None:
    """The step rests on the record that it found; another may have been written since."""
    body = await api.get(ours("energynodes", step.node))
    stored = node_record(body)
    if (stored.power_state, stored.operation) == (step.record.power_state, step.record.operation):
        return None
    return f"its stored record has changed: {stored.power_state}"


async def _looked_at_again(api: Api, step: Step, snapshot: Snapshot) -> NodeView:
    """The node as it is now: what people want of it, what Kubernetes says of it, and what runs there."""
    old = snapshot.node(step.node)
    assert old is not None  # a step is taken for a node of the snapshot
    name = old.spec.node_name
    body, facts, pods, volumes = await asyncio.gather(
        api.get(ours("energynodes", step.node)),
        _facts(api, name),
        api.list(core("pods"), fieldSelector=f"spec.nodeName={name}"),
        api.list(apis("storage.k8s.io/v1", "volumeattachments")),
    )
    return replace(
        old,
        spec=schema.node_spec(body),
        facts=facts,
        pods=_pods_on(name, pods, snapshot.taken_at),
        volume_attached=name in attached_nodes(volumes),
    )


async def _facts(api: Api, name: str) -> NodeFacts | None:
    try:
        return node_facts(await api.get(core("nodes", name)))
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _pods_on(name: str, bodies: list[Body], now: datetime) -> tuple[PodFacts, ...]:
    pods = (pod_facts(body, now) for body in bodies)
    return tuple(pod for pod in pods if pod.node_name == name)


def _with(snapshot: Snapshot, fresh: NodeView) -> Snapshot:
    nodes = tuple(fresh if node.name == fresh.name else node for node in snapshot.nodes)
    return replace(snapshot, nodes=nodes)
