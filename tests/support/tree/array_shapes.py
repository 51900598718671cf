"""Where the product's public signatures hold arrays, and whether the text at hand says what the axes are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("operator/sunward", "trainer/sunward_trainer", "node_exporter/sunward_exporter")
ARRAYS = frozenset({"NDArray", "ndarray"})

AXES = frozenset(
    re.findall(
        r"[a-z]+",
        """nodes modes periods jobs pools shards rows columns entries groups blocks workers parameters samples batches
        pixels classes channels side levels runs draws rounds days hours units anchors observations zones replies""",
    )
)
"""Words an axis may have: what one step along it is."""

_AXIS = r"(?:[a-z_]+|\d+)(?: [*+] (?:[a-z_]+|\d+))*"
_SHAPE = re.compile(rf"\(({_AXIS}(?:, {_AXIS})+|{_AXIS},)\)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A public function, constructor or field with an array in its signature."""

    name: str
    says_shape: bool


def states_shape(text: str | None) -> bool:
    """Whether the text holds a shape as numpy writes it, whose axes are all numbers or known words."""
    shapes = (re.findall(r"[a-z_]+|\d+", found) for found in _SHAPE.findall(text or ""))
    return any(all(word.isdigit() or word in AXES for word in words) for words in shapes)


def places() -> list[Place]:
    """Every public place of the product that has an array in its signature."""
    house = dict(_modules())
    return [place for module in house.values() for place in module.places(house)]


def _modules() -> Iterator[tuple[str, Module]]:
    for package in PACKAGES:
        base = (ROOT / package).parent
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
            yield name, Module(name, path.read_text(encoding="utf-8"))


class Module:
    """One file: its public places, and the type aliases that they may use."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = text.splitlines()
        self._body = ast.parse(text).body
        self._imported = {
            alias.name: (node.module or "", alias.name)
            for node in self._body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        self._aliases = {
            node.targets[0].id: (node.value, self._about(self._body, index))
            for index, node in enumerate(self._body)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Subscript | ast.BinOp)
        }

    def places(self, house: Mapping[str, Module]) -> Iterator[Place]:
        """The public places with arrays, in the order of the file."""
        for name, types, about in self._public():
            arrays = [text for one in types for text in self._arrays(one, house)]
            if arrays:
                says = states_shape(about) or all(states_shape(text) for text in arrays)
                yield Place(name=f"{self._name}:{name}", says_shape=says)

    def _public(self) -> Iterator[tuple[str, list[ast.expr], str]]:
        """Name, annotations and words of each public function, constructor and field."""
        for node in self._body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from self._of_class(node)
            elif isinstance(node, Function) and not node.name.startswith("_"):
                yield node.name, _annotations(node), ast.get_docstring(node) or ""

    def _of_class(self, node: ast.ClassDef) -> Iterator[tuple[str, list[ast.expr], str]]:
        about = ast.get_docstring(node) or ""
        for index, part in enumerate(node.body):
            if isinstance(part, Function) and (part.name == "__init__" or not part.name.startswith("_")):
                words = ast.get_docstring(part) or ""
                yield f"{node.name}.{part.name}", _annotations(part), about * (part.name == "__init__") + words
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id[0] != "_":
                yield f"{node.name}.{part.target.id}", [part.annotation], about + self._about(node.body, index)

    def _about(self, body: Sequence[ast.stmt], index: int) -> str:
        """The comment behind a statement and the string under it."""
        comment = self._lines[(body[index].end_lineno or 1) - 1][body[index].end_col_offset or 0 :]
        under = body[index + 1] if index + 1 < len(body) else None
        return comment + (ast.unparse(under) if isinstance(under, ast.Expr) else "")

    def _arrays(self, annotation: ast.expr, house: Mapping[str, Module]) -> Iterator[str]:
        """What is written about each array type in an annotation: the alias's words, nothing for a bare type."""
        for part in ast.walk(annotation):
            name = part.attr if isinstance(part, ast.Attribute) else part.id if isinstance(part, ast.Name) else ""
            if name in ARRAYS:
                yield ""
            elif name in self._aliases:
                value, about = self._aliases[name]
                inner = list(self._arrays(value, house))
                yield from [about] if inner and states_shape(about) else inner
            elif name in self._imported:
                origin, original = self._imported[name]
                if origin in house:
                    yield from house[origin]._arrays(ast.Name(id=original), house)


def _annotations(node: Function) -> list[ast.expr]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    found = [one.annotation for one in arguments if one is not None]
    return [one for one in [*found, node.returns] if one is not None]
