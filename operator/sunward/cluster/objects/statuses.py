"""Statuses as they are read and sent: a new object has none, and nothing is null in a row of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

Row = TypeVar("Row", bound=Mapping[str, Any])


def status_of(body: Mapping[str, Any]) -> Any:
    """The status of an object, empty where it has none yet; the caller says of which kind it is."""
    return body.get("status") or {}


def present(row: Row) -> Row:
    """A row of a list without what is not known: a list is written whole, and null is no value of a row."""
    return cast(Row, {key: value for key, value in row.items() if value is not None})
