"""The rows of the operations page as data, so that a command can print them where no page is at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = "docs/operations.md"
REASON = re.compile(r"`([A-Z][A-Za-z0-9]+)`")


def help_of(root: Path, reasons: frozenset[str]) -> str:
    """JSON: for each reason its rows, with the section, its anchor and the cells by column name."""
    found: dict[str, list[dict[str, object]]] = {}
    for section, row in _rows((root / PAGE).read_text(encoding="utf-8")):
        first, *_ = row.values()
        for name in sorted(reasons.intersection(REASON.findall(first))):
            cells = {column: _plain(cell) for column, cell in list(row.items())[1:] if cell}
            found.setdefault(name, []).append({"section": section, "page": f"{PAGE}#{anchor(section)}", **cells})
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def anchor(heading: str) -> str:
    """The fragment that a heading gets on GitHub and in MkDocs."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _rows(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row of each table whose first column is `reason`, below the last heading before it."""
    section, header = "", []
    for line in text.splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ").replace("`", "")
        if not line.startswith("|"):
            header = header if not line else []
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[0] == "reason":
            header = cells
        elif header and not set(cells[0]) <= set("-: "):
            yield section, dict(zip(header, cells, strict=True))


def _plain(cell: str) -> str:
    """Links as their words; code keeps its marks."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", cell)
