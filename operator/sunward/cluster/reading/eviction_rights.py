"""In which namespaces the operator may really evict, as the API server's own authoriser answers.

A policy that lists a namespace gives no right there. A drain that counts on a right that is not there cordons a node,
evicts half of its pods and is rolled back; so each namespace is asked about before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sunward.cluster.access.api import Api, apis, core
from sunward.cluster.access.causes import cause_of
from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot

ALLOWED_FOR = timedelta(minutes=5)
"""How long a right counts without being asked for again; a right that is taken meanwhile is noticed by its refusal."""
DENIED_FOR = timedelta(seconds=30)
"""A right that was just granted is noticed soon; the API server is not asked in every pass."""
QUESTIONS_AT_ONCE = 16
NAMESPACES_LIMIT = 1024
"""Namespaces that are remembered; beyond it the oldest answers are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """Why evictions are not allowed (None where they are), and until when that counts."""

    refusal: Cause | None
    until: datetime


class EvictionRights:
    """Kept by the observer. Whoever loses it asks again."""

    def __init__(self) -> None:
        self._answers: dict[str, _Answer] = {}

    async def told(self, api: Api, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the labels of namespaces where the policy needs them, and where a right is missing."""
        seen = replace(snapshot, namespace_labels=await _labels(api, snapshot))
        lets = (name for name in _with_pods(seen) if seen.policy.lets_evict(name, seen.namespace_labels.get(name)))
        return replace(seen, without_right=await self._missing(api, sorted(lets), seen.taken_at))

    async def _missing(self, api: Api, namespaces: Iterable[str], now: datetime) -> Mapping[str, Cause]:
        names = list(namespaces)
        due = [name for name in names if not self._stands(name, now)]
        for start in range(0, len(due), QUESTIONS_AT_ONCE):
            group = due[start : start + QUESTIONS_AT_ONCE]
            for name, refusal in zip(group, await asyncio.gather(*(_asked(api, one) for one in group)), strict=True):
                self._remember(name, refusal, now)
        refusals = {name: self._answers[name].refusal for name in names if name in self._answers}
        return {name: refusal for name, refusal in refusals.items() if refusal is not None}

    def _stands(self, namespace: str, now: datetime) -> bool:
        answer = self._answers.get(namespace)
        return answer is not None and now < answer.until

    def _remember(self, namespace: str, refusal: Cause | None, now: datetime) -> None:
        while len(self._answers) >= NAMESPACES_LIMIT:
            del self._answers[next(iter(self._answers))]
        self._answers[namespace] = _Answer(
            refusal=refusal, until=now + (ALLOWED_FOR if refusal is None else DENIED_FOR)
        )


def _with_pods(snapshot: Snapshot) -> set[str]:
    return {pod.namespace for node in snapshot.nodes for pod in node.pods}


async def _labels(api: Api, snapshot: Snapshot) -> Mapping[str, Mapping[str, str]]:
    """Labels by namespace; nothing is asked unless the policy selects by label, and without an answer none is known."""
    if not snapshot.policy.evict_namespaces.match_labels:
        return {}
    try:
        return {
            one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in await api.list(core("namespaces"))
        }
    except Exception:  # the shell around one question: namespaces without labels are not evicted from
        return {}


async def _asked(api: Api, namespace: str) -> Cause | None:
    """Why the operator may not evict in a namespace, or None where it may."""
    try:
        answer = await api.create(apis("authorization.k8s.io/v1", "selfsubjectaccessreviews"), _question(namespace))
        if answer["status"]["allowed"] is True:
            return None
    except Exception as error:  # the shell around one question: a right that is not proven is not counted on
        why = f"whether the operator may evict pods in {namespace} is not known: {cause_of(error).message}"
        return Cause(Reason.NAMESPACE_NOT_ALLOWED, why)
    why = f"the operator has no right to evict pods in {namespace}; add it to the chart's value evictNamespaces.names"
    return Cause(Reason.NAMESPACE_NOT_ALLOWED, why)


def _question(namespace: str) -> Mapping[str, Any]:
    attributes = {"namespace": namespace, "verb": "create", "resource": "pods", "subresource": "eviction"}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
