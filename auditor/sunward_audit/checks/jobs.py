"""I11: every job ends or says why it does not."""

from __future__ import annotations

from collections.abc import Iterator

from sunward_audit import facts
from sunward_audit.events import Body, Event, ObjectSeen
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View

SILENCE_SECONDS = 300.0
"""So long may the first word take, through an API server that fails."""
TERMINAL = ("RoundsComplete", "TargetReached", "JobFailed")


def rounds(view: View, event: Event) -> Iterator[Verdict]:
    """The round counter of a job never falls, and what ended does not begin again."""
    if not isinstance(event, ObjectSeen) or event.kind != "trainingjobs" or event.gone or view.before is None:
        return
    if view.before["metadata"].get("uid") != event.body["metadata"].get("uid"):
        return
    old, new = _round(view.before), _round(event.body)
    again = _is_over(view.before) and not _is_over(event.body)
    mute = _speaks(view.before) and not _speaks(event.body)
    broken = "its round counter fell" if new < old else "it ended and goes on" if again else None
    broken = "it lost its reason" if mute else broken
    yield Verdict(subject=facts.key_of(event.body), broken=broken, evidence=f"round {new} after {old}")


def reasons(view: View, event: Event) -> Iterator[Verdict]:
    """A job has a condition with a reason soon after it was made, and keeps it."""
    if not isinstance(event, ObjectSeen) or event.kind not in ("trainingjobs", "leases"):
        return
    for job in view.of("trainingjobs"):
        made = view.first_seen[("trainingjobs", facts.key_of(job))]
        if _speaks(job):
            yield Verdict(subject=facts.key_of(job))
        elif view.led_seconds(made, view.now) > SILENCE_SECONDS:
            yield Verdict(subject=facts.key_of(job), broken="neither ends nor says why")


def _speaks(job: Body) -> bool:
    return any(condition.get("reason") for condition in facts.conditions(job))


def _round(job: Body) -> int:
    return int(facts.part(job, "status").get("round") or 0)


def _is_over(job: Body) -> bool:
    return any(c.get("status") == "True" and c.get("reason") in TERMINAL for c in facts.conditions(job))
