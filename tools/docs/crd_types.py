"""Types and fields of the custom resources from the definitions, for mypy and for objects that no server checked.

A spec is typed as the API server hands it out: fields with a default are always there. A status is typed as a merge
patch: None removes a field. Rows of a list are written whole: what is None in them is left out first.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
WIDTH = 120
CONDITION = "StatusCondition"
SCALARS = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}

TYPES_HEAD = '''\
"""The custom resources as the API server hands them out and takes them, for mypy.

Generated from `crds/` by `python tools/docs/generate.py`; do not edit. A spec is as the server completes it: fields
with a default are always there. A status is a merge patch: None removes a field, and is left out of the rows of a list.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ObjectMeta(TypedDict):
    """The part of Kubernetes' metadata that Sunward reads and writes."""

    name: str
    namespace: NotRequired[str]
    uid: NotRequired[str]
    generation: NotRequired[int]
    resourceVersion: NotRequired[str]
    labels: NotRequired[dict[str, str]]
'''

FIELDS_HEAD = '''\
"""The fields of every spec: type, default and bounds, as the API server checks and completes them.

Generated from `crds/` by `python tools/docs/generate.py`; do not edit. A path is spelled as in the definition, `[]` for
every row of a list and `*` for every value of a map; an object stands before its fields. Patterns and rules between
fields are left to the server.
"""

from __future__ import annotations

from collections.abc import Mapping

from sunward.cluster.objects.fields import Field
'''


def types(definitions: Iterable[Path]) -> str:
    """Text of the module with the types."""
    module = _Module()
    kinds = [_definition(path) for path in definitions]
    return "\n\n\n".join([TYPES_HEAD.rstrip(), *(part for kind in kinds for part in module.kind(*kind))]) + "\n"


def fields(definitions: Iterable[Path]) -> str:
    """Text of the module with the fields of every spec."""
    rows: list[str] = []
    for kind, schema in map(_definition, definitions):
        found = [line for path, line in _fields(schema["properties"]["spec"])]
        rows += [f"    {_quoted(kind)}: {{", *found, "    },"]
    body = ["SPEC_FIELDS: Mapping[str, Mapping[str, Field]] = {", *rows, "}"]
    return "\n".join([FIELDS_HEAD, *body, '"""By kind and path below spec, outer fields before inner ones."""', ""])


def _definition(path: Path) -> tuple[str, Schema]:
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
    (version,) = spec["versions"]
    return spec["names"]["kind"], version["schema"]["openAPIV3Schema"]


def _fields(schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    """A line for each field below a schema; what is left to Kubernetes has none."""
    for name, child in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        yield where, _field(where, child, name in schema.get("required", ()))
        yield from _fields(child, where)
        values = child.get("additionalProperties")
        if isinstance(values, dict):
            yield f"{where}.*", _field(f"{where}.*", values, False)
        rows = child.get("items", {})
        if rows and "properties" not in rows:
            yield f"{where}[]", _field(f"{where}[]", rows, False)
        yield from _fields(rows, f"{where}[]")


def _field(path: str, schema: Schema, is_required: bool) -> str:
    kind = "time" if schema.get("format") == "date-time" else schema.get("type", "textOrObject")
    given = {
        "required": True if is_required else None,
        "default": schema.get("default"),
        "values": tuple(schema["enum"]) if "enum" in schema else None,
        "minimum": schema.get("minimum"),
        "maximum": schema.get("maximum"),
    }
    rest = [f"{name}={_value(value)}" for name, value in given.items() if value is not None]
    return _folded(f"        {_quoted(path)}: Field(", [_quoted(kind), *rest])


def _folded(head: str, arguments: list[str]) -> str:
    """A call as ruff formats it: in a line, with its arguments in the next line, or with each in a line of its own."""
    line, inner = f"{head}{', '.join(arguments)}),", f"            {', '.join(arguments)}"
    if len(line) <= WIDTH:
        return line
    if len(inner) <= WIDTH:
        return "\n".join([head, inner, "        ),"])
    return "\n".join([head, *(f"            {argument}," for argument in arguments), "        ),"])


@dataclass(slots=True)
class _Module:
    """The classes written so far; conditions are the same in every kind and written once."""

    written: set[str] = field(default_factory=set)

    def kind(self, name: str, schema: Schema) -> Iterator[str]:
        """Everything below one kind, inner classes first."""
        for part in ("spec", "status"):
            is_status = part == "status"
            yield from self._object(f"{name}{part.capitalize()}", part, schema["properties"][part], is_status)
        text = f'"""{_sentence(schema["description"])}"""'
        fields = ["apiVersion: str", "kind: str", "metadata: ObjectMeta", f"spec: {name}Spec"]
        fields.append(f"status: NotRequired[{name}Status]")
        yield "\n".join([f"class {name}(TypedDict):", f"    {text}", "", *(f"    {line}" for line in fields)])

    def _object(self, name: str, path: str, schema: Schema, is_status: bool) -> Iterator[str]:
        if name in self.written:
            return
        self.written.add(name)
        annotations: dict[str, str] = {}
        for key, child in schema["properties"].items():
            text, parts = self._type(_below(name, key), f"{path}.{key}", child, is_status)
            yield from parts
            is_there = key in schema.get("required", ()) or ("default" in child and not is_status)
            annotations[key] = text if is_there else f"NotRequired[{text}{' | None' if is_status else ''}]"
        yield _class(name, f"`{path}`: {_sentence(schema['description'])}", annotations)

    def _type(self, name: str, path: str, schema: Schema, is_status: bool) -> tuple[str, list[str]]:
        """The annotation of a field, and the text of the classes and aliases that it needs."""
        if "enum" in schema:
            is_new = name not in self.written
            self.written.add(name)
            return name, [_literal(name, schema["enum"])] if is_new else []
        if "properties" in schema:
            return name if "type" in schema else f"str | {name}", [*self._object(name, path, schema, is_status)]
        if schema["type"] == "array":
            items = schema["items"]
            row = {"description": schema["description"], **items} if "properties" in items else items
            inner, parts = self._type(_singular(name), f"{path}[]", row, is_status)
            return f"list[{inner}]", parts
        if isinstance(schema.get("additionalProperties"), dict):
            inner, parts = self._type(f"{name}Value", f"{path}.*", schema["additionalProperties"], is_status)
            return f"dict[str, {inner}]", parts
        return SCALARS[schema["type"]], []


def _below(name: str, key: str) -> str:
    return CONDITION + "s" if key == "conditions" else f"{name}{key[0].upper()}{key[1:]}"


def _singular(name: str) -> str:
    return name.removesuffix("s") if name.endswith("s") else f"{name}Item"


def _class(name: str, text: str, annotations: dict[str, str]) -> str:
    if any(keyword.iskeyword(key) for key in annotations):  # `from` cannot be written as a field of a class
        rows = [f'        "{key}": {annotation},' for key, annotation in annotations.items()]
        head = [f"{name} = TypedDict(", f'    "{name}",', "    {"]
        return "\n".join([*head, *rows, "    },", ")", *_docstring(text, "")])
    rows = [f"    {key}: {annotation}" for key, annotation in annotations.items()]
    return "\n".join([f"class {name}(TypedDict):", *_docstring(text, "    "), "", *rows])


def _literal(name: str, values: list[Any]) -> str:
    quoted = [_quoted(str(value)) for value in values]
    line = f"{name} = Literal[{', '.join(quoted)}]"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name} = Literal[", *(f"    {value}," for value in quoted), "]"])


def _docstring(text: str, indent: str) -> list[str]:
    """Text within the line's width, cut between words."""
    lines, line = [], f'{indent}"""'
    for word in text.split():
        if len(line) + len(word) + 1 > WIDTH - 3:
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    closing = [line.rstrip() + '"""'] if not lines else [line.rstrip(), f'{indent}"""']
    return [*lines, *closing]


def _sentence(text: str) -> str:
    words = " ".join(text.split()).replace("\\", "\\\\")
    return words if words.endswith(".") else words + "."


def _quoted(text: str) -> str:
    return f'"{text}"'


def _value(value: Any) -> str:
    """A value as ruff formats it."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)}: {_value(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_value, value)) + ")"
    return repr(value)
