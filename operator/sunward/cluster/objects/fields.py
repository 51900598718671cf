"""A spec checked and completed as the API server does it, for objects that came from a file and met no server.

What passes here has every field that its kind requires, of the declared type and within the declared bounds, and every
default. The definitions in `crds/` own the defaults; `crd_fields` is generated from them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sunward.cluster.access.times import parse_time
from sunward.domain.errors import InvalidInput

ZONE = re.compile(r"T.*(Z|[+-]\d\d:\d\d)$", re.ASCII | re.IGNORECASE)
"""The end of a time that names its zone."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a definition. `default` None means that it has none: no definition has null as a default."""

    type: str
    required: bool = False
    default: Any = None
    values: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    def fault(self, value: object) -> str | None:
        """What is wrong with a value of this field, or None."""
        if not _HAS_TYPE[self.type](value):
            return f"must be {_WORDS[self.type]}"
        if self.values and value not in self.values:
            return f"must be one of {', '.join(self.values)}"
        if isinstance(value, int) and not self._is_within(value):
            return f"must be from {self.minimum} to {self.maximum}"
        return None

    def _is_within(self, value: int) -> bool:
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)


def completed(fields: Mapping[str, Field], spec: object, where: str) -> Any:
    """A copy of *spec* with every default. Raises InvalidInput that names the first field that is missing or wrong."""
    if not isinstance(spec, Mapping):
        raise InvalidInput(where, "must be a map of fields")
    filled = copy.deepcopy(dict(spec))
    for path, field in fields.items():
        *outer, name = path.split(".")
        for place, at in _places(filled, outer, where):
            _complete(place, name, field, at)
    return filled


def _places(place: dict[str, Any], outer: Sequence[str], where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object that a path leads to, with its own path; none where something on the way was left out."""
    if not outer:
        yield place, where
        return
    name = outer[0].removesuffix("[]")
    found = place.get(name)
    if isinstance(found, str):
        return  # where a text stands in place of the object, there is nothing below it
    if name == outer[0]:
        yield from () if found is None else _places(found, outer[1:], f"{where}.{name}")
        return
    for index, row in enumerate(found or ()):
        at = f"{where}.{name}[{index}]"
        if not isinstance(row, dict):
            raise InvalidInput(at, "must be a map of fields")
        yield from _places(row, outer[1:], at)


def _complete(place: dict[str, Any], name: str, field: Field, where: str) -> None:
    """Fill in a default, or check what was given; a null counts as left out, as it does for the server."""
    if name.endswith("[]") or name == "*":
        for at, item in _items(place, name, where):
            _check(item, field, at)
        return
    if place.get(name) is None:
        place.pop(name, None)
        if field.default is not None:
            place[name] = copy.deepcopy(field.default)
        elif field.required:
            raise InvalidInput(f"{where}.{name}", "is missing")
        return
    _check(place[name], field, f"{where}.{name}")


def _items(place: dict[str, Any], name: str, where: str) -> Iterator[tuple[str, object]]:
    """Every item of a list, or every value of a map, with its path."""
    if name == "*":
        yield from ((f"{where}.{key}", value) for key, value in place.items())
        return
    rows = place.get(name.removesuffix("[]")) or ()
    yield from ((f"{where}.{name.removesuffix('[]')}[{index}]", item) for index, item in enumerate(rows))


def _check(value: object, field: Field, where: str) -> None:
    fault = field.fault(value)
    if fault is not None:
        raise InvalidInput(where, fault)


def _is_time(value: object) -> bool:
    """RFC 3339 with a time zone, in the years 1 to 9999."""
    if not isinstance(value, str) or not ZONE.search(value):
        return False
    try:
        return parse_time(value) is not None
    except ValueError:
        return False


_HAS_TYPE: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict) and all(isinstance(key, str) for key in value),
    "array": lambda value: isinstance(value, list),
    "time": _is_time,
    "textOrObject": lambda value: isinstance(value, str | dict),
}
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a map of fields",
    "array": "a list",
    "time": "a time with its zone, such as 2026-11-22T18:00:00Z",
    "textOrObject": "text or a map of fields",
}
