"""The API server's time, by which everything is dated that another process may have to judge.

Deadlines, dwell times and beginnings stand in the records of the cluster, and whoever leads next goes on from there.
Two hosts' clocks need not agree (a Raspberry Pi has no battery behind its clock): a drain begun by one a minute ahead
would end two minutes late under another a minute behind. The server is what all of them talk to anyway.

Every answer carries a `Date` (RFC 9110, 6.6.1), a whole second that was current somewhere between question and answer.
That bounds the server's time from both sides; between answers our monotonic clock counts on, so that a wall clock that
is set by its network meanwhile moves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WORTH_SAYING_SECONDS = 5.0
"""Clocks that are kept by a network agree far better."""


class ServerClock:
    """Called, it tells the server's time (aware, UTC); until the server has answered once, this machine's.

    `differs` is told by how many seconds this machine's wall clock is ahead, once each time that becomes worth saying.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        differs: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._differs = differs
        self._said = False
        self._offset_seconds = wall() - monotonic()

    def __call__(self) -> datetime:
        return self.at(self.monotonic())

    def at(self, moment_seconds: float) -> datetime:
        """The server's time at a moment of the monotonic clock, by what is known of it now."""
        return datetime.fromtimestamp(moment_seconds + self._offset_seconds, tz=UTC)

    def heard(self, date: str | None, asked_at_seconds: float) -> None:
        """An answer's Date header and when its question left; moves no further than the answer demands."""
        told = _seconds_of(date)
        if told is None:
            return
        earliest, latest = told - self.monotonic(), told + 1.0 - asked_at_seconds
        self._offset_seconds = min(max(self._offset_seconds, earliest), latest)
        ahead = self._wall() - self.monotonic() - self._offset_seconds
        worth_saying = abs(ahead) > WORTH_SAYING_SECONDS
        if worth_saying and not self._said:
            self._differs(ahead)
        self._said = worth_saying


def _seconds_of(date: str | None) -> float | None:
    """Seconds since the epoch; None for no date, or for one without a zone or sense."""
    try:
        told = parsedate_to_datetime(date or "")
    except (TypeError, ValueError):
        return None
    return None if told.tzinfo is None else told.timestamp()
