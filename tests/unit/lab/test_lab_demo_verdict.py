"""The demo's report: what counts as learned on each data set, and when the demo has stopped getting anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from sunward_lab.demo.cluster import Look
from sunward_lab.demo.progress import Progress
from sunward_lab.demo.record import Record
from sunward_lab.demo.verdict import judge

Body = dict[str, Any]
LEARNED = "the job is complete with its accuracy stated"


def job(*, data_set: str | None = "mnist", ppm: int | None = 981_000, done: bool = True, rounds: int = 50) -> Body:
    status: Body = {"round": rounds, "conditions": [{"type": "Complete", "status": str(done)}]}
    if ppm is not None:
        status["accuracyPartsPerMillion"] = ppm
    if data_set is not None:
        status["dataSet"] = data_set
    if done:
        status["completionTime"] = "2026-11-30T12:00:00Z"
    return {"spec": {"rounds": 50}, "status": status}


def plan(*, settled: bool) -> Body:
    totals = {"locationBasedMicrogramsCO2e": 1, "baselineMicrogramsCO2e": 2}
    return {"status": {"settlement": {"totals": totals, "nodes": []} if settled else {}}}


def look(body: Body, periods: int = 0) -> Look:
    return Look(energy_nodes=[], jobs=[body], plans=[plan(settled=True)] * periods, nodes=[])


@pytest.mark.parametrize(
    ("data_set", "ppm", "kept"),
    [
        ("mnist", 981_000, True),
        ("mnist", 888_000, False),  # good on Fashion-MNIST, poor on MNIST
        ("fashion-mnist", 888_000, True),
        ("fashion-mnist", 840_000, False),
        ("digits", 930_000, True),
        ("something-else", 999_000, False),
        (None, 999_000, False),
        ("mnist", None, False),
    ],
)
def test_learned_is_measured_on_the_scale_of_the_data_set(data_set: str | None, ppm: int | None, kept: bool) -> None:
    record = Record(last=look(job(data_set=data_set, ppm=ppm)))
    found = {finding.promise: finding for finding in judge(record)}[LEARNED]
    assert found.kept is kept
    assert ("unknown" if ppm is None else f"{ppm / 10_000:.2f} %") in found.evidence


def test_a_demo_that_finishes_rounds_is_never_too_slow() -> None:
    progress = Progress(stall_seconds=180, begun=0.0)
    for number in range(1, 51):
        progress.add(look(job(done=False, rounds=number)), 170.0 * number)
        assert not progress.has_stalled(170.0 * number + 179)
    assert progress.has_stalled(170.0 * 50 + 181)


def test_periods_count_as_progress_only_after_the_job() -> None:
    progress = Progress(stall_seconds=180, begun=0.0)
    for periods in range(10):
        progress.add(look(job(done=False, rounds=0), periods), 30.0 * periods)
    assert progress.has_stalled(200.0)
    assert progress.periods_after_the_job is None
    progress.add(look(job(), 10), 300.0)
    assert progress.periods_after_the_job == 0
    progress.add(look(job(), 12), 400.0)
    assert progress.periods_after_the_job == 2
    assert not progress.has_stalled(579.0)
