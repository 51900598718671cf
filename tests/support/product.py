"""What the product's own sources refer to: names and attributes, file by file. Tests do not count as callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "operator" / "sunward"
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A name or attribute that a file reads; `within` are the functions and classes around it, outermost first.

    `is_compared` for one that is only compared with something else, in `is`, `==`, `in` and their like.
    """

    path: Path
    name: str
    of: str | None
    within: tuple[str, ...]
    is_compared: bool


@cache
def sources() -> dict[Path, ast.Module]:
    """Every file of the operator, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PRODUCT.rglob("*.py"))}


@cache
def references() -> dict[str, tuple[Reference, ...]]:
    """Every name and attribute that the product reads, by its last word."""
    found: dict[str, list[Reference]] = {}
    for path, tree in sources().items():
        for one in _references(path, tree, ()):
            found.setdefault(one.name, []).append(one)
    return {name: tuple(all_of) for name, all_of in found.items()}


@cache
def definitions() -> tuple[tuple[Path, str], ...]:
    """Every function, method and class of the product with its qualified name inside its file."""
    return tuple((path, name) for path, tree in sources().items() for name in _definitions(tree, ""))


@cache
def dotted_definitions() -> dict[str, tuple[tuple[str, Path, str], ...]]:
    """The same by last word, each with its name from the product's package on: `.module.Class.function`."""
    found: dict[str, list[tuple[str, Path, str]]] = {}
    for path, name in definitions():
        dotted = f".{'.'.join(path.relative_to(PRODUCT).with_suffix('').parts)}.{name}"
        found.setdefault(name.rsplit(".", 1)[-1], []).append((dotted, path, name))
    return {word: tuple(all_of) for word, all_of in found.items()}


def is_used(path: Path, qualified: str) -> bool:
    """Whether the product refers to a definition anywhere but inside itself and in imports."""
    name, own = qualified.rsplit(".", 1)[-1], tuple(qualified.split("."))
    return any(not (found.path == path and found.within[: len(own)] == own) for found in references().get(name, ()))


def _references(path: Path, node: ast.AST, within: tuple[str, ...], compared: bool = False) -> Iterator[Reference]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name):
            yield Reference(path=path, name=child.id, of=None, within=within, is_compared=compared)
        elif isinstance(child, ast.Attribute):
            of = child.value.id if isinstance(child.value, ast.Name) else None
            yield Reference(path=path, name=child.attr, of=of, within=within, is_compared=compared)
        inside = (*within, child.name) if isinstance(child, _NAMED) else within
        yield from _references(path, child, inside, isinstance(child, ast.Compare) or compared)


def _definitions(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _NAMED):
            yield f"{prefix}{child.name}"
            yield from _definitions(child, f"{prefix}{child.name}.")
