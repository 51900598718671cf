"""Metrics of training jobs: sums without names of jobs, and no series for what is not known."""

from __future__ import annotations

from sunward.domain.jobs import Refusal, UpdateChecks
from sunward.telemetry.metrics import Metrics
from support.planning import a_job, a_snapshot, some_progress

NAME = "sunward_training_refused_updates"


def refused(metrics: Metrics) -> dict[str, float]:
    """The series by reason."""
    families = (family for family in metrics.registry.collect() if family.name == NAME)
    return {sample.labels["reason"]: sample.value for family in families for sample in family.samples}


def job_with(*counts: tuple[Refusal, int]) -> object:
    return a_job(progress=some_progress(updates=UpdateChecks(refused=counts)))


def test_refused_updates_are_summed_over_jobs_by_reason() -> None:
    metrics = Metrics()
    jobs = [job_with((Refusal.NOT_FINITE, 2)), job_with((Refusal.NOT_FINITE, 1), (Refusal.OTHER, 4))]
    metrics.observed(a_snapshot(jobs=jobs))
    found = refused(metrics)
    assert (found["NotFinite"], found["Other"], found["WrongShape"]) == (3.0, 4.0, 0.0)
    assert set(found) == set(Refusal)


def test_without_a_job_that_tells_there_is_no_series() -> None:
    metrics = Metrics()
    metrics.observed(a_snapshot(jobs=[job_with((Refusal.NOT_FINITE, 2))]))
    metrics.observed(a_snapshot(jobs=[a_job(progress=None)]))
    assert refused(metrics) == {}
