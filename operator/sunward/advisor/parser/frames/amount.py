"""Readers of wishes about how much a job has to do, and with how many workers."""

from __future__ import annotations

from collections.abc import Iterator

from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, word


def workers(span: Span) -> Iterator[Reading | None]:
    """The least number of nodes that work on a job."""
    counts = span.amounts("")
    if (
        len(counts) != 1
        or span.has("sleep", "awake", "battery", "sun", "atmost", "exactly")
        or span.amounts("%", "x", "g", "Wh", "W", "s", "g/kWh")
        or span.hours()
    ):
        return
    general = [token for token in span.of(Kind.NODES) if token.names.labels == ("*",)]
    if span.of(Kind.NODES) and not general:
        return
    if span.has("neg") and not span.has("atleast"):
        return
    noun = span.has("worker") or span.says(
        "nodes", "boxes", "machines", "devices", "node", "box", "machine", "device", "boards", "hosts", "pis"
    )
    asks = (
        span.has("atleast")
        or span.says(
            "needs", "need", "requires", "require", "minimum", "wants", "want", "quorum", "must", "should", "demands"
        )
        or span.says("with")
        or (span.has("worker") and bool(span.of(Kind.JOBS)))
    )
    labels, named, missing = span.jobs_or_missing()
    if not (noun and asks) and not (named and span.has("atleast") and span.has("work", "neutral")):
        return
    if labels is None and span.has("work") and span.says("each", "every", "per"):
        labels, missing = ["*"], set()
    allowed = ("worker", "atleast", "work", "batch", "minimum", "may", "prep", "minimise", "neg", "initial", "all")
    yield span.reading(
        "minimum-workers",
        [{"edit": "minimum-workers", "jobs": labels, "workers": counts[0].text}],
        allowed,
        [*counts, *named, *general],
        missing,
    )


def work(span: Span) -> Iterator[Reading | None]:
    """How much there is to do: `20 % bigger`, `half the batches`, `twice as many crops`."""
    if (
        span.hours()
        or span.amounts("", "Wh", "W", "s", "g", "g/kWh")
        or span.has(
            "battery", "sun", "grid", "sleep", "export", "home", "atmost", "atleast", "neg", "cleaner", "dirtier"
        )
    ):
        return
    share = span.share(("less", "more", "reduced_to"))
    told = [token for token in span.tokens if token.kind is not Kind.MARK]
    if word(told[-1]) in ("twice", "thrice") or span.says("none"):
        return
    jobs = span.of(Kind.JOBS)
    nodes = span.of(Kind.NODES)
    if share is None or (not jobs and not span.has("batch") and not span.has("less", "more")):
        return
    if span.says("moved", "move", "moves", "leave", "travel", "elsewhere", "offloaded", "away") or (
        span.has("move") and span.has("may")
    ):
        return
    if not (
        span.has("batch", "less", "more", "reduced_to")
        or (span.is_level(span.amounts("%", "x")[0]) and span.amounts("%", "x")[0].amount.value > 100)
        or any(t.amount.is_word or t.amount.unit == "x" for t in span.amounts("%", "x"))
    ):
        return
    labels, named, missing = span.jobs_or_missing()
    if (
        labels is None
        and span.has("work")
        and any(word(t) in ("all", "everything", "every") for t in span.of(Kind.ALL))
    ):
        labels, missing = ["*"], set()
    if nodes and any(token.text in (",", ":") for token in span.of(Kind.MARK)):
        return
    quote, used = share
    edit = {"edit": "work", "jobs": labels, "nodes": span.labels(nodes) or ["*"], "percent": quote}
    allowed = (
        "less",
        "more",
        "reduced_to",
        "batch",
        "work",
        "data",
        "only",
        "prep",
        "capacity",
        "initial",
        "all",
        "home",
        "may",
        "draw",
        "produce",
        "budget",
    )
    if not span.has("less", "more", "reduced_to") and any(t.kind is Kind.WORD and not t.concepts for t in span.tokens):
        return
    yield span.reading("work", [edit], allowed, [*used, *named, *nodes, *span.of(Kind.ALL)], missing)


READERS = (workers, work)
