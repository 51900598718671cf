"""Max-min fair shares of the time of nodes between namespaces, by progressive filling. Pure arithmetic.

Every namespace's share grows at the same rate until it has what it asks for; what is left goes on to the others
(Bertsekas and Gallager, Data Networks, 2nd ed. 1992, section 6.5.2: max-min flow control). So no namespace gets less
because another asks for more, however many jobs it has. Within a namespace the jobs are served by priority, then by
deadline; jobs with the same of both share in proportion to what they ask for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

Order = tuple[float, ...]
"""Who is served first within a namespace: the smaller."""

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one job asks for in a period: seconds by node. It needs the same share of each."""

    job: str
    namespace: str
    order: Order
    seconds: Mapping[str, float]


def max_min(capacity: float, demands: Mapping[str, float]) -> dict[str, float]:
    """What each may have of *capacity*: all that it asks for, or as much as anyone else who does not get that."""
    granted: dict[str, float] = {}
    left = capacity
    for count, name in enumerate(sorted(demands, key=lambda name: (demands[name], name))):
        granted[name] = min(demands[name], left / (len(demands) - count))
        left -= granted[name]
    return granted


def shares(demands: Sequence[Demand], capacity: float) -> dict[str, float]:
    """By job: the share of its demand, in [0, 1], that every node it asks for can give it.

    *capacity* is the seconds of each node in a period.
    """
    served = {demand.job: 1.0 for demand in demands}
    for node in {node for demand in demands for node in demand.seconds}:
        for job, share in _of_node(node, demands, capacity).items():
            served[job] = min(served[job], share)
    return served


def _of_node(node: str, demands: Iterable[Demand], capacity: float) -> dict[str, float]:
    """The same for one node alone."""
    here = [demand for demand in demands if demand.seconds.get(node, 0.0) > 0.0]
    granted = max_min(capacity, _by_namespace(node, here))
    served: dict[str, float] = {}
    for namespace, seconds in granted.items():
        served |= _of_namespace(node, [one for one in here if one.namespace == namespace], seconds)
    return served


def _by_namespace(node: str, demands: Iterable[Demand]) -> dict[str, float]:
    asked: dict[str, float] = defaultdict(float)
    for demand in demands:
        asked[demand.namespace] += demand.seconds[node]
    return asked


def _of_namespace(node: str, demands: Iterable[Demand], seconds: float) -> dict[str, float]:
    """First come those of the first order, all in the same proportion; then the next, of what is left."""
    served: dict[str, float] = {}
    for _, group in groupby(sorted(demands, key=_order), key=lambda demand: demand.order):
        together = list(group)
        asked = sum(demand.seconds[node] for demand in together)
        share = min(1.0, max(0.0, seconds) / asked)
        served |= dict.fromkeys((demand.job for demand in together), share)
        seconds -= share * asked
    return served


def _order(demand: Demand) -> tuple[Order, str]:
    return demand.order, demand.job


def turns(demands: Sequence[Demand], capacity: float) -> dict[str, dict[str, int]]:
    """By contended node and namespace: how many jobs may run there at once.

    Pods that run on a node at once get about the same time each, so a namespace with twenty pods beside one with a
    single pod would get twenty times its share. The numbers stand in the same proportion as the shares.
    """
    allowed: dict[str, dict[str, int]] = {}
    for node in sorted({node for demand in demands for node in demand.seconds}):
        here = [demand for demand in demands if demand.seconds.get(node, 0.0) > 0.0]
        asked = _by_namespace(node, here)
        if len(asked) > 1 and sum(asked.values()) > capacity * (1 + TOLERANCE):
            allowed[node] = _proportional(max_min(capacity, asked), here)
    return allowed


def _proportional(granted: Mapping[str, float], demands: Sequence[Demand]) -> dict[str, int]:
    counts = {name: sum(demand.namespace == name for demand in demands) for name in granted}
    unit = max(granted[name] / counts[name] for name in granted)
    return {name: max(1, int(granted[name] / unit * (1 + TOLERANCE))) for name in granted}
