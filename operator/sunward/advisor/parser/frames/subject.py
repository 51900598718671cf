"""Wishes without a subject, whose job or node was named before."""

from __future__ import annotations

from sunward.advisor.parser.span import Span
from sunward.advisor.parser.tokens import Kind, word

_MODALS = (
    "must",
    "should",
    "may",
    "can",
    "could",
    "cannot",
    "will",
    "shall",
    "has",
    "have",
    "needs",
    "ought",
    "is",
    "are",
)


_WORK_NOUNS = ("work", "job", "jobs", "task", "tasks", "training", "workload", "workloads", "batches", "computation")


def lacks_subject(span: Span) -> bool:
    """`and must not touch the cabin`: what must not is the job that was named before."""
    first, *rest = [t for t in span.tokens if t.kind is not Kind.MARK]
    asked = rest and word(rest[0]) in (
        "we",
        "you",
        "i",
        "there",
        "all",
        "everything",
        "nothing",
        "anything",
        "no",
        "the",
    )
    return word(first) in _MODALS and not asked and not any(word(t) in _WORK_NOUNS for t in rest)
