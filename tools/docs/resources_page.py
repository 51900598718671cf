"""docs/resources.md from the definitions: every field with its type, bounds, default and meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

INTRODUCTION = """\
# Custom resources

Generated from `crds/` by `python tools/docs/generate.py`; do not edit.

Group `sunward.dev`, version `v1alpha1`. `kubectl get sunward` lists all kinds. `crds/samples/valid/` contains examples
that a real API server accepts, and `crds/samples/invalid/` examples of everything that it rejects, with the message.

Field names contain the unit. There are no floating-point numbers: limits in specs are in milli-units. Accounted amounts
are in micro-units, because in a short period a node uses a few milliwatt-hours, and a ledger in whole milliwatt-hours
would not close. Addresses and tokens are never part of a resource; they are values of the chart.

A PodDisruptionBudget can protect a TrainingJob's workers, because the kind has a scale subresource. Its replicas are
the quorum, `spec.minimumWorkers`; the planner chooses the number of workers above it. `maxUnavailable: 0` therefore
keeps the quorum and leaves the rest to the planner; `kubectl scale trainingjob NAME --replicas 4` changes the quorum.
"""


def page(definitions: Iterable[Path]) -> str:
    """The whole page."""
    kinds = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in definitions]
    return "\n".join([INTRODUCTION, *(line for kind in kinds for line in _kind(kind))])


def _kind(definition: Schema) -> Iterator[str]:
    spec = definition["spec"]
    (version,) = spec["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    short = ", ".join(f"`{name}`" for name in spec["names"].get("shortNames", ())) or "none"
    yield f"## {spec['names']['kind']}\n"
    yield f"{schema['description']} Scope: {spec['scope'].lower()}. Short name: {short}.\n"
    columns = ", ".join(f"{column['name']}" for column in version["additionalPrinterColumns"])
    yield f"`kubectl get {spec['names']['plural']}` shows {columns}.\n"
    for part in ("spec", "status"):
        yield f"### {spec['names']['kind']} {part}\n"
        yield "| field | type | default | meaning |\n| --- | --- | --- | --- |"
        yield from _rows(schema["properties"][part], part)
        yield ""
    rules = [*_rules(schema)]
    if rules:
        yield f"### {spec['names']['kind']} rules\n"
        yield from (f"- {rule}" for rule in rules)
        yield ""


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, child in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        needed = "**required**" if name in required else _default(child)
        yield f"| `{where}` | {_type(child)} | {needed} | {_cell(child.get('description', ''))} |"
        yield from _rows(child, where)
        yield from _rows(child.get("items", {}), f"{where}[]")


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return _cell(" \\| ".join(str(value) for value in schema["enum"]))
    kind = schema.get("type", "text or object")
    if kind == "integer" and "minimum" in schema and "maximum" in schema:
        return f"integer {schema['minimum']}..{schema['maximum']}"
    if kind == "array":
        return f"list of {_type(schema['items'])}, at most {schema['maxItems']}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}, at most {schema['maxProperties']}"
    return "time" if schema.get("format") == "date-time" else str(kind)


def _default(schema: Schema) -> str:
    if "default" not in schema or isinstance(schema["default"], dict):
        return ""
    value = schema["default"]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _rules(schema: Schema) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield _sentence(rule["message"])
    children: Sequence[Schema] = [*schema.get("properties", {}).values(), schema.get("items", {})]
    for child in children:
        if child:
            yield from _rules(child)


def _sentence(text: str) -> str:
    words = " ".join(text.split())
    return words[0].upper() + words[1:] + "." if not words.startswith("spec") else words + "."


def _cell(text: str) -> str:
    return " ".join(text.split())
