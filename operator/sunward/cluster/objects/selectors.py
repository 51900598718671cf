"""Selectors of nodes and tolerations of pods, as the API server sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sunward.cluster.objects.constraints import REQUIRED, one_of
from sunward.domain.pods import Requirement, SelectorOperator, Terms, Toleration, TolerationOperator

Body = Mapping[str, Any]


def node_selectors(spec: Body) -> Iterator[Terms]:
    """A pod's own selector of nodes, and its required affinity to them."""
    if spec.get("nodeSelector"):
        yield (
            tuple(
                Requirement(key=key, operator=SelectorOperator.IN, values=(value,))
                for key, value in spec["nodeSelector"].items()
            ),
        )
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED) or {}
    if required.get("nodeSelectorTerms"):
        yield node_terms(required["nodeSelectorTerms"])


def node_terms(terms: Sequence[Body]) -> Terms:
    """Alternatives of a selector of nodes."""
    return tuple(
        tuple(
            Requirement(
                key=one["key"],
                operator=one_of(SelectorOperator, one["operator"]),
                values=tuple(one.get("values") or ()),
                is_name=is_name,
            )
            for kind, is_name in (("matchExpressions", False), ("matchFields", True))
            for one in term.get(kind) or ()
        )
        for term in terms
    )


def tolerations(spec: Body) -> tuple[Toleration, ...]:
    """What the pod puts up with."""
    return tuple(
        Toleration(
            key=one.get("key") or "",
            operator=one_of(TolerationOperator, one.get("operator") or TolerationOperator.EQUAL),
            value=one.get("value") or "",
            effect=one.get("effect") or "",
        )
        for one in spec.get("tolerations") or ()
    )
