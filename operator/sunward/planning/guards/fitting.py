"""Whether a pod suits a node, whatever else runs there: selectors, taints, volumes. What pods ask of one another is in
neighbours.py, and which pods fit together in placing.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sunward.domain.pods import (
    FreeCapacity,
    Needs,
    Requirement,
    SelectorOperator,
    Taint,
    Terms,
    Toleration,
    TolerationOperator,
)


def unsuited(needs: Needs, room: FreeCapacity) -> str | None:
    """Why a node may not take the pod, however empty it is; None where it may."""
    if needs.unknown is not None:
        return needs.unknown.message
    if not admits(needs.selectors, room):
        return "node selector or affinity"
    if not admits(needs.volumes, room):
        return "its volumes are elsewhere"
    return next((f"taint {taint.key}" for taint in room.taints if not tolerates(needs.tolerations, taint)), None)


def admits(selectors: Iterable[Terms], room: FreeCapacity) -> bool:
    """Whether the node meets one alternative of each selector."""
    labels = dict(room.labels)
    return all(_any_term(terms, labels, room.node) for terms in selectors)


def tolerates(tolerations: Sequence[Toleration], taint: Taint) -> bool:
    """Whether a pod puts up with a taint."""
    return any(_tolerates(one, taint) for one in tolerations)


def meets(requirement: Requirement, labels: Mapping[str, str], name: str = "") -> bool:
    """Whether an object of that name has the label that is asked for; an operator that is not known is not met."""
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


def _any_term(terms: Terms, labels: Mapping[str, str], name: str) -> bool:
    return any(term and all(meets(requirement, labels, name) for requirement in term) for term in terms)


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
