"""The first pane: what is the case, and what the last hour has saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sunward.views.fields import Body, at, condition, later, moment, scaled, text, why
from sunward.views.flows import MICRO, picture
from sunward.views.models import Now, Saved, Why
from sunward.views.nodes import card

HOUR_SECONDS = 3600.0


def view(policy: Body | None, nodes: Sequence[Body], plans: Sequence[Body], now: datetime) -> Now:
    """The pane from the policy, the nodes and the plans, which are in order of time."""
    cards = tuple(sorted((card(body, now) for body in nodes), key=lambda one: (one.site, one.name)))
    rates = [one.grams_per_hour for one in cards if one.grams_per_hour is not None]
    return Now(
        mode=text(policy, "spec", "mode") or "DryRun",
        hold=_hold(policy),
        ready=condition(policy or {}, "Ready", "False"),
        counts=dict(sorted(Counter(one.state for one in cards).items())),
        grams_per_hour=sum(rates) if rates else None,
        unknown_nodes=len(cards) - len(rates),
        saved=saved(plans),
        flow=picture(plans, nodes),
        nodes=cards,
    )


def _hold(policy: Body | None) -> Why | None:
    hold = at(policy, "status", "hold")
    return why(hold, since="since") if isinstance(hold, dict) and hold.get("active") is True else None


def saved(plans: Sequence[Body]) -> Saved | None:
    """What the periods of the last settled hour came to; None where none of them has totals."""
    settled = [row for row in (at(plan, "status", "settlement") for plan in plans) if isinstance(row, dict)]
    ends = [end for row in settled if (end := moment(text(row, "until"))) is not None]
    if not ends:
        return None
    first = later(max(ends), -HOUR_SECONDS)
    recent = [row for row in settled if (moment(text(row, "until")) or first) > first]
    known = [row for row in recent if _grams(row, "location") is not None and _grams(row, "baseline") is not None]
    if not known:
        return None
    emitted = sum(_grams(row, "location") or 0.0 for row in known)
    baseline = sum(_grams(row, "baseline") or 0.0 for row in known)
    return Saved(
        start=min(text(row, "from") or "" for row in known),
        end=max(text(row, "until") or "" for row in known),
        periods=len(known),
        unknown=len(recent) - len(known),
        emitted_grams=emitted,
        baseline_grams=baseline,
        avoided_grams=baseline - emitted,
        method=text(known[-1], "method") or "",
    )


def _grams(settlement: Body, account: str) -> float | None:
    field = {"location": "locationBasedMicrogramsCO2e", "baseline": "baselineMicrogramsCO2e"}[account]
    return scaled(settlement, "totals", field, per=MICRO)
