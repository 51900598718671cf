"""Packaged pages as chunks of text; the same files give the same chunks, and these the same digest.

Tables are one chunk a row, so that a figure never stands without its flag and its reason.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).with_name("pages")
DOCS: Final = (Path(__file__).with_name("docs"), Path(__file__).parents[4] / "docs")
"""Where the documentation lies: in an installed package, and in a tree of the sources."""
SIZE: Final = 1000
OVERLAP: Final = 200
"""Characters of a chunk, and of each that the next one repeats: the second paper's setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a page; numbers count from 1 in each file. `flag` says what is doubtful about a row of a table."""

    file: str
    number: int
    text: str
    flag: str = ""


def pages() -> list[tuple[str, str]]:
    """Names and texts of all pages, in an order that no file system decides."""
    docs = next((folder for folder in DOCS if folder.is_dir()), None)
    paths = [*PAGES.iterdir(), *(docs.glob("*.md") if docs is not None else ())]
    return [(path.name, path.read_text(encoding="utf-8")) for path in sorted(paths, key=lambda path: path.name)]


def cut(name: str, text: str, size: int = SIZE, overlap: int = OVERLAP) -> Iterator[Chunk]:
    """A page as chunks; a table as rows."""
    if name.endswith(".csv"):
        yield from _rows(name, text)
        return
    starts = range(0, max(1, len(text) - overlap), size - overlap)
    for number, start in enumerate(starts, start=1):
        yield Chunk(file=name, number=number, text=text[start : start + size])


def _rows(name: str, text: str) -> Iterator[Chunk]:
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=1):
        said = "; ".join(f"{key}: {value}" for key, value in row.items() if value)
        yield Chunk(file=name, number=number, text=said, flag=row.get("flag") or "")


@cache
def chunks(size: int = SIZE, overlap: int = OVERLAP) -> tuple[Chunk, ...]:
    """All chunks of all pages."""
    return tuple(chunk for name, text in pages() for chunk in cut(name, text, size, overlap))


def digest(found: Sequence[Chunk]) -> str:
    """What identifies chunks: the same on every machine."""
    whole = hashlib.sha256()
    for chunk in found:
        whole.update(f"{chunk.file}\0{chunk.number}\0{chunk.text}\0".encode())
    return f"sha256:{whole.hexdigest()}"
