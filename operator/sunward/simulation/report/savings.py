"""What a policy saves against the baseline of the same simulation, with everything that belongs beside the number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sunward.accounting.measures import UnderBoth, makespan_stretch, under_both_signals
from sunward.accounting.own_energy import NetSaving
from sunward.accounting.savings import Saving, View
from sunward.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One policy against the baseline: `net` is the location-based saving after the planner's own emissions.

    `signals` is None where a zone states no marginal intensity, `stretch` (hours of a task per its hours under the
    baseline) while a task of either is unfinished.
    """

    policy: str
    location: Saving
    market: Saving
    net: NetSaving
    signals: UnderBoth | None
    stretch: float | None


def gain(baseline: Outcome, outcome: Outcome) -> Gain:
    """The saving of an outcome against another of the same scenario and seed; work left undone is charged, see
    `Outcome.charged_grams`."""
    after = outcome.charged_grams(baseline, location=True)
    location = _saving(View.LOCATION, baseline.location_grams, after, baseline, outcome)
    return Gain(
        policy=outcome.policy,
        location=location,
        market=_saving(View.MARKET, baseline.market_grams, outcome.charged_grams(baseline), baseline, outcome),
        net=NetSaving(gross=location, own_grams=outcome.planner_grams - baseline.planner_grams),
        signals=under_both_signals(baseline.signals, outcome.signals),
        stretch=_stretch(baseline.task_hours, outcome.task_hours),
    )


def contradictions(gains: Iterable[Gain]) -> tuple[str, ...]:
    """A sentence for every saving whose sign depends on the signal: neither of its numbers may be quoted alone."""
    return tuple(
        f"{one.policy}: {one.signals.own_grams:+.2f} g saved under average intensities, "
        f"{one.signals.other_grams:+.2f} g under marginal ones; quote neither number alone"
        for one in gains
        if one.signals is not None and one.signals.contradict
    )


def _saving(view: View, before: float, after: float, baseline: Outcome, outcome: Outcome) -> Saving:
    return Saving(
        method=f"policy {baseline.policy}",
        view=view,
        baseline_grams=before,
        actual_grams=after,
        stored_watt_hours=outcome.stored_watt_hours - baseline.stored_watt_hours,
    )


def _stretch(baseline_hours: float | None, hours: float | None) -> float | None:
    return None if baseline_hours is None or hours is None else makespan_stretch(hours, baseline_hours)
