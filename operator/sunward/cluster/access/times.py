"""Times as the API server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API as aware UTC; None stays None."""
    if not text:
        return None
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@overload
def format_time(moment: datetime) -> str: ...
@overload
def format_time(moment: None) -> None: ...
@overload
def format_time(moment: datetime | None) -> str | None: ...
def format_time(moment: datetime | None) -> str | None:
    """RFC 3339 with microseconds as the API's MicroTime writes it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
