"""The condition UpdatesRefused: who was refused, and what was used where too few workers took part."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.cluster.access.events import WARNINGS
from sunward.cluster.reporting.job_figures import figures
from sunward.cluster.reporting.report import job_status
from sunward.domain.jobs import JobView, Refusal, RefusedWorker, UpdateChecks, UpdateRule
from sunward.domain.reasons import Reason
from support.planning import NOW, a_job, some_progress

BAD = RefusedWorker(node="pi-02", refusal=Refusal.NOT_FINITE, in_a_row=3)


def a_job_with(checks: UpdateChecks | None, rule: UpdateRule = UpdateRule.GATE) -> JobView:
    return a_job(progress=some_progress(updates=checks), update_rule=rule)


def told(job: JobView, old: Any = None) -> dict[str, Any] | None:
    """The condition as it stands in the status, or None."""
    found = job_status(job, None, None, old or {}, NOW)["conditions"]
    return next((dict(one) for one in found if one["type"] == "UpdatesRefused"), None)


@pytest.mark.parametrize(
    ("checks", "rule", "status", "reason", "words"),
    [
        (UpdateChecks(refused=((Refusal.NOT_FINITE, 3),), workers=(BAD,)), UpdateRule.GATE, "True", "UpdateRefused", (
            "pi-02: NotFinite, 3 in a row",
        )),
        (UpdateChecks(applied_rule=UpdateRule.MEDIAN, norm_bounded=True), UpdateRule.MULTI_KRUM, "False",
         "TooFewWorkers", ("MultiKrum", "Median was used instead")),
        (UpdateChecks(applied_rule=UpdateRule.GATE, norm_bounded=False), UpdateRule.GATE, "False", "TooFewWorkers", (
            "size of the last updates was not checked",
        )),
        (UpdateChecks(refused=((Refusal.NOT_FINITE, 2),), applied_rule=UpdateRule.GATE, norm_bounded=True),
         UpdateRule.GATE, "False", "UpdatesAccepted", ("refused updates so far: 2",)),
        (UpdateChecks(), UpdateRule.MEDIAN, "False", "UpdatesAccepted", ("refused updates so far: 0",)),
    ],
)  # fmt: skip
def test_the_condition_says_what_became_of_the_updates(
    checks: UpdateChecks, rule: UpdateRule, status: str, reason: str, words: tuple[str, ...]
) -> None:
    found = told(a_job_with(checks, rule))
    assert found is not None
    assert (found["status"], found["reason"]) == (status, reason)
    for word in words:
        assert word in found["message"]


def test_many_refused_workers_are_named_within_bounds() -> None:
    many = tuple(RefusedWorker(node=f"{'n' * 250}{index}", refusal=Refusal.OTHER, in_a_row=1) for index in range(300))
    found = told(a_job_with(UpdateChecks(workers=many)))
    assert found is not None
    assert len(found["message"]) <= 1024


def test_a_refusal_is_an_event_of_the_kind_warning() -> None:
    assert Reason.UPDATE_REFUSED in WARNINGS


@pytest.mark.parametrize("job", [a_job_with(None), a_job(progress=None)], ids=["older trainer", "silent"])
def test_what_the_coordinator_does_not_tell_leaves_the_condition_as_it_was(job: JobView) -> None:
    assert told(job) is None
    before = job_status(a_job_with(UpdateChecks(workers=(BAD,))), None, None, {}, NOW)
    after = told(job, before)
    assert after is not None
    assert after["status"] == "True"


def test_the_status_counts_refused_updates_once_the_coordinator_tells() -> None:
    counted = UpdateChecks(refused=((Refusal.NOT_FINITE, 2), (Refusal.WRONG_SHAPE, 1)))
    assert figures(a_job_with(counted), None, (), {}, NOW)["refusedUpdates"] == 3
    assert "refusedUpdates" not in figures(a_job_with(None), None, (), {}, NOW)
