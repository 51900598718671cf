"""EnergyNodes as cards."""

from __future__ import annotations

from datetime import datetime

from sunward.views.fields import Body, at, condition, moment, name_of, rows, scaled, text, whole, why
from sunward.views.models import NodeCard, Why

MILLI = 1000.0


def card(body: Body, now: datetime) -> NodeCard:
    """One node."""
    watts, harvest = watts_of(body, "power"), watts_of(body, "harvest")
    state = text(body, "status", "powerState") or "Unknown"
    transition = at(body, "status", "lastTransition")
    return NodeCard(
        name=name_of(body),
        site=text(body, "spec", "site") or "",
        zone=text(body, "spec", "gridZone") or "",
        state=state,
        why=why(transition, since="time") if isinstance(transition, dict) else None,
        obstacle=condition(body, "Sleepable", "False") if state == "Awake" else None,
        problem=_problem(body, state),
        next_wake=text(body, "status", "nextWakeTime"),
        watts=watts,
        watts_missing=None if watts is not None else text(body, "status", "power", "reason") or "DataMissing",
        harvest_watts=harvest,
        harvests=harvests(body),
        battery_percent=whole(body, "status", "battery", "chargePercent"),
        grams_per_hour=grams_per_hour(body),
        pinned_by=tuple(text(row, "holder") or "" for row in rows(body, "status", "pinnedBy")),
        pinned_grams_per_hour=scaled(body, "status", "pinnedMilligramsCO2ePerHour", per=MILLI),
        override=_override(body, now),
    )


def _problem(body: Body, state: str) -> Why | None:
    """What a person should look at; a sleeping node sends no samples, which is no problem."""
    found = condition(body, "Degraded") or condition(body, "Applied", "False")
    return found or (None if state == "Asleep" else condition(body, "SensorsFresh", "False"))


def harvests(body: Body) -> bool:
    """Whether a panel is described at the node."""
    return isinstance(at(body, "spec", "harvest"), dict)


def watts_of(body: Body, meter: str) -> float | None:
    """The reading of a meter; None for one that may not be used."""
    if text(body, "status", meter, "quality") in ("Missing", "Suspect"):
        return None
    return scaled(body, "status", meter, "milliwatts", per=MILLI)


def grams_per_hour(body: Body) -> float | None:
    """Grams of CO2e per hour of the power that the node's own panel does not cover; None where a part is unknown."""
    watts = watts_of(body, "power")
    harvest = watts_of(body, "harvest") if harvests(body) else 0.0
    intensity = scaled(body, "status", "intensity", "milligramsPerKilowattHour", per=MILLI)
    if watts is None or harvest is None or intensity is None:
        return None
    return max(0.0, watts - harvest) / 1000.0 * intensity


def _override(body: Body, now: datetime) -> str | None:
    until = moment(text(body, "spec", "override", "until"))
    if until is None or until <= now:
        return None
    power, reason = text(body, "spec", "override", "power"), text(body, "spec", "override", "reason")
    return f"{power} until {until:%Y-%m-%d %H:%M} UTC: {reason}"
