"""A restarted operator whose first lists are of the past: it must not act on what is no longer so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from support.faults.scene import OPPOSITE, Scene, switchable
from support.real.cluster import NODES
from support.real.life import Life, a_life

Body = dict[str, Any]
PODS: Final = "/api/v1/namespaces/default/pods"
LISTED: Final = ("nodes", "pods", "energynodes", "trainingjobs")
MOST_PASSES_BEFORE, MOST_STALE_PASSES, MOST_PASSES_AFTER = 5, 4, 200
REMEMBERED: Final = 12
PAUSE_SECONDS: Final = 0.2
OPT_OUT: Final = "sunward.dev/do-not-sleep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlude:
    """What happens while no operator lives; `guards` tells whether the node's power may not be cut after it."""

    name: str
    do: Callable[[Scene, str], object]
    undo: Callable[[Scene, str], object]
    guards: bool = True


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of all plans."""

    plans: int = 0
    interludes: dict[str, int] = field(default_factory=dict)
    stale_passes: int = 0
    refused_passes: int = 0
    actions_while_stale: int = 0
    most_passes_after: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class StaleTrials:
    """Plans one after the other on one scene. `history` holds revisions of the whole store, oldest first."""

    scene: Scene
    kubeconfig: Path
    dice: random.Random
    tally: Tally = field(default_factory=Tally)
    history: list[int] = field(default_factory=list)

    async def run(self, plans: int) -> None:
        """Try so many plans."""
        for number in range(plans):
            await self._plan(f"plan {number}")
            self.tally.plans += 1

    async def _plan(self, name: str) -> None:
        scene, dice = self.scene, self.dice
        node = dice.choice(switchable(scene.world))
        scene.wish(node, OPPOSITE[scene.wished[node]])
        async with a_life(scene.world, self.kubeconfig, f"{self.tally.plans}-before") as life:
            for _ in range(dice.randint(0, MOST_PASSES_BEFORE)):
                await self._look(life)
        interlude = dice.choice(INTERLUDES)
        self.tally.interludes[interlude.name] = self.tally.interludes.get(interlude.name, 0) + 1
        interlude.do(scene, node)
        async with a_life(scene.world, self.kubeconfig, f"{self.tally.plans}-after") as life:
            await self._live_in_the_past(life, name, node, interlude)
            interlude.undo(scene, node)
            await self._catch_up(life, name)

    async def _look(self, life: Life) -> bool:
        """A pass, and the revision of the store after it."""
        ended = await life.look()
        revision = self.scene.world.admin.get(f"{NODES}?limit=1").body["metadata"]["resourceVersion"]
        self.history = [*self.history[-REMEMBERED:], int(revision)]
        await asyncio.sleep(PAUSE_SECONDS)
        return ended

    async def _live_in_the_past(self, life: Life, name: str, node: str, interlude: Interlude) -> None:
        """Passes on lists of the past, each kind of its own age; whatever reaches a relay is judged by the present."""
        past = {plural: self.dice.choice(self.history) for plural in LISTED} if self.history else {}
        begun = len(self.scene.world.journal.switches())
        with self.scene.proxy.stale(past):
            for _ in range(self.dice.randint(1, MOST_STALE_PASSES)):
                ended = await self._look(life)
                self.tally.stale_passes += 1
                self.tally.refused_passes += not ended
        for order in self.scene.world.journal.switches()[begun:]:
            self.tally.actions_while_stale += 1
            self._judge(order, name, node, interlude, past)

    def _judge(self, order: Body, name: str, node: str, interlude: Interlude, past: dict[str, int]) -> None:
        said = "on" if order["on"] else "off"
        where = f"{name}: {order['node']} switched {said} after '{interlude.name}' with lists of {past}"
        if order["on"] is not (self.scene.wished[order["node"]] == "Awake"):
            self.tally.violations.append(f"{where}, though it is held {self.scene.wished[order['node']]}")
        elif not order["on"] and order["node"] == node and interlude.guards:
            self.tally.violations.append(where)

    async def _catch_up(self, life: Life, name: str) -> None:
        """Passes on the present until every wish is fulfilled."""
        for number in range(MOST_PASSES_AFTER):
            if not self.scene.lost():
                self.tally.most_passes_after = max(number, self.tally.most_passes_after)
                return
            await self._look(life)
        self.tally.violations += [f"{name}: {lost}; {life.told.failures[-2:]}" for lost in self.scene.lost()]


def _nothing(_: Scene, __: str) -> None:
    """It only died."""


def _change_of_mind(scene: Scene, node: str) -> None:
    scene.wish(node, OPPOSITE[scene.wished[node]])


def _annotate(scene: Scene, node: str, value: str | None) -> None:
    scene.world.admin.merge(f"{NODES}/{node}", {"metadata": {"annotations": {OPT_OUT: value}}})


def _bind_a_pod(scene: Scene, node: str) -> None:
    """A pod that belongs to nobody: it can only be lost."""
    pod = {"containers": [{"name": "c", "image": "none"}], "nodeName": node, "terminationGracePeriodSeconds": 0}
    metadata = {"name": f"bound-to-{node}", "namespace": "default"}
    scene.world.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})


def _take_the_pod_away(scene: Scene, node: str) -> None:
    scene.world.admin.delete(f"{PODS}/bound-to-{node}?gracePeriodSeconds=0")


INTERLUDES: Final = (
    Interlude(name="nothing", do=_nothing, undo=_nothing, guards=False),
    Interlude(name="a change of mind", do=_change_of_mind, undo=_nothing, guards=False),
    Interlude(
        name="it is opted out",
        do=lambda scene, node: _annotate(scene, node, "true"),
        undo=lambda scene, node: _annotate(scene, node, None),
    ),
    Interlude(name="a pod is bound", do=_bind_a_pod, undo=_take_the_pod_away),
)
