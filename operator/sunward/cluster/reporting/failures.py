"""What fails at present, as the EnergyPolicy tells it: how many of which objects, which, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sunward.cluster.containment import Containment, Failure, Part, Subject
from sunward.cluster.reading.observe import Observation
from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason

NAMED_LIMIT = 5
"""Objects of a kind that are named; the others are counted."""
WORDS_LIMIT = 120
"""Characters of one object's reason beside its name; the object itself has all."""
WEATHER = frozenset({Reason.API_SERVER_UNAVAILABLE, Reason.API_SERVER_BUSY})
"""Reasons that often pass by themselves: they are told when they come twice in a row."""
POLICY = Subject(kind="EnergyPolicy", name="default")


def note_unreadable(containment: Containment, seen: Observation) -> None:
    """Remember what a look could not read, and forget what is no longer there."""
    faults = {(item.kind, item.key): item.cause for item in seen.invalid}
    faults |= {("TrainingJob", job.spec.key): job.objects_fault for job in seen.snapshot.jobs if job.objects_fault}
    for (kind, name), cause in faults.items():
        containment.note(Part.READ, Subject(kind=kind, name=name), cause)
    for kind in ("EnergyPolicy", "EnergyNode", "TrainingJob"):
        containment.keep_only(Part.READ, kind, {name for of, name in faults if of == kind})
    for part in (Part.APPLY, Part.REPORT, Part.SETTLE):
        containment.keep_only(part, "TrainingJob", seen.state.job_bodies.keys())
    for part in (Part.STEP, Part.REPORT):
        containment.keep_only(part, "EnergyNode", seen.state.energy_node_bodies.keys())


def summary(containment: Containment, seen: Observation) -> Cause | None:
    """Why the policy is not Ready: what cannot be carried out; None when nothing fails."""
    invalid = containment.cause(POLICY, Part.READ)
    if invalid is not None:
        return invalid
    totals = {"TrainingJob": len(seen.state.job_bodies), "EnergyNode": len(seen.state.energy_node_bodies)}
    by_kind: dict[str, dict[str, Failure]] = {}
    for failure in containment.failing():
        if failure.attempts > 1 or failure.cause.reason not in WEATHER:
            by_kind.setdefault(failure.subject.kind, {}).setdefault(failure.subject.name, failure)
    if not by_kind:
        return None
    return Cause(Reason.PARTS_FAILING, "; ".join(_told(kind, found, totals) for kind, found in sorted(by_kind.items())))


def _told(kind: str, found: Mapping[str, Failure], totals: Mapping[str, int]) -> str:
    """One kind: "3 of 20 TrainingJobs cannot be carried out: default/a (QuotaExceeded: ...), ..."."""
    if kind not in totals:
        return ", ".join(_named(found.values(), with_kind=True))
    count = f"{len(found)} of {totals[kind]} {kind}s cannot be carried out"
    return f"{count}: {', '.join(_named(found.values(), with_kind=False))}"


def _named(found: Iterable[Failure], *, with_kind: bool) -> list[str]:
    everything = list(found)
    named = [
        f"{failure.subject if with_kind else failure.subject.name} ({str(failure.cause)[:WORDS_LIMIT]})"
        for failure in everything[:NAMED_LIMIT]
    ]
    left = len(everything) - len(named)
    return [*named, f"and {left} more"] if left else named
