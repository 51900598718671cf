"""Which of several pods find room on nodes that take pods, all of them together, each beside what runs there already.

Cautious: whatever is not understood does not fit. The scheduler decides where pods go; they are placed here twice,
onto the emptiest and onto the fullest node that takes them, and a pod counts as placed only if it is both times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from sunward.domain.cause import Cause
from sunward.domain.pods import FreeCapacity, PodFacts, Resources
from sunward.planning.guards.fitting import unsuited
from sunward.planning.guards.neighbours import Company, Neighbourhood, Rooms, company
from sunward.planning.guards.same import Same

REASONS_LIMIT = 4
Refuses = Callable[[PodFacts, FreeCapacity], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Nodes among which pods are placed: `open` take pods, those that are `closed` are counted only.

    Of these, the nodes named in `opened` take pods as well; those named in `shut` do not. `gone` are UIDs of pods that
    have left. `refuses` tells of what is known beside the check, by pod and node.
    """

    open: Rooms
    closed: Rooms = ()
    opened: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    refuses: Refuses | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A pod that finds no room, and what stands in its way on how many nodes."""

    pod: PodFacts
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The node of each pod that was placed, by UID, and the pods that were not."""

    nodes: Mapping[str, str]
    left: tuple[Unplaced, ...]


def place(pods: Sequence[PodFacts], ground: Ground) -> Placement:
    """Place the pods: the highest priority first, then the largest. The order of the input does not matter."""
    first = _place(pods, ground, emptiest=True)
    return first if first.left else _place(pods, ground, emptiest=False)


def order(pod: PodFacts) -> tuple[int, int, int, str, str]:
    """The order in which pods are placed, and evicted."""
    asked = pod.needs.requests
    size = (0, 0) if isinstance(asked, Cause) else (-asked.millicores, -asked.memory_bytes)
    return (-pod.priority, *size, pod.namespace, pod.name)


@dataclass(slots=True, kw_only=True)
class _Trial:
    """Pods placed one after another; each takes what it needs of the room that it finds."""

    ground: Ground
    rooms: Sequence[FreeCapacity]
    free: dict[str, Resources]
    around: Neighbourhood

    def find(self, pod: PodFacts, *, emptiest: bool) -> str | None:
        """The node that takes the pod, with the pod placed there; None where none does."""
        friends = company(pod, self.around)
        offers = sorted(self.rooms, key=lambda room: _fullness(self.free.get(room.node), room.node, emptiest=emptiest))
        found = next((room.node for room in offers if self._hinders(pod, room, friends) is None), None)
        if found is not None and isinstance(pod.needs.requests, Resources):
            self.free[found] = self.free[found].less(pod.needs.requests)
            self.around.come.append((found, pod))
        return found

    def why(self, pod: PodFacts) -> str:
        """What stands in the pod's way, and on how many nodes."""
        friends = company(pod, self.around)
        counts = Counter(self._hinders(pod, room, friends) for room in self.rooms)
        parts = [f"{why} on {count}" for why, count in counts.most_common(REASONS_LIMIT) if why]
        return ", ".join(parts) or "no node takes pods"

    def _hinders(self, pod: PodFacts, room: FreeCapacity, friends: Company) -> str | None:
        """Why the node does not take the pod, the cheapest question first."""
        asked, left = pod.needs.requests, self.free.get(room.node)
        if isinstance(asked, Cause):
            return asked.message
        if left is None:
            return "its free capacity is unknown"
        missing = left.missing(asked)
        if missing is not None:
            return f"too little {missing}"
        hindered = unsuited(pod.needs, room)
        if hindered is None and self.ground.refuses is not None and self.ground.refuses(pod, room):
            hindered = "the scheduler has not placed it there"
        if hindered is None and _port_is_taken(pod, room, self.around):
            hindered = "a host port is taken"
        return hindered or friends.unwanted(self.around.labels[room.node])


def _place(pods: Sequence[PodFacts], ground: Ground, *, emptiest: bool) -> Placement:
    rooms = [room for room in ground.open if room.node not in ground.shut]
    rooms += [room for room in ground.closed if room.node in ground.opened]
    names = frozenset(room.node for room in rooms)
    trial = _Trial(
        ground=ground,
        rooms=rooms,
        free={room.node: room.free for room in rooms if isinstance(room.free, Resources)},
        around=Neighbourhood(rooms=_all(ground), gone=ground.gone, open_now=names),
    )
    placed = [(pod, trial.find(pod, emptiest=emptiest)) for pod in sorted(pods, key=order)]
    return Placement(
        nodes={pod.uid: node for pod, node in placed if node is not None},
        left=tuple(Unplaced(pod=pod, why=trial.why(pod)) for pod, node in placed if node is None),
    )


def _fullness(free: Resources | None, node: str, *, emptiest: bool) -> tuple[int, int, str]:
    if free is None:
        return (0, 0, node)
    sign = -1 if emptiest else 1
    return (sign * free.millicores, sign * free.memory_bytes, node)


def _port_is_taken(pod: PodFacts, room: FreeCapacity, around: Neighbourhood) -> bool:
    if not pod.needs.host_ports:
        return False
    stay = (other for other in room.pods if other.uid not in around.gone)
    come = (other for node, other in around.come if node == room.node)
    taken = [port for other in chain(stay, come) for port in other.needs.host_ports]
    return any(port.collides(other) for port in pod.needs.host_ports for other in taken)


def _all(ground: Ground) -> Rooms:
    return _joined(Same(ground.open), Same(ground.closed))


@lru_cache(maxsize=4)
def _joined(first: Same[Rooms], second: Same[Rooms]) -> Rooms:
    """One and the same tuple for the same two, by which what was counted of them is remembered."""
    return (*first.value, *second.value)
