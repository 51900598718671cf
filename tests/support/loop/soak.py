"""A long life of one operator in the cluster in memory, with everything disturbed but its own process; what it keeps.

Days pass with faults and end mended and quiet. What the operator holds is counted by walking everything that is
reachable from its loop; the world, which remembers every write for the auditor, is left out.
"""

from __future__ import annotations

import gc
import os
import threading
import types
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from support.loop.model import OperatorMachine
from support.loop.store import Body
from support.loop.world import World

KILLS = ("the_operator_dies_at_a_write", "the_operator_is_restarted", "the_leader_stops_and_another_takes_over")
"""Disturbances that would end the one process whose life this is."""
LATE = ("a_stopped_leader_goes_on", "time_passes")
DISTURBANCES_PER_DAY = 48
NO_OBJECTS = (type, types.ModuleType, types.FunctionType, types.CodeType, types.BuiltinFunctionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the operator and its process hold at the end of a quiet evening."""

    objects: int
    files: int
    threads: int


class Soak:
    """One operator and its world; `evenings` grows by one with every day."""

    def __init__(self, number: int, passes_per_day: int) -> None:
        self.machine = OperatorMachine()
        self.machine.begin(number)  # type: ignore[no-untyped-call]  # hypothesis wraps rules
        self.first = self.machine.process
        self.evenings: list[Kept] = []
        self.violations: list[str] = []
        self._passes = passes_per_day // DISTURBANCES_PER_DAY

    def day(self, data: st.DataObject) -> None:
        """Disturbances at equal distances, then all is mended, and the cluster has to come to rest."""
        jobs, self.machine.jobs = self.machine.jobs, 0
        for _ in range(DISTURBANCES_PER_DAY):
            self._disturb(data)
            self._pass(self._passes)
        self.machine.jobs += jobs
        self.machine._mend()
        if not self.machine._settles():
            self.violations.append(f"day {len(self.evenings) + 1}: the cluster does not come to rest")
        leave(self.machine.world)
        self._judge()
        self.evenings.append(kept(self.machine))

    def close(self) -> None:
        """End the runner of the passes."""
        self.machine.runner.close()

    def _disturb(self, data: st.DataObject) -> None:
        rules = [rule for rule in self.machine.rules if rule.function.__name__ not in (*KILLS, *LATE)]
        ready = [rule for rule in rules if all(holds(self.machine) for holds in rule.preconditions)]
        rule = data.draw(st.sampled_from(ready))
        rule.function(self.machine, **{name: data.draw(values) for name, values in rule.arguments.items()})

    def _pass(self, passes: int) -> None:
        for _ in range(passes):
            self.machine._pass()

    def _judge(self) -> None:
        day = len(self.evenings) + 1
        try:
            self.machine.nothing_is_violated()
            self.machine.foreign_cordons_stay()
        except AssertionError as found:
            self.violations.append(f"day {day}: {found}")
        if self.machine.process is not self.first:
            self.violations.append(f"day {day}: the operator's process ended")


def lived(number: int, days: int, passes_per_day: int) -> Soak:
    """So many days of one operator; the same seed gives the same life."""
    soak = Soak(number, passes_per_day)

    @seed(number)
    @settings(
        max_examples=days,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def life(data: st.DataObject) -> None:
        if len(soak.evenings) < days:
            soak.day(data)

    try:
        life()
    finally:
        soak.close()
    return soak


def kept(machine: OperatorMachine) -> Kept:
    """What the operator of a world holds now."""
    gc.collect()
    world = {id(machine), id(machine.world), id(machine.process), id(machine.world.store), id(machine.auditor)}
    objects = sum(1 for _ in _reachable(machine.process.loop, world))
    return Kept(objects=objects, files=len(os.listdir("/proc/self/fd")), threads=threading.active_count())


def leave(world: World) -> None:
    """Jobs are deleted, and all that they own with them; their names may come again."""
    gone = {job["metadata"]["uid"] for job in world.store.of("trainingjobs")}
    for bodies in world.store.objects.values():
        for key in [key for key, body in bodies.items() if _uids(body) & gone]:
            del bodies[key]
    world.training.clear()


def _uids(body: Body) -> set[str]:
    """The object's own and those of its owners."""
    metadata = body["metadata"]
    return {metadata.get("uid", ""), *(owner["uid"] for owner in metadata.get("ownerReferences") or ())}


def _reachable(root: object, without: Collection[int]) -> Iterator[object]:
    seen, waiting = {id(root), *without}, deque[Any]([root])
    while waiting:
        one = waiting.popleft()
        yield one
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, NO_OBJECTS):
                seen.add(id(other))
                waiting.append(other)
