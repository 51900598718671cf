"""TrainingJobs as cards."""

from __future__ import annotations

from collections.abc import Iterator

from sunward.views.fields import Body, condition, name_of, rows, scaled, text, whole
from sunward.views.flows import MICRO
from sunward.views.models import JobCard, Why

TOLD = (
    ("Complete", "True"),
    ("Paused", "True"),
    ("BudgetExceeded", "True"),
    ("DeadlineAtRisk", "True"),
    ("UpdatesRefused", "True"),
    ("Planned", "False"),
    ("Applied", "False"),
    ("Running", "True"),
)
"""Conditions that people want to know, and the status in which they do, the weightiest first."""


def card(body: Body) -> JobCard:
    """One job."""
    return JobCard(
        name=name_of(body),
        rounds_done=whole(body, "status", "round"),
        rounds=whole(body, "spec", "rounds") or 0,
        accuracy_percent=whole(body, "status", "accuracyPercent"),
        target_percent=whole(body, "spec", "targetAccuracyPercent"),
        workers=whole(body, "status", "workers"),
        ready_workers=whole(body, "status", "readyWorkers"),
        emitted_grams=scaled(body, "status", "emissionsMicrogramsCO2e", per=MICRO),
        baseline_grams=scaled(body, "status", "baselineEmissionsMicrogramsCO2e", per=MICRO),
        avoided_grams=scaled(body, "status", "avoidedEmissionsMicrogramsCO2e", per=MICRO),
        budget_grams=scaled(body, "spec", "emissionsBudgetMilligramsCO2e", per=1000.0),
        unaccounted_periods=whole(body, "status", "unaccountedPeriods") or 0,
        refused_updates=whole(body, "status", "refusedUpdates") or 0,
        stages=_stages(body),
        deadline=text(body, "spec", "deadline"),
        expected_end=text(body, "status", "completionTime") or text(body, "status", "estimatedCompletionTime"),
        why=tuple(_why(body)),
    )


def _stages(body: Body) -> dict[str, float | None]:
    return {
        text(row, "name") or "": scaled(row, "emissionsMicrogramsCO2e", per=MICRO)
        for row in rows(body, "status", "stages")
    }


def _why(body: Body) -> Iterator[Why]:
    for kind, status in TOLD:
        found = condition(body, kind, status)
        if found is not None:
            yield found
