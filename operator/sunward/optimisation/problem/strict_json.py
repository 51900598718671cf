"""Strict reading of JSON documents into frozen dataclasses.

Exists so that a wrong file ends in one line that names the field, never in a traceback or in a silently ignored
value. Knows types and shapes only; what the numbers mean is checked by the caller.
"""

import dataclasses
import enum
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin

from sunward.domain.errors import InvalidInput

T = TypeVar("T")

JSON_NAME = "json"
"""Key of a dataclass field's metadata that gives the name in the file where Python cannot use it."""
OPTIONAL = "optional"
"""Key of a dataclass field's metadata: the file may leave the field out, its default then holds."""

LONGEST_WHY = 400
"""Characters of an explanation, which may repeat what the document holds."""
LONGEST_NAME = 80
"""Characters of a wrong name that an error message repeats."""


class DocumentError(InvalidInput):
    """One thing wrong in a document: where (JSON path) and why (with the fix)."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why if len(why) <= LONGEST_WHY else f"{why[:LONGEST_WHY]}...")

    @property
    def path(self) -> str:
        """JSON path of the fault."""
        return self.where

    def __reduce__(self) -> tuple[type["DocumentError"], tuple[str, str]]:
        """Rebuild from both parts when the error crosses a process boundary."""
        return type(self), (self.where, self.why)


def member(path: str, name: str) -> str:
    """JSON path of a named field; a name that no field could have is quoted like a key."""
    if not name.isidentifier():
        return key(path, name)
    return f"{path}.{_short(name)}" if path != "$" else _short(name)


def key(path: str, name: str) -> str:
    """JSON path of an entry of a mapping whose keys are names chosen by people: always one printable line."""
    return f"{path}[{json.dumps(_short(name), ensure_ascii=not name.isprintable())}]"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."


def item(path: str, index: int) -> str:
    """JSON path of an entry of a list, counted from 0."""
    return f"{path}[{index}]"


def parse(text: str) -> Any:
    """Parse JSON strictly. Raises DocumentError for what is no JSON or nested too deeply.

    Duplicate keys, NaN, infinities and numbers beyond double precision become flaws, which `read` refuses where it
    meets them.
    """
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except json.JSONDecodeError as error:
        raise DocumentError("$", f"not valid JSON: {error.msg} (line {error.lineno})") from None
    except RecursionError:
        raise DocumentError("$", "not valid JSON for this format: nested too deeply") from None


@dataclasses.dataclass(frozen=True, slots=True)
class _Flaw:
    """A value that JSON could express and this format refuses; reported where the reader meets it."""

    why: str


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = _Flaw("named twice in one object; keep one") if name in found else value
    return found


def _constant(name: str) -> _Flaw:
    return _Flaw(f"must be a finite number, not {name}")


def _float(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else _Flaw(f"must be a finite number, {text[:20]} is too large")


def _int(text: str) -> Any:
    return int(text) if len(text) <= 300 else _Flaw("must be a finite number, this one is too large")


def read(kind: type[T], value: Any, path: str = "$") -> T:
    """Read `value` as `kind`: a dataclass, enumeration, number, text, tuple, mapping or union with None.

    Raises DocumentError at the first unknown or missing field, wrong type or refused number.
    """
    return typing.cast(T, _read(kind, value, path))


def _read(kind: Any, value: Any, path: str) -> Any:
    if isinstance(value, _Flaw):
        raise DocumentError(path, value.why)
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return _read_optional(kind, value, path)
    if dataclasses.is_dataclass(kind):
        return _read_object(kind, value, path)
    if origin is tuple:
        return _read_list(get_args(kind)[0], value, path)
    if origin is Mapping:
        return _read_mapping(get_args(kind)[1], value, path)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _read_choice(kind, value, path)
    return _read_scalar(kind, value, path)


def _read_optional(kind: Any, value: Any, path: str) -> Any:
    if value is None:
        return None
    inner = next(part for part in get_args(kind) if part is not types.NoneType)
    return _read(inner, value, path)


def _read_object(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise DocumentError(path, f"must be an object, not {_word(value)}")
    fields = {field.metadata.get(JSON_NAME, field.name): field for field in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise DocumentError(member(path, unknown[0]), f"unknown field; known are {', '.join(fields)}")
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name in value:
            found[field.name] = _read(hints[field.name], value[name], member(path, name))
        elif not field.metadata.get(OPTIONAL):
            raise DocumentError(member(path, name), "is missing; the format has no defaults")
    return kind(**found)


def _read_list(kind: Any, value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DocumentError(path, f"must be a list, not {_word(value)}")
    return tuple(_read(kind, entry, item(path, index)) for index, entry in enumerate(value))


def _read_mapping(kind: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError(path, f"must be an object, not {_word(value)}")
    return {_text(name, key(path, name)): _read(kind, entry, key(path, name)) for name, entry in value.items()}


def _read_choice(kind: type[enum.Enum], value: Any, path: str) -> enum.Enum:
    known = [choice.value for choice in kind]
    if not isinstance(value, str) or value not in known:
        raise DocumentError(path, f"must be one of {', '.join(known)}")
    return kind(value)


def _read_scalar(kind: Any, value: Any, path: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is bool and type(value) is bool:
        return value
    if kind is str and type(value) is str:
        return _text(value, path)
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
    raise DocumentError(path, f"must be {words[kind]}, not {_word(value)}")


def _text(value: str, path: str) -> str:
    """Text that a file can hold; JSON's escapes can also spell half a character, which nothing could write again."""
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DocumentError(path, "must be text, not half of a surrogate pair")
    return value


def _word(value: Any) -> str:
    if value is None:
        return "null"
    words = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return words.get(type(value), "an object")


def write(value: Any) -> Any:
    """The reverse of `read`: plain lists, dicts and scalars ready for `json.dumps`.

    Fields marked optional that hold None are left out, as the file may leave them out.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.metadata.get(JSON_NAME, field.name): write(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not (field.metadata.get(OPTIONAL) and getattr(value, field.name) is None)
        }
    if isinstance(value, Mapping):
        return {name: write(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [write(entry) for entry in value]
    return value.value if isinstance(value, enum.Enum) else value
