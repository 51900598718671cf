"""What people read of a job's settled periods: nothing that is not known, and the SCI only of a whole run."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.cli.explaining.job_account import account_lines, software_intensity_of

COMPLETE = [{"type": "Complete", "status": "True"}]
STATUS: dict[str, Any] = {
    "energyMicrowattHours": 30_000,
    "emissionsMicrogramsCO2e": 12_000,
    "avoidedEmissionsMicrogramsCO2e": -1_000,
    "embodiedMicrogramsCO2e": 4_000,
    "stages": [
        {"name": "Preparation", "energyMicrowattHours": 5_000, "emissionsMicrogramsCO2e": 2_000},
        {"name": "Development", "energyMicrowattHours": 25_000, "emissionsMicrogramsCO2e": 10_000},
        {"name": "Application", "energyMicrowattHours": 0, "emissionsMicrogramsCO2e": 0},
    ],
    "conditions": COMPLETE,
}


def test_a_complete_job_is_told_whole() -> None:
    assert account_lines(STATUS) == [
        "settled: 30.000 mWh, 12.000 mg CO2e, -1.000 mg avoided",
        "  by stage: Preparation 2.000 mg, Development 10.000 mg",
        "  SCI: 0.016 g CO2e per training run, 25% of it embodied",
    ]


def test_emissions_per_point_of_accuracy_are_told_where_an_accuracy_was_reached() -> None:
    line = "  0.125 mg CO2e per percentage point of accuracy (96 %)"
    assert account_lines({**STATUS, "accuracyPercent": 96})[-1] == line
    for unknown in ({}, {"accuracyPercent": None}, {"accuracyPercent": 0}, {"accuracyPercent": 96, "conditions": []}):
        assert not any("accuracy" in line for line in account_lines({**STATUS, **unknown}))


def test_before_the_first_settlement_nothing_is_told() -> None:
    assert account_lines({"conditions": COMPLETE}) == []


@pytest.mark.parametrize(
    "change",
    [{"conditions": []}, {"embodiedMicrogramsCO2e": None}, {"unaccountedPeriods": 2}],
    ids=["not complete", "making unknown", "periods unknown"],
)
def test_a_run_that_is_not_whole_has_no_score(change: dict[str, Any]) -> None:
    assert software_intensity_of({**STATUS, **change}) is None
    assert not any("SCI" in line for line in account_lines({**STATUS, **change}))


def test_periods_that_are_not_known_are_told() -> None:
    assert account_lines({**STATUS, "unaccountedPeriods": 2})[-1].startswith("  2 periods are not included")


def test_figures_that_are_not_known_are_left_out_of_the_lines() -> None:
    assert account_lines({"unaccountedPeriods": 3}) == [
        "  3 periods are not included: the figures of a node are unknown"
    ]
    known = {"energyMicrowattHours": 2500, "emissionsMicrogramsCO2e": 1500}
    assert account_lines(known) == ["settled: 2.500 mWh, 1.500 mg CO2e"]
    stages = [{"name": "Development", "energyMicrowattHours": 2500}]
    assert account_lines({**known, "stages": stages}) == ["settled: 2.500 mWh, 1.500 mg CO2e"]
