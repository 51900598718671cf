"""Whether pods that have to leave a node find room on the others. Cautious: what fits is what found a place here.

It knows what pods request, selectors, required affinity to nodes, taints and the nodes of claimed volumes. It does not
know what only the scheduler does (spreading, affinity between pods): a pod that it passes may still have to wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sunward.domain.cause import Cause
from sunward.domain.pods import (
    FreeCapacity,
    Needs,
    PodFacts,
    Requirement,
    Resources,
    SelectorOperator,
    Taint,
    Terms,
    Toleration,
    TolerationOperator,
)


def unplaceable(pods: Sequence[PodFacts], rooms: Sequence[FreeCapacity]) -> tuple[PodFacts, ...]:
    """The pods that find no room, the largest tried first, each taking what it needs of the room that it finds.

    A pod whose requests cannot be read finds none, and a node whose free capacity is unknown offers none.
    """
    free = {room.node: room.free for room in rooms if isinstance(room.free, Resources)}
    offers = [room for room in rooms if room.node in free]
    sized = [(pod, asked) for pod in pods if isinstance(asked := pod.needs.requests, Resources)]
    left = [pod for pod in pods if isinstance(pod.needs.requests, Cause)]
    for pod, asked in sorted(sized, key=_largest_first):
        found = next((room.node for room in offers if free[room.node].holds(asked) and suits(pod.needs, room)), None)
        if found is None:
            left.append(pod)
        else:
            free[found] = free[found].less(asked)
    return tuple(left)


def _largest_first(sized: tuple[PodFacts, Resources]) -> tuple[int, int, str, str]:
    pod, asked = sized
    return (-asked.millicores, -asked.memory_bytes, pod.namespace, pod.name)


def suits(needs: Needs, room: FreeCapacity) -> bool:
    """Whether a node may take the pod at all, however full it is."""
    labels = dict(room.labels)
    if not all(_any_term(terms, labels, room.node) for terms in needs.selectors):
        return False
    return all(any(_tolerates(one, taint) for one in needs.tolerations) for taint in room.taints)


def _any_term(terms: Terms, labels: Mapping[str, str], name: str) -> bool:
    return any(all(_meets(requirement, labels, name) for requirement in term) for term in terms)


def _meets(requirement: Requirement, labels: Mapping[str, str], name: str) -> bool:
    value = name if requirement.is_name else labels.get(requirement.key)
    match requirement.operator:
        case SelectorOperator.IN:
            return value in requirement.values
        case SelectorOperator.NOT_IN:
            return value not in requirement.values
        case SelectorOperator.EXISTS:
            return value is not None
        case SelectorOperator.DOES_NOT_EXIST:
            return value is None
        case SelectorOperator.GREATER_THAN | SelectorOperator.LESS_THAN:
            return _compares(requirement, value)
        case None:
            return False


def _compares(requirement: Requirement, value: str | None) -> bool:
    try:
        has, limit = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return has > limit if requirement.operator is SelectorOperator.GREATER_THAN else has < limit


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case TolerationOperator.EXISTS:
            return True
        case TolerationOperator.EQUAL:
            return bool(toleration.key) and toleration.value == taint.value
        case None:
            return False
