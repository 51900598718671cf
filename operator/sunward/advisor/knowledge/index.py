"""An index of chunks by BM25 (SQLite's FTS5), in memory: built in tens of milliseconds, asked in one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from sunward.advisor.knowledge.chunks import OVERLAP, SIZE, Chunk, chunks, digest
from sunward.advisor.parser.words import listed

RESULTS: Final = 4
MOST_WORDS: Final = 60
"""Words of a question that are searched; a request has no more that matter."""
_WORD: Final = re.compile(r"[^\W_]+")
_COMMON: Final = listed(
    "a;an;and;are;as;at;be;by;can;do;does;for;from;has;have;how;i;if;in;is;it;its;of;on;or;our;should;so;that;the;then;"
    "there;they;this;to;was;we;what;when;where;which;who;why;will;with;would;you;your;not;no;than;into;about"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A chunk with its score: the greater, the nearer."""

    chunk: Chunk
    score: float

    def as_data(self) -> dict[str, object]:
        """As an answer's `sources` show it."""
        data: dict[str, object] = {"file": self.chunk.file, "chunk": self.chunk.number, "score": round(self.score, 3)}
        return {**data, "flag": self.chunk.flag} if self.chunk.flag else data


def words_of(question: str) -> list[str]:
    """The words of a question that tell something, each once: letters and digits only, so that none is syntax."""
    words = dict.fromkeys(word for word in _WORD.findall(question.lower()) if word not in _COMMON)
    return list(words)[:MOST_WORDS]


class Index:
    """Finds chunks by the words of a question. What is asked is data: it never becomes a part of a query's syntax."""

    def __init__(self, found: Sequence[Chunk]) -> None:
        """Index these chunks."""
        self._chunks = tuple(found)
        self.digest = digest(self._chunks)
        self._table = sqlite3.connect(":memory:", check_same_thread=False)
        self._table.execute("CREATE VIRTUAL TABLE pages USING fts5(text, tokenize = 'porter unicode61')")
        self._table.executemany(
            "INSERT INTO pages(rowid, text) VALUES (?, ?)",
            [(number, f"{chunk.file} {chunk.text}") for number, chunk in enumerate(self._chunks)],
        )

    def close(self) -> None:
        """Free the table."""
        self._table.close()

    def search(self, question: str, count: int = RESULTS) -> list[Found]:
        """The nearest chunks, nearest first; none where no word is known."""
        query = " OR ".join(f'"{word}"' for word in words_of(question))
        if not query:
            return []
        rows = self._table.execute(
            "SELECT rowid, bm25(pages) FROM pages WHERE pages MATCH ? ORDER BY bm25(pages), rowid LIMIT ?",
            (query, count),
        )
        return [Found(chunk=self._chunks[number], score=-score) for number, score in rows]


@cache
def index(size: int = SIZE, overlap: int = OVERLAP) -> Index:
    """The index of all pages."""
    return Index(chunks(size, overlap))
