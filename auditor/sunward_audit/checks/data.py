"""I7: every sleep rests on recorded inputs that were measured and fresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sunward_audit import facts
from sunward_audit.events import Body, Event
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View

SENSOR_QUALITIES = ("Measured",)
INTENSITY_QUALITIES = ("Measured", "LastKnownGood", "Forecast")


def inputs(view: View, event: Event) -> Iterator[Verdict]:
    """A node that begins to sleep is listed in the newest plan with ages and qualities within the limits."""
    step = view.step_of(event)
    if step is None or step.new != "Cordoned":
        return
    name = facts.name_of(step.body)
    plan = max(view.of("energyplans"), key=_start, default=None)
    if plan is None:
        yield Verdict(subject=name, broken="sleeps without a plan that lists its inputs")
        return
    wrong = list(_meters(view, step.body, plan)) + list(_zone(view, step.body, plan))
    evidence = facts.name_of(plan)
    yield from (Verdict(subject=name, broken=why, evidence=evidence) for why in wrong)
    if not wrong:
        yield Verdict(subject=name, evidence=evidence)


def _meters(view: View, energy: Body, plan: Body) -> Iterator[str]:
    rows = facts.part(plan, "status", "inputs").get("nodes") or ()
    row = next((row for row in rows if row.get("node") == facts.name_of(energy)), None)
    if row is None:
        yield "sleeps and its meters are not among the inputs"
        return
    spec = facts.part(energy, "spec")
    for what in ("power", *(key for key in ("harvest", "battery") if spec.get(key))):
        yield from _fresh(
            row, f"{what}AgeSeconds", f"{what}Quality", what, view.limits.sensors_seconds, SENSOR_QUALITIES
        )


def _zone(view: View, energy: Body, plan: Body) -> Iterator[str]:
    zone = facts.part(energy, "spec").get("gridZone")
    rows = facts.part(plan, "status", "inputs").get("zones") or ()
    row = next((row for row in rows if row.get("zone") == zone), None)
    if row is None:
        yield "sleeps and its zone is not among the inputs"
        return
    yield from _fresh(row, "ageSeconds", "quality", "intensity", view.limits.intensity_seconds, INTENSITY_QUALITIES)


def _fresh(
    row: Mapping[str, Any], age_key: str, quality_key: str, what: str, limit: float, qualities: tuple[str, ...]
) -> Iterator[str]:
    age, quality = row.get(age_key), row.get(quality_key)
    if age is None or quality is None:
        yield f"sleeps and the {'age' if age is None else 'quality'} of its {what} is not on record"
    elif float(age) > limit:
        yield f"sleeps on {what} older than {limit:.0f} s"
    elif quality not in qualities:
        yield f"sleeps on {what} that is {quality}"


def _start(plan: Body) -> str:
    return str(facts.part(plan, "spec").get("periodStart"))
