"""What pods ask of one another: required affinity and anti-affinity, and even spreading (DoNotSchedule).

The rules are those of the scheduler's filters InterPodAffinity and PodTopologySpread. Sleeping nodes are Nodes to it
too: they count as places on which no pod of a kind runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sunward.domain.pods import FreeCapacity, PodFacts, PodTerm, Selector, Spread, Terms, Toleration
from sunward.planning.guards.fitting import admits, meets, tolerates
from sunward.planning.guards.same import Same, once

Rooms = tuple[FreeCapacity, ...]
Bound = tuple[tuple[str, PodFacts], ...]
"""Pods, each with the name of the node that it is bound to."""


@dataclass(slots=True, kw_only=True)
class Neighbourhood:
    """All nodes with the pods on them, less `gone` (UIDs), and with what has `come` to a node meanwhile.

    `rooms` are never changed; what was counted of them once is remembered. `open_now` are nodes without their passing
    taints.
    """

    rooms: Rooms
    gone: frozenset[str] = frozenset()
    open_now: frozenset[str] = frozenset()
    come: list[tuple[str, PodFacts]] = field(default_factory=list)
    labels: Mapping[str, Mapping[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = _labels(self.rooms)

    def matching(self, namespaces: tuple[str, ...] | None, selector: Selector | None) -> Iterator[tuple[str, PodFacts]]:
        """Pods of those namespaces with those labels, each with its node."""
        if selector is None:
            return
        for node, pod in _matching(Same(self.rooms), namespaces, selector):
            if pod.uid not in self.gone:
                yield node, pod
        yield from ((node, pod) for node, pod in self.come if _selects(namespaces, selector, pod))

    def repelling(self) -> Iterator[tuple[PodTerm, Bound]]:
        """Terms by which pods keep others away, each once, with the pods that have it and their nodes."""
        yield from _repelling(self.rooms).items()
        yield from ((term, ((node, pod),)) for node, pod in self.come for term in pod.needs.anti_affinity)


Pairs = frozenset[tuple[str, str]]
"""Labels of nodes, each a key and a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What the pods of a neighbourhood mean for one pod that looks for a node.

    `repelled` are values of labels that pods there keep it from, `apart` those that it keeps away from itself.
    `together` has, for each term of its affinity, the label's values where it may go; None: wherever the label is.
    `spreads` has the pods that match by value of each constraint's label.
    """

    pod: PodFacts
    repelled: Pairs
    apart: Pairs
    together: tuple[tuple[str, frozenset[str] | None], ...]
    spreads: tuple[tuple[Spread, Mapping[str, int]], ...]

    def unwanted(self, labels: Mapping[str, str]) -> str | None:
        """Why a node with these labels may not take the pod for the sake of other pods; None where it may."""
        if any(labels.get(key) == value for key, value in self.repelled):
            return "anti-affinity of a pod there"
        if any(labels.get(key) == value for key, value in self.apart):
            return "its anti-affinity"
        if any(
            key not in labels or (values is not None and labels[key] not in values) for key, values in self.together
        ):
            return "its affinity to other pods"
        if any(self._is_too_many(spread, counts, labels) for spread, counts in self.spreads):
            return "its topology spread"
        return None

    def _is_too_many(self, spread: Spread, counts: Mapping[str, int], labels: Mapping[str, str]) -> bool:
        value = labels.get(spread.topology_key)
        if value is None:
            return True
        emptiest = min(counts.values(), default=0) if len(counts) >= spread.minimum_domains else 0
        itself = spread.selector is not None and _selects((self.pod.namespace,), spread.selector, self.pod)
        return counts.get(value, 0) + itself - emptiest > spread.maximum_skew


def company(pod: PodFacts, around: Neighbourhood) -> Company:
    """What a neighbourhood means for a pod."""
    return Company(
        pod=pod,
        repelled=frozenset(_repelled(pod, around)),
        apart=frozenset(
            (term.topology_key, value) for term in pod.needs.anti_affinity for value in _values(term, around)
        ),
        together=_together(pod, around),
        spreads=tuple((spread, _spread_over(spread, pod, around)) for spread in pod.needs.spreads),
    )


def _matches(term: PodTerm, pod: PodFacts) -> bool:
    return term.selector is not None and _selects(term.namespaces, term.selector, pod)


def _repelled(pod: PodFacts, around: Neighbourhood) -> Iterator[tuple[str, str]]:
    for term, others in around.repelling():
        if _matches(term, pod):
            nodes = (node for node, other in others if other.uid not in around.gone)
            yield from ((term.topology_key, value) for value in _values_on(nodes, term, around))


def _values(term: PodTerm, around: Neighbourhood) -> frozenset[str]:
    """Values of the term's label on nodes where a pod matches it."""
    return _values_on((node for node, _ in around.matching(term.namespaces, term.selector)), term, around)


def _values_on(nodes: Iterable[str], term: PodTerm, around: Neighbourhood) -> frozenset[str]:
    found = (around.labels[node].get(term.topology_key) for node in set(nodes))
    return frozenset(value for value in found if value is not None)


def _together(pod: PodFacts, around: Neighbourhood) -> tuple[tuple[str, frozenset[str] | None], ...]:
    """A pod counts that matches all terms at once. Where there is none, the first of a kind may go anywhere."""
    terms = pod.needs.affinity
    if not terms:
        return ()
    candidates = around.matching(terms[0].namespaces, terms[0].selector)
    nodes = {node for node, other in candidates if all(_matches(term, other) for term in terms)}
    values = [(term.topology_key, _values_on(nodes, term, around)) for term in terms]
    if not any(found for _, found in values) and all(_matches(term, pod) for term in terms):
        return tuple((key, None) for key, _ in values)
    return tuple(values)


def _spread_over(spread: Spread, pod: PodFacts, around: Neighbourhood) -> Mapping[str, int]:
    """Pods that match by value of the label, over the nodes that count; pods that end do not."""
    keys = tuple(one.topology_key for one in pod.needs.spreads)
    open_now = around.open_now if spread.honours_taints else frozenset()
    counted = _counted(Same(around.rooms), spread, keys, pod.needs.selectors, pod.needs.tolerations, open_now)
    counts: Counter[str] = Counter(dict.fromkeys(counted.values(), 0))
    for node, other in around.matching((pod.namespace,), spread.selector):
        if node in counted and not other.is_terminating:
            counts[counted[node]] += 1
    return counts


@lru_cache(maxsize=512)
def _counted(
    rooms: Same[Rooms],
    spread: Spread,
    keys: tuple[str, ...],
    selectors: tuple[Terms, ...],
    tolerations: tuple[Toleration, ...],
    open_now: frozenset[str],
) -> Mapping[str, str]:
    """The nodes that a constraint counts, with their value of its label."""
    counted: dict[str, str] = {}
    for room in rooms.value:
        labels = dict(room.labels)
        taints = room.taints if room.node in open_now else (*room.taints, *room.passing_taints)
        is_borne = not spread.honours_taints or all(tolerates(tolerations, taint) for taint in taints)
        is_chosen = not spread.honours_selectors or admits(selectors, room)
        if is_borne and is_chosen and all(key in labels for key in keys):
            counted[room.node] = labels[spread.topology_key]
    return counted


def _selects(namespaces: tuple[str, ...] | None, selector: Selector, pod: PodFacts) -> bool:
    if namespaces is not None and pod.namespace not in namespaces:
        return False
    labels = dict(pod.labels) if selector else {}
    return all(meets(requirement, labels) for requirement in selector)


@lru_cache(maxsize=512)
def _matching(rooms: Same[Rooms], namespaces: tuple[str, ...] | None, selector: Selector) -> Bound:
    return tuple(_those(rooms.value, namespaces, selector))


def _those(
    rooms: Sequence[FreeCapacity], namespaces: tuple[str, ...] | None, selector: Selector
) -> Iterable[tuple[str, PodFacts]]:
    return ((room.node, pod) for room in rooms for pod in room.pods if _selects(namespaces, selector, pod))


@once
def _repelling(rooms: Rooms) -> Mapping[PodTerm, Bound]:
    found: dict[PodTerm, list[tuple[str, PodFacts]]] = {}
    for room in rooms:
        for pod in room.pods:
            for term in pod.needs.anti_affinity:
                found.setdefault(term, []).append((room.node, pod))
    return {term: tuple(pods) for term, pods in found.items()}


@once
def _labels(rooms: Rooms) -> Mapping[str, Mapping[str, str]]:
    return {room.node: dict(room.labels) for room in rooms}
