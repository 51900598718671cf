"""Why a meter shows nothing, by the word of its exporter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.reasons import Reason
from sunward.sources import absences
from sunward.sources.samples import Sample, SampleSeries
from sunward_exporter.readings import Refusal

MISSING = Absent(cause=Cause(Reason.DATA_MISSING, "no series"), source="prometheus")
SHOWN = Measurement(value=3.0, time=datetime(2026, 11, 1, tzinfo=UTC), quality=Quality.MEASURED, source="prometheus")


def facts(power: Reading = MISSING, harvest: Reading = SHOWN, battery: Reading = SHOWN) -> MeterFacts:
    return MeterFacts(power_watts=power, harvest_watts=harvest, battery_ratio=battery)


def one(**labels: str) -> SampleSeries:
    return SampleSeries(labels=labels, samples=(Sample(seconds=1.0, value=1.0),))


def cause(reading: Reading) -> Cause:
    assert isinstance(reading, Absent)
    return reading.cause


def test_an_ambiguity_names_the_meters_to_choose_from() -> None:
    why = [one(source="node", reason="AmbiguousMeter")]
    choices = [one(meter="ina219@1-0041"), one(meter="ina219@1-0040")]
    assert absences.asks_for_a_choice(why)
    found = cause(absences.explained(facts(), why, choices).power_watts)
    assert found.reason is Reason.AMBIGUOUS_METER
    assert found.message.endswith("exporter.nodeDevices: ina219@1-0040, ina219@1-0041")


def test_each_meter_has_its_own_reason_and_a_value_stays() -> None:
    why = [one(source="node", reason="NoMeter"), one(source="harvest", reason="DeviceNotFound")]
    found = absences.explained(facts(harvest=MISSING, battery=MISSING), why, [])
    assert cause(found.power_watts).reason is Reason.NO_METER
    assert cause(found.harvest_watts).reason is Reason.DEVICE_NOT_FOUND
    assert found.battery_ratio is MISSING
    assert absences.explained(facts(power=SHOWN), why, []).power_watts is SHOWN


def test_many_and_long_names_are_cut() -> None:
    choices = [one(meter=f"{number:02}" + "x" * 200) for number in range(20)]
    found = cause(absences.explained(facts(), [one(source="node", reason="AmbiguousMeter")], choices).power_watts)
    assert found.message.endswith(" and 12 more")
    assert len(found.message) < 800


@pytest.mark.parametrize(
    "why",
    [
        [],
        [one(source="node", reason="Sabotage")],
        [one(source="node")],
        [one(source="other", reason="NoMeter")],
        [one(source="node", reason="NoMeter", exported_node="pi-02")],
        Cause(Reason.DATA_UNAVAILABLE, "too large"),
    ],
)
def test_what_no_exporter_of_ours_says_changes_nothing(why: list[SampleSeries] | Cause) -> None:
    assert absences.explained(facts(), why, []).power_watts is MISSING


def test_an_absence_for_another_reason_is_kept() -> None:
    ambiguous = Absent(cause=Cause(Reason.AMBIGUOUS_METRIC), source="prometheus")
    why = [one(source="node", reason="NoMeter")]
    assert not absences.is_silent(facts(power=ambiguous))
    assert absences.explained(facts(power=ambiguous), why, []).power_watts is ambiguous


def test_every_reason_of_the_exporter_is_understood() -> None:
    for refusal in set(Refusal) - {Refusal.SAMPLES_LOST}:  # that one goes with a value
        found = absences.explained(facts(), [one(source="node", reason=refusal.value)], [])
        assert cause(found.power_watts).reason.value == refusal.value
