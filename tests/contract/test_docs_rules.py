"""A function that the documentation names is a promise about what the product does: the product calls it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support import product

PAGES = sorted([*(product.ROOT / "docs").glob("*.md"), product.ROOT / "README.md"])
CODE = re.compile(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`")


def named_in(page: Path) -> set[str]:
    """Code names of a page, as far as the product defines something of that name."""
    return {word for word in CODE.findall(page.read_text(encoding="utf-8")) if defined(word)}


def defined(word: str) -> list[tuple[Path, str]]:
    """Definitions that a word of a page may mean: `function`, `Class.method` or `sunward.module.function`."""
    if "_" not in word and "." not in word:
        return []  # a plain word is more often a field or a state than a function
    ending = "." + word.removeprefix("sunward.")
    candidates = product.dotted_definitions().get(word.rsplit(".", 1)[-1], ())
    return [(path, name) for dotted, path, name in candidates if dotted.endswith(ending)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_called_by_the_product(page: Path) -> None:
    idle = {word for word in named_in(page) if not any(product.is_used(path, name) for path, name in defined(word))}
    assert idle == set()


def test_names_with_a_path_exist() -> None:
    words = {word for page in PAGES for word in CODE.findall(page.read_text(encoding="utf-8"))}
    paths = {word for word in words if word.startswith("sunward.") and "/" not in word and "dev" not in word}
    assert {word for word in paths if not exists(word)} == set()


def exists(word: str) -> bool:
    """Whether a dotted name is a module, a package or something that one of them defines."""
    parts = word.split(".")[1:]
    place = product.PRODUCT.joinpath(*parts)
    return place.is_dir() or place.with_suffix(".py").is_file() or bool(defined(word))
