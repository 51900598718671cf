"""One fault of the API server while a person changes a mind: how long until the operator acts on it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from signal import Signals
from typing import Final

from support.faults.kinds import Fault, Kind
from support.faults.scene import OPPOSITE, Scene, switchable
from support.real.journal import wait_until

WATCHED: Final = ("nodes", "energynodes", "trainingjobs", "energypolicies")
PATIENCE_SECONDS: Final = 60.0
"""How long anything is waited for before it counts as never."""
HIT_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One kind of fault, met for the `repeat`-th time; odd ones lose answers and cut watches too."""

    kind: Kind
    repeat: int

    @property
    def fault(self) -> Fault:
        """The fault to inject."""
        is_answer = self.kind.status is not None and not self.kind.is_of_writes and not self.kind.is_of_watches
        odd = bool(self.repeat % 2)
        return Fault(
            kind=self.kind,
            answer_lost=odd and self.kind in (Kind.RESET, Kind.HALF_OPEN),
            ends_watches=odd and is_answer,
        )

    def __str__(self) -> str:
        return f"{self.kind} #{self.repeat}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Seconds from the end of a trial's fault until the operator acted on the change that was made during it."""

    trial: Trial
    seconds: float


def attempt(scene: Scene, trial: Trial, dice: random.Random) -> Recovery:
    """Break, change a wish, mend, and wait until the operator acts. Raises TimeoutError when it never does."""
    node = settled(scene)
    fault = trial.fault
    if trial.kind.is_of_watches:
        wait_until(scene.proxy.watched, PATIENCE_SECONDS, "some watch is open")
    with scene.proxy.broken(fault):
        scene.wish(node, OPPOSITE[scene.wished[node]])
        wait_until(lambda: scene.proxy.hits(fault), HIT_SECONDS, f"{trial} meets a request")
        threading.Event().wait(dice.uniform(0.2, 1.0))
    mended = time.monotonic()
    wait_until(lambda: scene.begun(node), PATIENCE_SECONDS, f"{node} acts on {scene.wished[node]} after {trial}")
    return Recovery(trial=trial, seconds=time.monotonic() - mended)


def kill(scene: Scene) -> float:
    """The process dies; seconds until its successor has made a pass. A change is made while nobody lives."""
    node = settled(scene)
    ended = len(scene.operator.exits)
    scene.operator.send(Signals.SIGKILL)
    died = time.monotonic()
    scene.wish(node, OPPOSITE[scene.wished[node]])
    wait_until(lambda: len(scene.operator.exits) > ended, PATIENCE_SECONDS, "the process is found dead")
    scene.operator.wait_ready(PATIENCE_SECONDS)
    return time.monotonic() - died


def settled(scene: Scene) -> str:
    """The node that has been as it is wanted for longest; waits until there is one."""
    names = sorted(switchable(scene.world), key=lambda name: scene.since[name])
    found: list[str] = []

    def somebody() -> bool:
        found.extend(name for name in names if scene.reached(name))
        return bool(found)

    scene.world.wait(somebody, PATIENCE_SECONDS, "one node is as it is wanted")
    return found[0]


@contextmanager
def silence(scene: Scene, plurals: Sequence[str], recoveries: list[Recovery], first: int) -> Iterator[None]:
    """Let the watches of some resources fall silent, and wait at the end until each was opened anew.

    Raises TimeoutError for one that is not, AssertionError when the process ended meanwhile: that would hide it.
    """
    ends, begun = len(scene.operator.exits), time.monotonic()
    with scene.proxy.broken(Fault(kind=Kind.SILENT, hits=lambda ask: ask.plural in plurals)):
        pass  # open watches stay dead, new ones are not
    yield
    for number, plural in enumerate(plurals):
        opened = _opened(scene, plural, begun)
        recoveries.append(Recovery(trial=Trial(kind=Kind.SILENT, repeat=first + number), seconds=opened - begun))
    assert len(scene.operator.exits) == ends, "the operator ended while watches were silent"


def _opened(scene: Scene, plural: str, since: float) -> float:
    def times() -> list[float]:
        return [seconds for seconds, what in scene.proxy.records.watches if what == plural and seconds >= since]

    wait_until(times, 100.0, f"the watch of {plural} is opened anew")
    return times()[0]
