"""Times as the API server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API as aware UTC; None stays None, and a time without a zone counts as UTC.

    Raises ValueError for any other text, and for a time outside the years 1 to 9999 UTC.
    """
    if not text:
        return None
    moment = datetime.fromisoformat(text.upper())  # RFC 3339 allows small letters for T and Z
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be a time in the years 1 to 9999 UTC") from error


@overload
def format_time(moment: datetime) -> str: ...
@overload
def format_time(moment: None) -> None: ...
@overload
def format_time(moment: datetime | None) -> str | None: ...
def format_time(moment: datetime | None) -> str | None:
    """RFC 3339 with microseconds as the API's MicroTime writes it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
