"""Pods: what they ask of a node, what nodes have left for them, and what a drain needs to know of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
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
    """Thousandths of a core, bytes of memory, a number of pods, and what else has a name (devices, disk, huge pages).

    `others` are sorted by name, in the resource's own unit. Amounts are negative on a node that promised too much.
    """

    millicores: int = 0
    memory_bytes: int = 0
    pods: int = 0
    others: tuple[tuple[str, int], ...] = ()

    def holds(self, asked: Resources) -> bool:
        """Whether *asked* fits in. What is not asked for is not missing where there is too little of it already."""
        return self.missing(asked) is None

    def missing(self, asked: Resources) -> str | None:
        """The first resource of which there is too little for *asked*, or None."""
        has = dict(self.others)
        amounts = (
            ("cpu", asked.millicores, self.millicores),
            ("memory", asked.memory_bytes, self.memory_bytes),
            ("pods", asked.pods, self.pods),
            *((name, amount, has.get(name, 0)) for name, amount in asked.others),
        )
        return next((name for name, amount, left in amounts if amount > left and amount != 0), None)

    def less(self, taken: Resources) -> Resources:
        """What is left once *taken* is gone; negative where more was taken than there was."""
        return Resources(
            millicores=self.millicores - taken.millicores,
            memory_bytes=self.memory_bytes - taken.memory_bytes,
            pods=self.pods - taken.pods,
            others=_less(self.others, taken.others) if taken.others else self.others,
        )


def _less(left: tuple[tuple[str, int], ...], taken: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    amounts = dict(left)
    for name, amount in taken:
        amounts[name] = amounts.get(name, 0) - amount
    return tuple(sorted(amounts.items()))


ONE_POD = Resources(pods=1)
"""What a pod without requests takes of a node."""

Selector = tuple[Requirement, ...]
"""Requirements on the labels of pods, which must all hold; an empty one is met by every pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTerm:
    """One term of required affinity or anti-affinity: pods that match, within one value of `topology_key`.

    `selector` is None where there is none: no pod matches. `namespaces` is None for every namespace.
    """

    topology_key: str
    selector: Selector | None
    namespaces: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A topology spread constraint with DoNotSchedule: how evenly pods that match stand over the values of a label.

    `minimum_domains` below which the emptiest value counts as 0. `honours_selectors` and `honours_taints`: only nodes
    that the pod's own selectors, or its tolerations, admit are counted.
    """

    topology_key: str
    maximum_skew: int
    selector: Selector | None
    minimum_domains: int = 1
    honours_selectors: bool = True
    honours_taints: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPort:
    """A port of the node itself; an empty `address` means every address of it."""

    port: int
    protocol: str = "TCP"
    address: str = ""

    def collides(self, other: HostPort) -> bool:
        """Whether both cannot be had on one node."""
        same = (self.port, self.protocol) == (other.port, other.protocol)
        return same and (self.address == other.address or not self.address or not other.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a pod asks of any node: `requests`, and of each of `selectors` and `volumes` one alternative.

    `requests` is a Cause where an amount cannot be read: how much the pod needs is then unknown, and not nothing.
    `volumes` tell where the volumes that it has claimed can be used. `unknown` is what no check here understands, so
    that no node is known to take the pod.
    """

    requests: Resources | Cause = ONE_POD
    selectors: tuple[Terms, ...] = ()
    volumes: tuple[Terms, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    spreads: tuple[Spread, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    unknown: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint that keeps pods away; PreferNoSchedule is left out."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeCapacity:
    """What a node can take, or could once it is up: what is free after all pods that are bound to it.

    `free` is a Cause where an amount of the node, or of a pod that is bound to it, cannot be read. `taints` stay;
    `passing_taints` go when the node is up and schedulable again. `pods` are bound to it and have not ended.
    """

    node: str
    labels: tuple[tuple[str, str], ...]
    taints: tuple[Taint, ...]
    free: Resources | Cause
    passing_taints: tuple[Taint, ...] = ()
    pods: tuple[PodFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """What the drain needs to know of one pod on a node.

    `local_storage` has kind and name of each volume that makes `uses_local_storage` true.
    `held` tells why it is known that its eviction is refused or in vain. `budget` tells which disruption budgets do
    not let it go at present; during a drain that may change with every pod that starts elsewhere.
    """

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
    local_storage: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    needs: Needs = field(default_factory=Needs)
    priority: int = 0
    owner_uid: str = ""
    held: Cause | None = None
    budget: Cause | None = None

    def label(self, key: str) -> str | None:
        """Value of a label, or None."""
        return dict(self.labels).get(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPod:
    """A pod for which the scheduler found no node (Unschedulable) at `since`, in the scheduler's words.

    `next_wake_at` is set once nodes were woken for it in vain: none is woken for it before that time.
    """

    pod: PodFacts
    since: datetime | None
    message: str = ""
    next_wake_at: datetime | None = None

    @property
    def key(self) -> str:
        """Namespace and name."""
        return f"{self.pod.namespace}/{self.pod.name}"
