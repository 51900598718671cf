"""Performs one step of a node: write the record, then act. Nothing here decides anything.

Every act is safe to repeat, touches only what is ours, and carries what makes a stale view fail: the resourceVersion
of the record and of the Node, the pod's UID for evictions, the operation's id and fencing token for power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, core, ours
from sunward.cluster.access.times import format_time
from sunward.cluster.objects import cordons
from sunward.cluster.objects.records import CORDON_MARK, TAINT_KEY, record_patch
from sunward.cluster.ports import PowerDriver
from sunward.domain.cause import Cause, joined
from sunward.domain.errors import SourceUnavailable
from sunward.domain.nodes import NodeView
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, Step
from sunward.planning.guards.drain import BlockingPod

Body = dict[str, Any]
CONFLICTS = (409, 422)
ATTEMPTS = 3
"""Reads and patches of one Node before an act gives way to other writers; the next pass tries again."""
TAINT: Body = {"key": TAINT_KEY, "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a step: `failure` is set when it did not happen as asked.

    `is_final` tells that it never can: the eviction API does not allow an eviction that two disruption budgets forbid.
    `refused` are the pods whose eviction the server refused, each with its answer.
    """

    step: Step
    failure: Cause | None = None
    is_final: bool = False
    refused: tuple[BlockingPod, ...] = ()


async def act(api: Api, node: NodeView, step: Step, driver: PowerDriver | None, *, may_act: Callable[[], bool]) -> Done:
    """Ask `may_act` (the Lease) once more, then act. The step's record must stand already."""
    if step.act is Act.NONE:
        return Done(step=step)
    if not may_act():
        return Done(step=step, failure=Cause(Reason.NOT_LEADER, "the Lease was lost before the act"))
    try:
        return await _act(api, node, step, driver)
    except ApiError as error:
        reason = _reason_of(error.status)
        if reason is None:
            raise
        return Done(step=step, failure=Cause(reason, str(error)))
    except SourceUnavailable as error:
        return Done(step=step, failure=Cause(Reason.DRIVER_FAILED, str(error)))


def _reason_of(status: int) -> Reason | None:
    """Why the API server did not do as asked, by its HTTP status; None where only a person can mend the cause."""
    if status in CONFLICTS:
        return Reason.WRITE_CONFLICT
    if _is_unavailable(status):
        return Reason.API_SERVER_UNAVAILABLE
    return {404: Reason.NODE_MISSING, 429: Reason.API_SERVER_BUSY}.get(status)


def _is_unavailable(status: int) -> bool:
    """Whether the server could not be reached, or answered with an error of its own."""
    return status == 0 or status >= 500


async def write_record(api: Api, node: NodeView, step: Step, version: str, now: datetime) -> Body:
    """Store the step's record in the EnergyNode's status, with the transition when the state changed.

    *version* is the EnergyNode's resourceVersion in the view that led to the step. Returns the EnergyNode; raises
    ApiError(409) when it is another by now, and any ApiError when it cannot be written: then nothing was done.
    """
    status = record_patch(step.record)
    if step.record.power_state is not node.record.power_state:
        status["lastTransition"] = {
            "time": format_time(now),
            "from": str(node.record.power_state),
            "to": str(step.record.power_state),
            "reason": str(step.cause.reason),
            "message": step.cause.message[:1024],
            "operationId": step.record.operation.id if step.record.operation else None,
        }
    patch = {"metadata": {"resourceVersion": version}, "status": status}
    return await api.patch(ours("energynodes", node.name, sub="status"), patch)


async def _act(api: Api, node: NodeView, step: Step, driver: PowerDriver | None) -> Done:
    match step.act:
        case Act.CORDON:
            await cordon(api, node.spec.node_name, step)
        case Act.UNCORDON:
            await uncordon(api, node.spec.node_name)
        case Act.EVICT:
            return await _evict_all(api, step)
        case Act.SHUT_DOWN:
            pass  # the record that was written is the order: the agent reads it there
        case _:  # POWER_OFF, POWER_ON; `act` has seen to NONE
            if driver is None:
                return Done(step=step, failure=Cause(Reason.NO_POWER_DRIVER, f"{node.name} has no power driver"))
            operation = step.record.operation
            identity, token = (operation.id, operation.fencing_token) if operation else ("none", 0)
            await driver.switch(step.act is Act.POWER_ON, identity, token)
    return Done(step=step)


async def cordon(api: Api, node_name: str, step: Step) -> None:
    """Mark the Node unschedulable, tainted and ours. Raises ApiError(409) when another user cordoned it first."""
    operation = step.record.operation

    def patch(body: Body) -> list[Body] | None:
        annotations = body["metadata"].get("annotations") or {}
        if CORDON_MARK in annotations:
            return None
        if body["spec"].get("unschedulable"):
            raise ApiError(409, "cordon", node_name, "cordoned by another client")
        mark = operation.id if operation else "operator"
        return [
            *_add_annotation(annotations, CORDON_MARK, mark),
            {"op": "add", "path": "/spec/unschedulable", "value": True},
            *_add_taint(body["spec"].get("taints")),
        ]

    await _patch_node(api, node_name, patch)


async def uncordon(api: Api, node_name: str) -> None:
    """Take back our cordon, taint and mark; a cordon that others have set since then stays."""

    def patch(body: Body) -> list[Body] | None:
        annotations = body["metadata"].get("annotations") or {}
        taints = body["spec"].get("taints") or []
        operations: list[Body] = []
        if CORDON_MARK in annotations:
            operations.append({"op": "remove", "path": f"/metadata/annotations/{_escaped(CORDON_MARK)}"})
            if body["spec"].get("unschedulable") and cordons.is_ours(body):
                operations.append({"op": "remove", "path": "/spec/unschedulable"})
        if any(taint["key"] == TAINT_KEY for taint in taints):
            kept = [taint for taint in taints if taint["key"] != TAINT_KEY]
            operations += [
                {"op": "test", "path": "/spec/taints", "value": taints},
                {"op": "replace", "path": "/spec/taints", "value": kept},
            ]
        return operations or None

    await _patch_node(api, node_name, patch)


async def _patch_node(api: Api, node_name: str, patch: Callable[[Body], list[Body] | None]) -> None:
    """Read, patch with a test on the version read, and try again after another write in between."""
    left = ATTEMPTS
    while True:
        left -= 1
        body = await api.get(core("nodes", node_name))
        operations = patch(body)
        if operations is None:
            return
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": body["metadata"]["resourceVersion"]}
        try:
            await api.patch(core("nodes", node_name), [version, *operations])
            return
        except ApiError as error:
            if error.status not in CONFLICTS or left == 0:
                raise


def _add_annotation(annotations: Body, key: str, value: str) -> list[Body]:
    if not annotations:
        return [{"op": "add", "path": "/metadata/annotations", "value": {key: value}}]
    return [{"op": "add", "path": f"/metadata/annotations/{_escaped(key)}", "value": value}]


def _add_taint(taints: list[Body] | None) -> list[Body]:
    if not taints:
        return [{"op": "add", "path": "/spec/taints", "value": [TAINT]}]
    if any(taint["key"] == TAINT_KEY for taint in taints):
        return []
    return [
        {"op": "test", "path": "/spec/taints", "value": taints},
        {"op": "add", "path": "/spec/taints/-", "value": TAINT},
    ]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


async def _evict_all(api: Api, step: Step) -> Done:
    """Evict every pod of the step; 429 (a disruption budget) and 404 (gone) leave the rest to the next pass.

    500 is the eviction API's answer to what it can never allow.
    """
    refused: list[BlockingPod] = []
    for pod in step.pods:
        try:
            await evict(api, pod)
        except ApiError as error:
            if error.status == 500:
                never = Cause(Reason.DRAIN_BLOCKED, str(error))
                return Done(step=step, failure=never, is_final=True, refused=(BlockingPod(pod=pod, cause=never),))
            if error.status not in (404, 409):
                cause = Cause(_why_refused(error.status), f"{pod.namespace}/{pod.name}: {error}")
                refused.append(BlockingPod(pod=pod, cause=cause))
    if refused:
        return Done(step=step, failure=joined([one.cause for one in refused]), refused=tuple(refused))
    return Done(step=step)


def _why_refused(status: int) -> Reason:
    """429 is a disruption budget's answer, which may be another in a while; a right that is missing stays missing."""
    if _is_unavailable(status):
        return Reason.API_SERVER_UNAVAILABLE
    return Reason.DRAIN_BLOCKED if status == 429 else Reason.EVICTION_REFUSED


async def evict(api: Api, pod: PodFacts) -> None:
    """Evict this very pod: the UID keeps a pod of the same name that came later from being hit."""
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}},
    }
    await api.create(core("pods", pod.name, namespace=pod.namespace, sub="eviction"), body)
