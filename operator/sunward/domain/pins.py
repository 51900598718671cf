"""Who keeps a node awake that would sleep otherwise, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sunward.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One pod or job, as namespace/name, that keeps a node awake; `reason` says by what right."""

    namespace: str
    holder: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedNode:
    """A node that nothing but its pins keeps awake.

    `grams_per_hour` is what it emits awake and idle above asleep, None while its intensity is not known.
    """

    node: str
    pins: tuple[Pin, ...]
    grams_per_hour: float | None

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that pin it, each once."""
        return tuple(sorted({pin.namespace for pin in self.pins}))


@dataclass(frozen=True, slots=True, kw_only=True)
class PinCost:
    """What the pins of one namespace cost: nodes, and grams per hour, None as long as one of them is not known."""

    nodes: int
    grams_per_hour: float | None


def by_namespace(pinned: Iterable[PinnedNode]) -> Mapping[str, PinCost]:
    """Nodes and grams of each namespace. Those that pin a node together share its grams equally."""
    costs: dict[str, PinCost] = {}
    for node in pinned:
        grams = None if node.grams_per_hour is None else node.grams_per_hour / len(node.namespaces)
        for name in node.namespaces:
            before = costs.get(name, PinCost(nodes=0, grams_per_hour=0.0))
            total = None if grams is None or before.grams_per_hour is None else before.grams_per_hour + grams
            costs[name] = PinCost(nodes=before.nodes + 1, grams_per_hour=total)
    return dict(sorted(costs.items()))
