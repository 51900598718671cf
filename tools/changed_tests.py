"""Prints the test files that a change can reach: `python tools/changed_tests.py [BASE]`, one path a line.

A Python file reaches what imports it, directly or not, also from inside a function. Any other file reaches the tests
that name it, or a folder it is in, in a string, themselves or through what they import. What all tests share reaches
all. The contract tests read the whole tree, so they always belong to the answer.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

SOURCES: Final = ("operator", "node_exporter", "trainer", "lab", "auditor", "tests")
"""Folders that are on the import path, as in pyproject.toml."""
ALWAYS: Final = "tests/contract/"
SHARED: Final = frozenset({"pyproject.toml", "tests/conftest.py"})
"""A change here may change how any test runs."""
LEAST_LETTERS: Final = 4
"""A shorter file name is found in too many strings by accident."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: the names of all modules that it imports or might, and all of its strings in one text."""

    imports: frozenset[str]
    strings: str


def read_tree(root: Path) -> dict[str, Module]:
    """Every Python file under the source folders of *root*, by its path from there. Raises SyntaxError."""
    files = (file for folder in SOURCES for file in (root / folder).rglob("*.py"))
    return {file.relative_to(root).as_posix(): _read(file.read_text(encoding="utf-8")) for file in sorted(files)}


def _read(text: str) -> Module:
    nodes = list(ast.walk(ast.parse(text)))
    strings = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return Module(frozenset(name for node in nodes for name in _imported(node)), "\n".join(strings))


def _imported(node: ast.AST) -> Iterator[str]:
    """A module brings the packages around it along; what is imported from a package may be a module of it."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


def module_name(path: str) -> str:
    """The name under which others import the file at *path*: `operator/shop/price.py` is `shop.price`."""
    parts = PurePosixPath(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1:] == ("__init__",) else parts)


def reached(tree: Mapping[str, Module], changed: Iterable[str]) -> set[str]:
    """The test files that a change of the paths *changed* can reach; a deleted file counts by its old name."""
    changed = set(changed)
    tests = {path for path in tree if PurePosixPath(path).name.startswith("test_")}
    if changed & SHARED:
        return tests
    start = (changed & tree.keys()) | {path for path in changed if path.endswith(".py")}
    start |= {path for path, module in tree.items() if any(_named(other, module.strings) for other in changed - start)}
    always = {path for path in tests if path.startswith(ALWAYS)} if changed else set()
    return tests & (_importers(tree, start) | always)


def _named(path: str, strings: str) -> bool:
    """Whether one of the strings holds the file's name, or its top folder as a part of a path."""
    parts = PurePosixPath(path).parts
    names = {parts[-1]} | ({parts[0]} if len(parts) > 1 and parts[0] not in SOURCES else set())
    return any(len(name) >= LEAST_LETTERS and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", strings) for name in names)


def _importers(tree: Mapping[str, Module], start: Set[str]) -> set[str]:
    importers: dict[str, set[str]] = {}
    for path, module in tree.items():
        for name in module.imports:
            importers.setdefault(name, set()).add(path)
    found, waiting = set(start), list(start)
    while waiting:
        new = importers.get(module_name(waiting.pop()), set()) - found
        found |= new
        waiting += new
    return found


def changed_paths(root: Path, base: str) -> list[str]:
    """Paths that differ from the fork off *base*, committed or not, and new ones. Raises CalledProcessError."""
    fork = _git(root, "merge-base", base, "HEAD")[0]
    return _git(root, "diff", "--name-only", "--no-renames", fork) + _git(
        root, "ls-files", "--others", "--exclude-standard"
    )


def _git(root: Path, *arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


def main() -> None:
    """Print them; git's own words, and its exit status, where there is no such *BASE*."""
    root = Path(__file__).parents[1]
    try:
        changed = changed_paths(root, sys.argv[1] if len(sys.argv) > 1 else "origin/main")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    print("\n".join(sorted(reached(read_tree(root), changed))))


if __name__ == "__main__":
    main()
