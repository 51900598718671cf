"""Events that the operator's watches never bring: each alone, then all of two kinds, while something happens.

What happens is a cause with an effect that the operator must bring about. A first round without losses is the trace.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any, Final

from support import crds
from support.faults.records import Event
from support.faults.scene import Scene
from support.real import objects as real_objects
from support.real.cluster import ENERGY_NODES, NODES, POLICY

Body = dict[str, Any]
Pair = tuple[str, str]
JOBS: Final = "/apis/sunward.dev/v1alpha1/namespaces/default/trainingjobs"
LATE: Final = "late"
EFFECT_SECONDS: Final = 30.0
NOT_OURS: Final = ("leases",)
"""The operator's own sign of life: it is written all the time, and no cause of anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that happens, and how to see that the operator has answered it."""

    name: str
    do: Callable[[Scene], None]
    answered: Callable[[Scene], bool]


class Loss:
    """Loses the event of one number since its making, or every event of some kinds."""

    def __init__(self, *, number: int | None = None, pairs: frozenset[Pair] = frozenset()) -> None:
        self._number, self._pairs = number, pairs
        self.seen: list[Pair] = []
        self.lost: list[Pair] = []

    def __call__(self, event: Event) -> bool:
        if event.plural in NOT_OURS:
            return False
        self.seen.append(event.pair)
        is_lost = len(self.seen) - 1 == self._number or event.pair in self._pairs
        if is_lost:
            self.lost.append(event.pair)
        return is_lost


@dataclass(slots=True, kw_only=True)
class Losses:
    """Everything that was tried: events lost by kind, seconds of the slowest answer, and what was never answered."""

    trace: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    single: int = 0
    pairs: int = 0
    worst_seconds: float = 0.0
    undisturbed_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


def reference(scene: Scene, losses: Losses) -> dict[str, list[Pair]]:
    """Let everything happen once, undisturbed; the events by cause."""
    found = {}
    for cause in CAUSES:
        nothing = Loss()
        losses.undisturbed_seconds = max(losses.undisturbed_seconds, happen(scene, cause, nothing))
        found[cause.name] = nothing.seen
    losses.trace.update({name: len(events) for name, events in found.items()})
    return found


def happen(scene: Scene, cause: Cause, loss: Loss) -> float:
    """Seconds until a cause was answered while events were lost. Raises TimeoutError when it is not."""
    begun = time.monotonic()
    with scene.proxy.losing(loss):
        cause.do(scene)
        scene.world.wait(lambda: cause.answered(scene), EFFECT_SECONDS, f"{cause.name} is answered")
    return time.monotonic() - begun


def try_loss(scene: Scene, cause: Cause, loss: Loss, losses: Losses) -> None:
    """One cause under one loss, into the book."""
    try:
        losses.worst_seconds = max(losses.worst_seconds, happen(scene, cause, loss))
    except TimeoutError as never:
        losses.violations.append(f"{never} after the loss of {loss.lost}")
    losses.lost.update(" ".join(pair) for pair in loss.lost)


def single_losses(trace: dict[str, list[Pair]]) -> Iterator[tuple[Cause, Loss]]:
    """Every event of the trace once, in an order in which each cause undoes the one before."""
    for first, second in zip(CAUSES[::2], CAUSES[1::2], strict=True):
        longest = max(len(trace[first.name]), len(trace[second.name]))
        for number in range(longest):
            for cause in (first, second):
                yield cause, Loss(number=number if number < len(trace[cause.name]) else None)


def pair_losses(trace: dict[str, list[Pair]]) -> Iterator[tuple[Cause, Loss]]:
    """All events of every two kinds that occur together, where they do so for the first time."""
    tried: set[tuple[Pair, Pair]] = set()
    for first, second in zip(CAUSES[::2], CAUSES[1::2], strict=True):
        kinds = sorted({*trace[first.name], *trace[second.name]})
        fresh = [pair for pair in combinations_with_replacement(kinds, 2) if pair not in tried]
        tried.update(fresh)
        for pair in fresh:
            for cause in (first, second):
                yield cause, Loss(pairs=frozenset(pair))


def _job() -> Body:
    body = crds.sample("trainingjob-flower")
    body["metadata"]["name"] = LATE
    body["spec"]["suspend"] = True
    body["spec"]["shards"] = [{"name": "a", "node": "pi-03", "samples": 100, "sizeMebibytes": 1}]
    body["spec"]["minimumWorkers"] = 1
    del body["spec"]["deadline"]
    return body


def _late_node() -> list[Body]:
    body = real_objects.energy_node(LATE)
    body["spec"]["sleep"] = {"driver": "None"}
    return [real_objects.node(LATE), body]


def _observed(scene: Scene, path: str) -> bool:
    body = scene.world.admin.get(path).body
    return bool((body.get("status") or {}).get("observedGeneration") == body["metadata"].get("generation"))


def _sleepable(scene: Scene, name: str) -> str:
    status = scene.world.admin.get(f"{ENERGY_NODES}/{name}").body.get("status") or {}
    reasons = [one["reason"] for one in status.get("conditions") or () if one["type"] == "Sleepable"]
    return reasons[0] if reasons else ""


def _counted(scene: Scene) -> bool:
    """Whether the policy's status counts as many nodes as there are."""
    status = scene.world.admin.get(POLICY).body.get("status") or {}
    return bool((status.get("nodes") or {}).get("total") == len(scene.world.items(ENERGY_NODES)))


def _create_late_node(scene: Scene) -> None:
    for body in _late_node():
        scene.world.create(body)


def _delete_late_node(scene: Scene) -> None:
    for path in (f"{ENERGY_NODES}/{LATE}", f"{NODES}/{LATE}"):
        scene.world.admin.delete(path)


def _cordon(scene: Scene, value: bool | None) -> None:
    scene.world.admin.merge(f"{NODES}/pi-03", {"spec": {"unschedulable": value}})


def _delete_job(scene: Scene) -> None:
    scene.world.admin.delete(f"{JOBS}/{LATE}")


def _pair(node: str) -> tuple[Cause, Cause]:
    """A node sleeps and wakes."""
    return (
        Cause(name=f"{node} is held asleep", do=lambda s: s.wish(node, "Asleep"), answered=lambda s: s.reached(node)),
        Cause(name=f"{node} is held awake", do=lambda s: s.wish(node, "Awake"), answered=lambda s: s.reached(node)),
    )


CAUSES: Final = (
    *_pair("pi-01"),
    *_pair("pi-02"),
    Cause(
        name="a job comes",
        do=lambda scene: void(scene.world.create(_job())),
        answered=lambda scene: _observed(scene, f"{JOBS}/{LATE}"),
    ),
    Cause(
        name="a job goes",
        do=_delete_job,
        answered=lambda scene: scene.world.admin.get(f"{JOBS}/{LATE}").code == 404,
    ),
    Cause(
        name="the policy looks less far",
        do=lambda scene: scene.world.change_policy(horizonPeriods=2),
        answered=lambda scene: _observed(scene, POLICY),
    ),
    Cause(
        name="the policy looks further",
        do=lambda scene: scene.world.change_policy(horizonPeriods=3),
        answered=lambda scene: _observed(scene, POLICY),
    ),
    Cause(
        name="a person cordons",
        do=lambda scene: _cordon(scene, True),
        answered=lambda scene: _sleepable(scene, "pi-03") == "CordonedByOthers",
    ),
    Cause(
        name="a person uncordons",
        do=lambda scene: _cordon(scene, None),
        answered=lambda scene: _sleepable(scene, "pi-03") != "CordonedByOthers",
    ),
    Cause(name="a node joins", do=_create_late_node, answered=lambda scene: _sleepable(scene, LATE) != ""),
    Cause(name="a node leaves", do=_delete_late_node, answered=_counted),
)
"""In twos: the second of each undoes the first."""


def void(_: object) -> None:
    """Nothing of it is needed."""
