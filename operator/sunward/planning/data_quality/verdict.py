"""How data are judged: three answers, each with a reason. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sunward.domain.cause import Cause
from sunward.domain.nodes import MeterFacts
from sunward.domain.snapshot import ZoneIntensity


class Use(StrEnum):
    """What a number may be used for, best first.

    Pessimistic: a value that promises less stands in its place. Hold: nothing sleeps and nothing moves for its sake.
    """

    USE = "Use"
    PESSIMISTIC = "Pessimistic"
    HOLD = "Hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is worth knowing about the data. `subject` is "cluster", "node/NAME" or "zone/NAME"."""

    subject: str
    use: Use
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeVerdict:
    """What a node's numbers are good for. `meters` holds the values that may be used in place of those read.

    `degraded` is set when the node should answer and has been silent for half an hour.
    """

    node: str
    meters: MeterFacts
    findings: tuple[Finding, ...] = ()
    degraded: bool = False

    @property
    def use(self) -> Use:
        """The worst of its findings."""
        return worst(finding.use for finding in self.findings)

    @property
    def supports_sleep(self) -> bool:
        """Whether these numbers are good enough to put the node to sleep."""
        return self.use is Use.USE


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneVerdict:
    """What a zone's intensity is good for."""

    zone: str
    intensity: ZoneIntensity
    findings: tuple[Finding, ...] = ()

    @property
    def use(self) -> Use:
        """The worst of its findings."""
        return worst(finding.use for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVerdict:
    """The judgement of one snapshot.

    `hold` is the finding that stops everything; `wake_for_pending` asks for nodes to be woken although, or because,
    nothing can be seen. Both are None when all is well. `findings` holds everything found, the cluster's first.
    """

    nodes: Mapping[str, NodeVerdict]
    zones: Mapping[str, ZoneVerdict]
    hold: Finding | None
    wake_for_pending: Finding | None
    findings: tuple[Finding, ...]


def worst(uses: Iterable[Use]) -> Use:
    """The worst of some answers; Use for none."""
    order = list(Use)
    return max(uses, key=order.index, default=Use.USE)
