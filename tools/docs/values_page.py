"""The page of the chart's values: each with its default and the comment above it, from values.yaml itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HEAD = """# Values of the chart

Generated from `helm/sunward/values.yaml` by tools/docs/generate.py. `values.schema.json` rejects misspelt names and
values out of range. [The chart's README](../helm/sunward/README.md) explains what belongs together.

| value | default | meaning |
| --- | --- | --- |
"""
KEY = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z]+):(?P<rest>.*)$")
LONGEST_DEFAULT = 60


def page(values: Path) -> str:
    """The page as Markdown."""
    text = values.read_text(encoding="utf-8")
    defaults, comments = yaml.safe_load(text), dict(_comments(text.splitlines()))
    return HEAD + "".join(_row(path, value, comments) for path, value in _leaves(defaults, comments))


def _leaves(value: Any, comments: dict[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that people set: what is no mapping, or a mapping without keys of the file's own."""
    for name, child in value.items():
        place = f"{path}.{name}" if path else str(name)
        below = {known for known in comments if known.startswith(f"{place}.")}
        if isinstance(child, dict) and child and below:
            yield from _leaves(child, comments, place)
        else:
            yield place, child


def _comments(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Path of each key and the comment above it that begins with `# --`; empty where there is none."""
    stack: list[tuple[int, str]] = []
    said: list[str] = []
    for line in lines:
        if line.strip().startswith("#"):
            said = [line.strip()[4:].strip()] if line.strip().startswith("# --") else [*said, line.strip()[1:].strip()]
            continue
        found = KEY.match(line)
        if found is None:
            said = []
            continue
        indent = len(found["indent"])
        stack = [(depth, name) for depth, name in stack if depth < indent]
        stack.append((indent, found["name"]))
        yield ".".join(name for _, name in stack), " ".join(said)
        said = []


def _row(path: str, value: Any, comments: dict[str, str]) -> str:
    default = json.dumps(value, separators=(", ", ": "))
    shown = f"`{default}`" if len(default) <= LONGEST_DEFAULT else "see the file"
    return f"| `{path}` | {shown} | {_meaning(path, comments)} |\n".replace("||", "\\|\\|")


def _meaning(path: str, comments: dict[str, str]) -> str:
    """Its own comment, else that of the mapping it is in."""
    own = comments.get(path) or comments.get(path.rpartition(".")[0], "")
    return own.replace("|", "\\|")
