"""The API server's time: the machine's own clock may be wrong for minutes after a boot without a network."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TRUSTED_SECONDS = 120.0
"""After so long without an answer the time is not known: a suspended machine's monotonic clock stands still."""


class ServerClock:
    """Counts on from the Date of the last answer by the monotonic clock. Late by up to the time of a request and one
    second, never early by more than that second."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset_seconds: float | None = None
        self._heard_at = 0.0

    def heard(self, date: str | None, asked_at_seconds: float) -> None:
        """Take in an answer's Date header, a whole second, and when its question left by the monotonic clock."""
        try:
            told = parsedate_to_datetime(date or "")
        except (TypeError, ValueError):
            return
        if told.tzinfo is None:
            return
        earliest, latest = told.timestamp() - self._monotonic(), told.timestamp() + 1.0 - asked_at_seconds
        known = self._offset_seconds if self._offset_seconds is not None else latest
        self._offset_seconds, self._heard_at = min(max(known, earliest), latest), self._monotonic()

    def now(self) -> datetime | None:
        """The server's time (aware, UTC); None while it is not known."""
        moment = self._monotonic()
        if self._offset_seconds is None or moment - self._heard_at > TRUSTED_SECONDS:
            return None
        return datetime.fromtimestamp(moment + self._offset_seconds, tz=UTC)
