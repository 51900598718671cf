"""What was tried with pods in vain: evictions that are refused or undone, and nodes that were woken for a pod.

Everything here is a cache of what the operator saw itself. Whoever loses it tries once more, and remembers again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.eviction_scope import not_evictable
from sunward.planning.guards.drain import BlockingPod, is_our_worker

Value = TypeVar("Value")
FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=24)
ASK_AGAIN_AFTER = timedelta(seconds=10)
"""A disruption budget that has just refused an eviction is not asked again before."""
REMEMBERED_LIMIT = 4096
"""Pods of each kind of memory; beyond it the oldest are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often something failed, why last, and until when it is not tried again."""

    count: int
    until: datetime
    why: str = ""


@dataclass(slots=True, kw_only=True)
class _Drain:
    """One drain of a node: the pods that were there when it began, and the controllers whose pods were evicted."""

    seen: frozenset[str]
    evicted: set[str]


class PodMemory:
    """Kept by the loop; told of evictions and wakes, and asked at every look."""

    def __init__(self) -> None:
        self._wakes: dict[str, Tries] = {}
        self._refusals: dict[str, Tries] = {}
        self._drains: dict[str, _Drain] = {}
        self._asked: dict[str, datetime] = {}

    def marked(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what is remembered of its pods, and of namespaces in which nothing may be evicted."""
        self._notice_returns(snapshot)
        return replace(
            snapshot,
            nodes=tuple(self._with_held(node, snapshot) for node in snapshot.nodes),
            pending=tuple(
                replace(one, next_wake_at=tries.until) if (tries := self._wakes.get(one.pod.uid)) else one
                for one in snapshot.pending
            ),
        )

    def woken(self, pods: Iterable[PodFacts], now: datetime) -> None:
        """A node was woken, or kept, for these pods: none that still waits gets another before its pause is over."""
        for pod in pods:
            _count(self._wakes, pod.uid, now, "")

    def due(self, pods: Sequence[PodFacts], now: datetime) -> tuple[PodFacts, ...]:
        """The pods whose eviction may be asked for now."""
        return tuple(pod for pod in pods if now - self._asked.get(pod.uid, now - ASK_AGAIN_AFTER) >= ASK_AGAIN_AFTER)

    def evicted(
        self, node: NodeView, pods: Sequence[PodFacts], refused: Sequence[BlockingPod], now: datetime, *, is_final: bool
    ) -> None:
        """These were asked for; what was refused for good is not asked for again before its pause is over."""
        drain = self._drains.setdefault(node.name, _Drain(seen=frozenset(pod.uid for pod in node.pods), evicted=set()))
        for one in refused:
            _bound(self._asked)[one.pod.uid] = now
            if is_final or one.cause.reason is Reason.EVICTION_REFUSED:
                _count(self._refusals, _refusal_key(one.pod), now, one.cause.message)
        kept = {one.pod.uid for one in refused}
        drain.evicted |= {_controller(pod) for pod in pods if pod.uid not in kept}

    def _notice_returns(self, snapshot: Snapshot) -> None:
        """A pod on a node that is drained, new there, of a controller whose pod was evicted from there just now."""
        for node in snapshot.nodes:
            drain = self._drains.get(node.name)
            if drain is None:
                continue
            if not node.record.power_state.falling_asleep:
                del self._drains[node.name]
                continue
            for pod in node.pods:
                if pod.uid not in drain.seen and _controller(pod) in drain.evicted and not is_our_worker(pod):
                    why = "came back to the node after its eviction"
                    _count(self._refusals, _return_key(node.name, pod), snapshot.taken_at, why)

    def _with_held(self, node: NodeView, snapshot: Snapshot) -> NodeView:
        pods = tuple(replace(pod, held=self._why_held(node.name, pod, snapshot)) for pod in node.pods)
        return node if pods == node.pods else replace(node, pods=pods)

    def _why_held(self, node: str, pod: PodFacts, snapshot: Snapshot) -> Cause | None:
        forbidden = not_evictable(snapshot, pod.namespace)
        if forbidden is not None:
            return forbidden
        for key in (_refusal_key(pod), _return_key(node, pod)):
            tries = self._refusals.get(key)
            if tries is not None and snapshot.taken_at < tries.until:
                until = f"not tried again before {tries.until:%Y-%m-%d %H:%M} UTC"
                return Cause(Reason.EVICTION_REFUSED, f"{tries.why} (attempts: {tries.count}; {until})")
        return None


def _count(tries: dict[str, Tries], key: str, now: datetime, why: str) -> None:
    """One more failure: the pause doubles. What failed within its pause is the same failure still."""
    before = tries.get(key)
    if before is not None and now < before.until:
        return
    count = 1 + (before.count if before else 0)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(count - 1, 10))
    _bound(tries).pop(key, None)
    tries[key] = Tries(count=count, until=now + pause, why=why)


def _bound(memory: dict[str, Value]) -> dict[str, Value]:
    while len(memory) >= REMEMBERED_LIMIT:
        del memory[next(iter(memory))]
    return memory


def _controller(pod: PodFacts) -> str:
    return pod.owner_uid or pod.uid


def _refusal_key(pod: PodFacts) -> str:
    return f"{pod.namespace}/{_controller(pod)}"


def _return_key(node: str, pod: PodFacts) -> str:
    return f"{node} {_refusal_key(pod)}"
