"""Files that the pages for contributors name exist, so that a move cannot leave a reader alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.tree.static_gates import tracked

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "CONTRIBUTING.md",
    "docs/architecture.md",
    *(f"docs/decisions/{path.name}" for path in ROOT.glob("docs/decisions/*.md")),
]
PATH = re.compile(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|yaml|json|md|toml))`")
"""What stands in backticks and looks like a file or a folder."""
PLACEHOLDERS = ("NAME", "KIND", "ROOM")


def files_in(text: str) -> set[str]:
    """Files and folders that a page names; those to be made, which have a placeholder in their name, are left out."""
    found = {match.rstrip("/") for match in PATH.findall(text)}
    return {name for name in found if not any(word in name for word in PLACEHOLDERS)}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    names = tracked()
    folders = {str(parent) for name in names for parent in Path(name).parents}
    known = [f"/{name}" for name in (*names, *folders)]
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = [name for name in files_in(text) if not any(one.endswith(f"/{name}") for one in known)]
    assert sorted(missing) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    records = [path.name for path in ROOT.glob("docs/decisions/0*.md")]
    assert [name for name in records if f"({name})" not in index] == []
    assert records


def test_a_path_is_told_from_other_words() -> None:
    assert files_in("`a/b.py`, `c.md`, `on.event`, `power/`, `NAME/x.py`, `make lint`") == {"a/b.py", "c.md", "power"}
