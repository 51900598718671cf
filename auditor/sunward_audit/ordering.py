"""Brings what several connections tell into the order in which it happened.

Objects of all kinds carry versions of one store, which order them exactly; what has no version (relays, logs) is put
between them by the time of its arrival. For that everything is held back a little.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from sunward_audit.events import Event

HOLD_SECONDS = 3.0
SETTLE_SECONDS = 1.5
"""What a relay was told counts as this much later: the record that announced it travels on another connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event, its version if it has one, and when it came by our monotonic clock."""

    event: Event
    at: float
    version: int | None = None


class Ordering:
    """Holds arrivals back until their order is certain enough."""

    def __init__(self, hold_seconds: float = HOLD_SECONDS) -> None:
        self._hold = hold_seconds
        self._waiting: list[Arrival] = []

    def add(self, arrival: Arrival) -> None:
        """One more."""
        self._waiting.append(arrival)

    def release(self, now: float) -> list[Event]:
        """All that came before `now` less the hold, and every object whose version is older than one of those."""
        ripe = [a for a in self._waiting if a.at <= now - self._hold]
        newest = max((a.version for a in ripe if a.version is not None), default=-1)
        out = [
            a
            for a in self._waiting
            if (a.version is not None and a.version <= newest) or (a.version is None and a in ripe)
        ]
        chosen = set(map(id, out))
        self._waiting = [a for a in self._waiting if id(a) not in chosen]
        return in_order(out)


def in_order(arrivals: Iterable[Arrival]) -> list[Event]:
    """Objects by version; between them the others, by arrival."""
    objects = sorted((a for a in arrivals if a.version is not None), key=lambda a: a.version or 0)
    others = [a for a in arrivals if a.version is None]
    # An object happened no later than any object of a younger version was seen.
    latest = list(accumulate((a.at for a in reversed(objects)), min))[::-1]
    keyed = [(at, a.event) for at, a in zip(latest, objects, strict=True)]
    keyed += [(a.at + SETTLE_SECONDS, a.event) for a in others]
    return [event for _, event in sorted(keyed, key=lambda pair: pair[0])]
