"""Ways the world can misbehave on request: so that tests meet broken hardware, not mocked code.

Only the loopback admin port sets them. A fault changes what is shown or done, never the physics or the
truth that is written beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class RelayFault(StrEnum):
    """How a relay can fail."""

    NONE = "none"
    TIMEOUT = "timeout"  # accepts the connection and never answers
    ERROR = "error"  # answers 500 to everything
    STUCK = "stuck"  # says yes to Switch.Set and does nothing: output and meter tell the truth
    LIES = "lies"  # says yes, shows the wished output and 0 W, and does nothing


class SensorFault(StrEnum):
    """How a node's power sensor can fail."""

    NONE = "none"
    FROZEN = "frozen"
    MISSING = "missing"
    GARBAGE = "garbage"
    NEGATIVE = "negative"
    HUGE = "huge"


class FeedFault(StrEnum):
    """How the emissions API can fail."""

    NONE = "none"
    TIMEOUT = "timeout"
    ERROR = "error"  # 500
    FROZEN = "frozen"  # repeats the answers of the moment the fault began
    EMPTY = "empty"  # 200 with no value
    REFUSED = "refused"  # 401


@dataclass(slots=True)
class Faults:
    """All faults in force; absent means none."""

    relays: dict[str, RelayFault] = field(default_factory=dict)
    sensors: dict[str, SensorFault] = field(default_factory=dict)
    feed: FeedFault = FeedFault.NONE

    def relay(self, node: str) -> RelayFault:
        """The fault of a node's relay."""
        return self.relays.get(node, RelayFault.NONE)

    def sensor(self, node: str) -> SensorFault:
        """The fault of a node's power sensor."""
        return self.sensors.get(node, SensorFault.NONE)
