"""Whether pods that have to leave a node find room on the others. Cautious: what fits is what found a place here.

It knows what pods request, selectors, required affinity to nodes, taints and the nodes of claimed volumes. It does not
know what only the scheduler does (spreading, affinity between pods): a pod that it passes may still have to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sunward.domain.nodes import Needs, PodFacts, Requirement, Room, Taint, Terms, Toleration


def unplaceable(pods: Iterable[PodFacts], rooms: Sequence[Room]) -> tuple[PodFacts, ...]:
    """The pods that find no room, the largest tried first, each taking what it needs of the room that it finds."""
    free = {room.node: (room.free_millicores, room.free_memory_bytes, room.free_pods) for room in rooms}
    left: list[PodFacts] = []
    for pod in sorted(pods, key=lambda pod: (-pod.needs.millicores, -pod.needs.memory_bytes, pod.namespace, pod.name)):
        asked = (pod.needs.millicores, pod.needs.memory_bytes, 1)
        found = next((r.node for r in rooms if _holds(free[r.node], asked) and suits(pod.needs, r)), None)
        if found is None:
            left.append(pod)
        else:
            cores, memory, pieces = free[found]
            free[found] = (cores - asked[0], memory - asked[1], pieces - asked[2])
    return tuple(left)


def suits(needs: Needs, room: Room) -> bool:
    """Whether a node may take the pod at all, however full it is."""
    labels = dict(room.labels)
    if not all(_any_term(terms, labels, room.node) for terms in needs.selectors):
        return False
    return all(any(_tolerates(one, taint) for one in needs.tolerations) for taint in room.taints)


def _holds(free: tuple[int, int, int], asked: tuple[int, int, int]) -> bool:
    """What is not asked for is not missing on a node that has too little of it already."""
    return all(one <= has or one == 0 for one, has in zip(asked, free, strict=True))


def _any_term(terms: Terms, labels: Mapping[str, str], name: str) -> bool:
    return any(all(_meets(requirement, labels, name) for requirement in term) for term in terms)


def _meets(requirement: Requirement, labels: Mapping[str, str], name: str) -> bool:
    value = name if requirement.is_name else labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement, value)
        case _:
            return False


def _compares(requirement: Requirement, value: str | None) -> bool:
    try:
        has, limit = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return has > limit if requirement.operator == "Gt" else has < limit


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    return toleration.operator == "Exists" or (bool(toleration.key) and toleration.value == taint.value)
