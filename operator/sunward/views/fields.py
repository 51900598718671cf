"""Reads parts of resources. A part that is absent or of another type is None: the page then says that it is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sunward.views.models import Why

Body = Mapping[str, Any]


def at(body: Any, *path: str) -> Any:
    """The value at a path of maps, or None."""
    for key in path:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body


def text(body: Any, *path: str) -> str | None:
    """The text at a path, or None."""
    found = at(body, *path)
    return found if isinstance(found, str) and found else None


def whole(body: Any, *path: str) -> int | None:
    """The whole number at a path, or None."""
    found = at(body, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def scaled(body: Any, *path: str, per: float) -> float | None:
    """The whole number at a path, divided by *per*, or None."""
    found = whole(body, *path)
    return None if found is None else found / per


def rows(body: Any, *path: str) -> Iterator[Body]:
    """The maps in the list at a path."""
    found = at(body, *path)
    yield from (row for row in (found if isinstance(found, list) else ()) if isinstance(row, Mapping))


def moment(stamp: str | None) -> datetime | None:
    """An RFC 3339 time, or None for a text that is none."""
    try:
        found = datetime.fromisoformat((stamp or "").upper())
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stamp(time: datetime) -> str:
    """RFC 3339 in UTC with whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def later(time: datetime, seconds: float) -> datetime:
    """*seconds* after *time*, as far as the calendar goes."""
    try:
        return time + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def condition(body: Body, kind: str, status: str = "True") -> Why | None:
    """A condition that has this status, or None."""
    for row in rows(body, "status", "conditions"):
        if row.get("type") == kind and row.get("status") == status:
            return why(row, since="lastTransitionTime")
    return None


def why(row: Body, *, since: str | None = None) -> Why:
    """Reason and sentence of a row."""
    return Why(
        reason=text(row, "reason") or "",
        message=text(row, "message") or "",
        since=text(row, since) if since else None,
    )


def name_of(body: Body) -> str:
    """namespace/name, or the name of an object of the cluster."""
    name, namespace = text(body, "metadata", "name") or "", text(body, "metadata", "namespace")
    return f"{namespace}/{name}" if namespace else name
