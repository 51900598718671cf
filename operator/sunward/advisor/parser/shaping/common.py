"""What several passes know: determiners, and kinds of tokens that name something."""

from __future__ import annotations

from sunward.advisor.parser.tokens import Kind

DETERMINERS = {
    "the",
    "a",
    "an",
    "our",
    "my",
    "its",
    "their",
    "your",
    "his",
    "her",
    "that",
    "this",
    "all",
    "both",
    "any",
    "either",
    "each",
    "for",
}


ENTITIES = (Kind.JOBS, Kind.NODES)
