"""What of the product its own code reaches: mark and sweep over the syntax trees. Tests are not callers.

Roots are what Python runs on import, the entry points of pyproject.toml, and what a decorator hands to a framework (a
command, a handler, a validator). From there references are followed: a name through imports and re-exports to the
module that defines it; an attribute, by its name alone, to every method and field of that name, because a syntax tree
does not know the type of a value. What only unreached code refers to stays unreached.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = (
    "operator/sunward",
    "node_exporter/sunward_exporter",
    "trainer/sunward_trainer",
    "lab/sunward_lab",
    "auditor/sunward_audit",
)
PLAIN_DECORATORS = frozenset(
    (
        *("property", "cached_property", "setter", "staticmethod", "classmethod", "abstractmethod", "override"),
        *("dataclass", "cache", "lru_cache", "contextmanager", "asynccontextmanager", "overload", "wraps"),
    )
)
"""Decorators that only change what they decorate; every other one hands it to a caller outside the product."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """Something that a module defines, by its qualified name; the module itself has an empty one."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


@dataclass(slots=True)
class Definition:
    """A function, class, constant, method or field, with what its own code refers to."""

    symbols: set[Symbol] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    bases: tuple[Symbol, ...] = ()
    is_registered: bool = False
    is_field: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """All definitions by symbol; the empty name stands for what a module runs when it is imported."""

    definitions: Mapping[Symbol, Definition]
    imports: Mapping[str, Mapping[str, Symbol]]

    def unreached(self, roots: Iterable[Symbol] = ()) -> list[Symbol]:
        """Definitions that no root leads to, in order. `roots` are callers outside the code, such as entry points."""
        reached: set[Symbol] = set()
        attributes: set[str] = set()
        waiting = [symbol for symbol in self.definitions if not symbol.name] + [self.home(root) for root in roots]
        members = [symbol for symbol in self.definitions if "." in symbol.name]
        while waiting:
            for symbol in waiting:
                found = self.definitions.get(symbol)
                if found is not None and symbol not in reached:
                    reached.add(symbol)
                    attributes |= found.attributes
                    waiting.extend(self.home(one) for one in found.symbols)
            waiting = [one for one in members if one not in reached and self._is_called(one, reached, attributes)]
        return sorted(set(self.definitions) - reached)

    def home(self, symbol: Symbol) -> Symbol:
        """The definition behind a name that a module may only pass on."""
        passed: set[Symbol] = set()
        while symbol not in self.definitions and symbol not in passed:
            passed.add(symbol)
            symbol = self.imports.get(symbol.module, {}).get(symbol.name, symbol)
        return symbol

    def _is_called(self, member: Symbol, reached: set[Symbol], attributes: set[str]) -> bool:
        owner, _, name = member.name.rpartition(".")
        if Symbol(member.module, owner) not in reached:
            return False
        found = self.definitions[member]
        bases = list(self._foreign_bases(Symbol(member.module, owner)))
        by_key = found.is_field and any(base is dict or issubclass(base, Enum) for base in bases)
        return found.is_registered or name in attributes or by_key or any(hasattr(base, name) for base in bases)

    def _foreign_bases(self, owner: Symbol) -> Iterator[type]:
        """Classes outside the product that a class derives from; their methods are called by whoever knows them."""
        for base in map(self.home, self.definitions[owner].bases):
            if base in self.definitions:
                yield from self._foreign_bases(base)
            else:
                yield _imported(base)


def _imported(symbol: Symbol) -> type:
    """The class itself, from the library that has it. A TypedDict counts as the dict that it is."""
    try:
        found = getattr(import_module(symbol.module), symbol.name, object)
    except ImportError:
        found = object
    if symbol.name == "TypedDict":
        return dict
    return found if isinstance(found, type) else object


@cache
def product() -> Product:
    """Every file of the product, read once."""
    paths = {_module_name(path, root): path for root in PACKAGES for path in sorted((ROOT / root).rglob("*.py"))}
    packages = {name for name, path in paths.items() if path.name == "__init__.py"}
    return read({name: path.read_text(encoding="utf-8") for name, path in paths.items()}, packages)


def read(sources: Mapping[str, str], packages: Iterable[str] = ()) -> Product:
    """A product from the text of its modules by name; `packages` are those whose file is an `__init__.py`."""
    packages = frozenset(packages)
    definitions: dict[Symbol, Definition] = {}
    imports: dict[str, dict[str, Symbol]] = {}
    for name, text in sources.items():
        tree = ast.parse(text)
        imports[name] = dict(_imports(name, name in packages, tree, sources))
        definitions |= _Reader(name, tree, imports[name]).definitions
    return Product(definitions=definitions, imports=imports)


def entry_points() -> list[Symbol]:
    """What installing the product gives to the shell."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    return [Symbol(*target.split(":")) for target in scripts.values()]


def _module_name(path: Path, root: str) -> str:
    parts = path.relative_to((ROOT / root).parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(module: str, is_package: bool, tree: ast.Module, known: Iterable[str]) -> Iterator[tuple[str, Symbol]]:
    """What a file's imported names mean, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.split(".")[0]
                yield alias.asname or name, Symbol(name, "")
        elif isinstance(node, ast.ImportFrom):
            source = _source(module, is_package, node)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield alias.asname or alias.name, Symbol(inner, "") if inner in known else Symbol(source, alias.name)


def _source(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    """The full name of the module that is imported from."""
    if not node.level:
        return str(node.module)
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


class _Reader:
    """Collects the definitions of one module and what each refers to."""

    def __init__(self, module: str, tree: ast.Module, imports: Mapping[str, Symbol]) -> None:
        self._module, self._imports = module, imports
        self._own = {name for node in tree.body for name in _defined(node)}
        self.definitions: dict[Symbol, Definition] = {}
        self._run = self._add("")
        for node in tree.body:
            self._top(node)
        if any(_reads_by_variable(node) for node in ast.walk(tree)):
            self._run.attributes |= {one.value for one in ast.walk(tree) if _is_word(one)}

    def _add(self, name: str, *nodes: ast.AST | None, is_field: bool = False) -> Definition:
        found = self.definitions.setdefault(Symbol(self._module, name), Definition(is_field=is_field))
        for node in nodes:
            if node is not None:
                self._refer(node, found)
        return found

    def _top(self, node: ast.AST) -> None:
        if isinstance(node, Function):
            self._function(node, node.name)
        elif isinstance(node, ast.ClassDef):
            self._class(node, node.name)
        elif isinstance(node, ast.If | ast.Try):
            for child in ast.iter_child_nodes(node):
                self._top(child)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and (names := [n for n in _defined(node) if n[:2] != "__"]):
            for name in names:
                self._add(name, node.value, getattr(node, "annotation", None))
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            self._refer(node, self._run)

    def _function(self, node: Function, name: str) -> None:
        found = self._add(name, node)
        is_handed_on = any(_last_word(one) not in PLAIN_DECORATORS for one in node.decorator_list)
        found.is_registered = is_handed_on or (node.name.startswith("__") and node.name.endswith("__"))
        if is_handed_on and "." not in name:
            self._run.symbols.add(Symbol(self._module, name))

    def _class(self, node: ast.ClassDef, name: str) -> None:
        found = self._add(name, *node.bases, *node.keywords, *node.decorator_list)
        found.bases = tuple(symbol for base in node.bases if (symbol := self._symbol(base)) is not None)
        for child in node.body:
            if isinstance(child, Function):
                self._function(child, f"{name}.{child.name}")
                for one in _kept(child):
                    self._add(f"{name}.{one}", is_field=True)
            elif isinstance(child, ast.ClassDef):
                self._class(child, f"{name}.{child.name}")
            else:
                self._refer(child, found)
                for one in _defined(child):
                    self._add(f"{name}.{one}", is_field=True)

    def _refer(self, node: ast.AST, found: Definition) -> None:
        local = _local_names(node)
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and one.id in local:
                continue
            if (symbol := self._symbol(one)) is not None:
                found.symbols.add(symbol)
            if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Load):
                found.attributes.add(one.attr)
            elif isinstance(one, ast.Call) and _last_word(one) == "getattr" and _is_word(one.args[1]):
                found.attributes.add(one.args[1].value)
        handed_on = {one.module for one in found.symbols if not one.name}  # for module in (a, b): module.register()
        found.symbols |= {Symbol(module, name) for module in handed_on for name in found.attributes}

    def _symbol(self, node: ast.AST) -> Symbol | None:
        """What a name, a dotted name or a quoted annotation refers to, if the module can know."""
        if isinstance(node, ast.Subscript):
            return self._symbol(node.value)
        if isinstance(node, ast.Attribute):
            value = self._symbol(node.value)
            return Symbol(value.module, node.attr) if value is not None and not value.name else None
        name = (
            node.id if isinstance(node, ast.Name) else node.value if _is_word(node) and node.value[0].isupper() else ""
        )
        return Symbol(self._module, name) if name in self._own else self._imports.get(name)


def _defined(node: ast.AST) -> Iterator[str]:
    """Names that a statement defines."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (one.id for target in targets for one in ast.walk(target) if _is_stored(one))
    elif isinstance(node, ast.If | ast.Try):
        for child in ast.iter_child_nodes(node):
            yield from _defined(child)


def _kept(method: Function) -> Iterator[str]:
    """Attributes that a method keeps on its object."""
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _last_word(node.value) == "self":
            yield node.attr


def _local_names(node: ast.AST) -> set[str]:
    """Names that mean something else inside a function: its parameters and what it assigns."""
    if not isinstance(node, Function):
        return set()
    parameters = {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
    return parameters | {one.id for one in ast.walk(node) if _is_stored(one)}


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _is_word(node: ast.AST) -> bool:
    """Whether a node is a text that could be a name."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()


def _reads_by_variable(node: ast.AST) -> bool:
    """getattr with a name from a table: then every word of the module may be that name."""
    return isinstance(node, ast.Call) and _last_word(node) == "getattr" and not isinstance(node.args[1], ast.Constant)


def _last_word(node: ast.AST) -> str:
    """The last word of a decorator or of what is called."""
    if isinstance(node, ast.Call):
        return _last_word(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
