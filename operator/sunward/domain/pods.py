"""Pods: what they ask of a node, what nodes have left for them, and what a drain needs to know of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sunward.domain.cause import Cause


class SelectorOperator(StrEnum):
    """How a node selector compares a label with its values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER_THAN = "Gt"
    LESS_THAN = "Lt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One line of a node selector: a label (or, with `is_name`, the node's name) and the values asked for.

    `operator` is None where Kubernetes has one that is not known here: no node is then known to meet the line.
    """

    key: str
    operator: SelectorOperator | None
    values: tuple[str, ...] = ()
    is_name: bool = False


class TolerationOperator(StrEnum):
    """How a toleration compares the value of a taint with its own."""

    EQUAL = "Equal"
    EXISTS = "Exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """What a pod puts up with; an empty key means every taint, an empty effect every effect.

    `operator` is None where Kubernetes has one that is not known here: no taint is then known to be tolerated.
    """

    key: str = ""
    operator: TolerationOperator | None = TolerationOperator.EQUAL
    value: str = ""
    effect: str = ""


Terms = tuple[tuple[Requirement, ...], ...]
"""Alternatives, each a list of requirements that must all hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Thousandths of a core, bytes of memory and a number of pods. Negative on a node that promised too much."""

    millicores: int = 0
    memory_bytes: int = 0
    pods: int = 0

    def holds(self, asked: Resources) -> bool:
        """Whether *asked* fits in. What is not asked for is not missing where there is too little of it already."""
        pairs = (
            (asked.millicores, self.millicores),
            (asked.memory_bytes, self.memory_bytes),
            (asked.pods, self.pods),
        )
        return all(amount <= left or amount == 0 for amount, left in pairs)

    def less(self, taken: Resources) -> Resources:
        """What is left once *taken* is gone; negative where more was taken than there was."""
        return Resources(
            millicores=self.millicores - taken.millicores,
            memory_bytes=self.memory_bytes - taken.memory_bytes,
            pods=self.pods - taken.pods,
        )


ONE_POD = Resources(pods=1)
"""What a pod without requests takes of a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a pod asks of any node: `requests`, and of each of `selectors` one alternative.

    `requests` is a Cause where an amount cannot be read: how much the pod needs is then unknown, and not nothing.
    Its own selector and affinity count, and those of the volumes that it has claimed.
    """

    requests: Resources | Cause = ONE_POD
    selectors: tuple[Terms, ...] = ()
    tolerations: tuple[Toleration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint that keeps pods away; PreferNoSchedule is left out."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeCapacity:
    """What a node can still take: Ready, schedulable, with what is free after all pods that are bound to it.

    `free` is a Cause where an amount of the node, or of a pod that is bound to it, cannot be read.
    """

    node: str
    labels: tuple[tuple[str, str], ...]
    taints: tuple[Taint, ...]
    free: Resources | Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """What the drain needs to know of one pod on a node."""

    namespace: str
    name: str
    uid: str
    node_name: str | None
    phase: str
    owner_kind: str | None
    is_daemon: bool
    is_mirror: bool
    is_terminating: bool
    do_not_disrupt: bool
    uses_local_storage: bool
    labels: tuple[tuple[str, str], ...] = ()
    needs: Needs = field(default_factory=Needs)
    priority: int = 0
    owner_uid: str = ""

    def label(self, key: str) -> str | None:
        """Value of a label, or None."""
        return dict(self.labels).get(key)
