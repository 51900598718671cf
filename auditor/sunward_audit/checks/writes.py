"""I12 and I14: how much is written, and that it comes to an end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from sunward_audit.events import Event
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View
from sunward_audit.writes import STATUS_KINDS, Write

WINDOW = timedelta(minutes=10)
BURST = 5
"""A node that sleeps, wakes and is measured again changes several conditions at once."""
TOTAL_WINDOW = timedelta(seconds=60)
TOTAL_WRITES = 300


def frugal(view: View, event: Event) -> Iterator[Verdict]:
    """I14: at most one write per object and minute, over ten minutes with a small burst.

    Records of intent, which must be written before each act, are not counted, nor is the one report that follows each
    of them. What each planning period writes anew is counted by itself, once per period; a request does not tell what
    it changes, so it may be either.
    """
    write = view.write_of(event)
    if write is None:
        return
    alike = [w for w in view.writes if w.subject == write.subject and w.is_request == write.is_request]
    counted = [w for before, w in pairwise([None, *alike]) if w is not None and _counts(before, w)]
    count = sum(1 for w in counted if w.is_plan == write.is_plan and view.now - w.time < WINDOW)
    per_period = WINDOW.total_seconds() / max(1.0, view.limits.planning_period_seconds)
    per_minute = WINDOW.total_seconds() / 60
    most = BURST + (max(per_minute, per_period) if write.is_plan else per_minute + per_period * write.is_request)
    broken = "is written more than once a minute" if count > most else None
    yield Verdict(subject=write.subject, broken=broken, evidence=f"{count} in {WINDOW}")


def in_all(view: View, event: Event) -> Iterator[Verdict]:
    """I14: at most five writes a second in all, over a minute."""
    if view.write_of(event) is None:
        return
    recent = [write for write in view.writes if view.now - write.time < TOTAL_WINDOW]
    requests = sum(1 for write in recent if write.is_request)
    total = max(requests, len(recent) - requests)
    broken = "more than five writes a second" if total > TOTAL_WRITES else None
    yield Verdict(subject="cluster", broken=broken, evidence=f"{total} in {TOTAL_WINDOW}")


def settles(view: View, event: Event) -> Iterator[Verdict]:
    """I12: some time after the last disturbance nothing is written any more but the Lease and the period's plan."""
    quiescence = view.quiescence
    if quiescence is None:
        return
    begins, ends = quiescence.time + quiescence.settle, quiescence.time + quiescence.settle + quiescence.quiet
    write = view.write_of(event)
    told_by_object = write is not None and write.is_request and write.subject.split()[0] in STATUS_KINDS
    if write is not None and not told_by_object and begins <= view.now < ends and not write.is_plan:
        yield Verdict(subject=write.subject, broken="is written although all is calm", evidence=write.what)
    elif view.earlier < ends <= view.now:
        yield Verdict(subject="cluster", evidence=f"quiet from {begins} for {quiescence.quiet}")


def _counts(before: Write | None, write: Write) -> bool:
    return not write.is_record and not (before is not None and before.is_record)
