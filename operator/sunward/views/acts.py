"""What was done and decided, the youngest first: last changes of nodes, and decisions of the plans that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sunward.views.fields import Body, at, name_of, rows, text, why
from sunward.views.models import Act
from sunward.views.plan import decision

QUIET = ("KeepAwake", "KeepAsleep", "Assign", "Transfer")
"""Decisions that change no node and stop no job."""
MOST_ACTS = 200


def view(nodes: Sequence[Body], plans: Sequence[Body]) -> tuple[Act, ...]:
    """The youngest of them."""
    found = [*_transitions(nodes), *_decisions(plans)]
    return tuple(sorted(found, key=lambda act: (act.time, act.subject), reverse=True)[:MOST_ACTS])


def _transitions(nodes: Sequence[Body]) -> Iterator[Act]:
    for body in nodes:
        row = at(body, "status", "lastTransition")
        if text(row, "time"):
            what = f"{text(row, 'from') or 'Unknown'} → {text(row, 'to') or 'Unknown'}"
            yield Act(time=row["time"], what=what, subject=name_of(body), why=why(row), dry_run=False)


def _decisions(plans: Sequence[Body]) -> Iterator[Act]:
    for body in plans:
        time = text(body, "spec", "periodStart") or ""
        for one in map(decision, rows(body, "status", "decisions")):
            if one.kind not in QUIET:
                yield Act(time=time, what=one.kind, subject=one.subject, why=one.why, dry_run=one.dry_run)
