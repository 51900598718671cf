"""Documents of others, spoilt one field at a time: every field of a good example with each of the classic bad values.

A case is JSON text, not a value: duplicate keys, halves of surrogate pairs and numbers that no float holds exist only
there.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
DEEP = 1_500
"""Brackets of a document that is nested too deeply."""

BAD_VALUES: dict[str, str] = {
    "null": "null",
    "true": "true",
    "list": "[]",
    "object": "{}",
    "empty text": '""',
    "text": '"x"',
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "minus one": "-1",
    "zero": "0",
    "fraction": "0.5",
    "1e308": "1e308",
    "1e999": "1e999",
    "1e-320": "1e-320",
    "10**30": str(10**30),
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "10 kB of text": json.dumps("a" * 10_000),
    "half a surrogate pair": '"\\ud800"',
    "null character": '"a\\u0000b"',
    "two lines": '"a\\nb\\u001b[31m"',
    "nested deeply": "[" * DEEP + "]" * DEEP,
    "list of lists": "[[[[]]]]",
    "a thousand rows": json.dumps([{}] * 1000),
    "end of the calendar": '"9999-12-31T23:59:59-23:59"',
    "begin of the calendar": '"0001-01-01T00:00:00+23:59"',
    "impossible offset": '"2027-11-22T18:00:00+99:99"',
}
WHOLE: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"   ",
    "no UTF-8": b"\xff\xfe{}",
    "binary": bytes(range(256)) * 8,
    "HTML": b"<!doctype html><title>log in</title>",
    "nested lists": b"[" * DEEP,
    "nested objects": b'{"a":' * DEEP,
    "two documents": b"{}{}",
    **{name: text.encode() for name, text in BAD_VALUES.items()},
}
"""What may come in place of a document."""

_MARK = "\u2603 the bad value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """One document with one fault, as the bytes that a server or a file would hold."""

    name: str
    body: bytes


def fields_of(document: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every field and row of a JSON value, the value itself left out."""
    rows = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in rows:
        yield (*path, key)
        yield from fields_of(value, (*path, key))


def spoilt(good: Any) -> Iterator[Spoilt]:
    """Every document that has one fault: a bad value, a missing field, a key that is there twice, or no document."""
    for name, body in WHOLE.items():
        yield Spoilt(name=f"{name} for the document", body=body)
    for path in fields_of(good):
        where = ".".join(map(str, path))
        for name, text in BAD_VALUES.items():
            yield Spoilt(name=f"{where} = {name}", body=_with(good, path, text))
        yield Spoilt(name=f"{where} is missing", body=_without(good, path))
        yield Spoilt(name=f"{where} is there twice", body=_twice(good, path))


def _with(good: Any, path: Path, text: str) -> bytes:
    changed = copy.deepcopy(good)
    _place(changed, path)[path[-1]] = _MARK
    return json.dumps(changed, ensure_ascii=False).replace(json.dumps(_MARK, ensure_ascii=False), text).encode()


def _without(good: Any, path: Path) -> bytes:
    changed = copy.deepcopy(good)
    del _place(changed, path)[path[-1]]
    return json.dumps(changed).encode()


def _twice(good: Any, path: Path) -> bytes:
    """A key with its value once more; a row of a list once more."""
    changed = copy.deepcopy(good)
    place, last = _place(changed, path), path[-1]
    if isinstance(place, list):
        place.append(copy.deepcopy(place[int(last)]))
        return json.dumps(changed).encode()
    place[_MARK] = copy.deepcopy(place[last])
    return json.dumps(changed, ensure_ascii=False).replace(f'"{_MARK}"', json.dumps(last)).encode()


def _place(document: Any, path: Path) -> Any:
    """The object or list that holds the last step of a path."""
    for step in path[:-1]:
        document = document[step]
    return document
