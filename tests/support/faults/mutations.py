"""Mistakes in a spec, generated from a definition's schema: bounds and beyond, other types, foreign words, fields that
go or come, and two of them at once."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

Body = dict[str, Any]
Path = tuple[str | int, ...]
GONE = object()
"""In place of a value: the field is left out."""
WRONG: Sequence[Any] = (None, True, 7, -1, 0.5, "", "x", "1h", [], {}, [[]], {"a": {}})
MOST_ROWS = 40
ALLOWED_SHARE = 0.75
SAMPLES: Mapping[str, Any] = {"string": "x", "integer": 1, "number": 1.5, "boolean": True}


def mutated(spec: Body, schema: Body, dice: random.Random) -> tuple[Body, str]:
    """A copy of a spec with one or two changes, and what they are."""
    changed, told = copy.deepcopy(spec), []
    for _ in range(dice.choice((1, 1, 2))):
        path, part = dice.choice(list(_fields(schema)))
        value = _value(part, dice)
        if _put(changed, path, value):
            told.append(f"{'.'.join(map(str, path))} = {'gone' if value is GONE else repr(value)[:60]}")
    return changed, ", ".join(told)


def _fields(schema: Body, path: Path = ()) -> Iterator[tuple[Path, Body]]:
    """Every field of a schema, the first row of every list, and one key of every map."""
    for name, part in (schema.get("properties") or {}).items():
        yield (*path, name), part
        yield from _fields(part, (*path, name))
    if "items" in schema:
        yield (*path, 0), schema["items"]
        yield from _fields(schema["items"], (*path, 0))
    if isinstance(schema.get("additionalProperties"), dict):
        yield (*path, "key"), schema["additionalProperties"]


def _value(schema: Body, dice: random.Random) -> Any:
    """Mostly what the schema allows, so that the operator sees more than the server's refusals."""
    return dice.choice(list(_allowed(schema, dice) if dice.random() < ALLOWED_SHARE else _wrong(schema, dice)))


def _allowed(schema: Body, dice: random.Random) -> Iterator[Any]:
    yield GONE
    yield from schema.get("enum") or ()
    yield from (schema[bound] for bound in ("minimum", "maximum") if bound in schema)
    yield _made(schema, dice)


def _wrong(schema: Body, dice: random.Random) -> Iterator[Any]:
    yield from WRONG
    yield from (schema[bound] + step for bound, step in (("minimum", -1), ("maximum", 1)) if bound in schema)
    if schema.get("type") == "string":
        length = schema.get("maxLength", 300)
        yield from ("x" * length, "x" * (length + 1), "2026-12-01T00:00:00Z", "NO", "a\nb", "../../etc/passwd")
    if schema.get("type") == "array":
        yield [_made(schema["items"], dice) for _ in range(min(MOST_ROWS, schema.get("maxItems", MOST_ROWS) + 1))]


def _made(schema: Body, dice: random.Random) -> Any:
    """A value of a schema, with or without what it does not require."""
    if "enum" in schema:
        return dice.choice(schema["enum"])
    if "default" in schema and dice.random() < 0.5:
        return copy.deepcopy(schema["default"])
    match schema.get("type"):
        case "object":
            required = schema.get("required") or ()
            chosen: Body = schema.get("properties") or {}
            return {n: _made(p, dice) for n, p in chosen.items() if n in required or dice.random() < 0.3}
        case "array":
            return [_made(schema["items"], dice) for _ in range(dice.randint(0, 2))]
        case "integer":
            return dice.randint(schema.get("minimum", 0), min(schema.get("maximum", 1000), 10**6))
        case kind:
            return SAMPLES.get(str(kind), "x")


def _put(spec: Any, path: Path, value: Any) -> bool:
    """Set or take away what stands at a path, making the objects on the way; False where a value bars it."""
    for key, following in pairwise(path):
        new: Any = [] if isinstance(following, int) else {}
        if isinstance(spec, dict) and isinstance(key, str):
            spec = spec.setdefault(key, new)
        elif isinstance(spec, list) and isinstance(key, int):
            spec.extend([new] if not spec else [])
            spec = spec[key]
        else:
            return False
    return _set(spec, path[-1], value)


def _set(spec: Any, key: str | int, value: Any) -> bool:
    if isinstance(spec, dict) and isinstance(key, str):
        spec.pop(key, None)
        if value is not GONE:
            spec[key] = copy.deepcopy(value)
        return True
    if isinstance(spec, list) and isinstance(key, int):
        spec[:1] = [] if value is GONE else [copy.deepcopy(value)]
        return True
    return False
