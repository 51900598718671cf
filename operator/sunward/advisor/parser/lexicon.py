"""Words and what they may mean. A phrase may carry several concepts; `neutral` ones change no meaning.

Readers of clauses (`frames`) name the concepts that they understand. A word with a concept that the reader of its
clause does not understand makes the clause unread, which asks back; so a concept never loosens anything by itself. The
phrases are in `lexicon.txt`, so that one can be added without touching code.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sunward.advisor.parser.words import words_of

Phrases = dict[tuple[str, ...], frozenset[str]]


@cache
def phrases() -> Phrases:
    """The concepts of each phrase, by its words."""
    found: dict[tuple[str, ...], set[str]] = {}
    for concept, text in _sections():
        for phrase in text.split(";"):
            key = tuple(words_of(phrase))
            if key:
                found.setdefault(key, set()).add(concept)
    return {key: frozenset(concepts) for key, concepts in found.items()}


def _sections() -> list[tuple[str, str]]:
    """Each concept with its phrases as they are written."""
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("["):
            found.append((line.strip("[]"), ""))
        elif line and not line.startswith("#"):
            concept, before = found[-1]
            found[-1] = (concept, f"{before} {line}")
    return found
