"""What a TrainingJob has used and emitted in the periods settled so far, as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sunward.accounting.measures import SoftwareIntensity

UNIT = "training run"
FIGURES = (
    "energyMicrowattHours",
    "emissionsMicrogramsCO2e",
    "baselineEmissionsMicrogramsCO2e",
    "avoidedEmissionsMicrogramsCO2e",
    "embodiedMicrogramsCO2e",
    "stages",
    "unaccountedPeriods",
)
"""The fields of a TrainingJob's status that settled periods fill."""
MICRO = 1e-6


def account_lines(status: Mapping[str, Any]) -> list[str]:
    """Energy, emissions and what was avoided, by stage, and the SCI of a complete job; nothing before a settlement."""
    figures = (
        ("energyMicrowattHours", ".3f", "mWh"),
        ("emissionsMicrogramsCO2e", ".3f", "mg CO2e"),
        ("avoidedEmissionsMicrogramsCO2e", "+.3f", "mg avoided"),
    )
    known = [f"{status[key] / 1000:{form}} {unit}" for key, form, unit in figures if status.get(key) is not None]
    text = [f"settled: {', '.join(known)}"] if known else []
    stages = [row for row in status.get("stages") or () if row.get("emissionsMicrogramsCO2e") is not None]
    parts = [f"{row['name']} {row['emissionsMicrogramsCO2e'] / 1000:.3f} mg" for row in stages if _is_used(row)]
    if parts:
        text.append(f"  by stage: {', '.join(parts)}")
    score = software_intensity_of(status)
    if score is not None:
        made = "" if score.embodied_share is None else f", {score.embodied_share:.0%} of it embodied"
        text.append(f"  SCI: {score.grams_per_unit:.3f} g CO2e per {score.unit}{made}")
        text += _per_point(status)
    if status.get("unaccountedPeriods"):
        text.append(f"  {status['unaccountedPeriods']} periods are not included: the figures of a node are unknown")
    return text


def _per_point(status: Mapping[str, Any]) -> list[str]:
    """Operational emissions per percentage point of the accuracy that a complete run reached."""
    from sunward.accounting.quality import grams_per

    accuracy = status.get("accuracyPercent")
    found = None if accuracy is None else grams_per(status["emissionsMicrogramsCO2e"] / 1000, accuracy)
    return [] if found is None else [f"  {found:.3f} mg CO2e per percentage point of accuracy ({accuracy} %)"]


def _is_used(stage: Mapping[str, Any]) -> bool:
    """Whether the stage took any energy; the others are only named by the resource."""
    return bool(stage.get("energyMicrowattHours"))


def software_intensity_of(status: Mapping[str, Any]) -> SoftwareIntensity | None:
    """The SCI of one training run; None while the job is not complete, or as long as some of its grams are unknown."""
    from sunward.accounting.measures import SoftwareIntensity

    conditions = status.get("conditions") or ()
    is_complete = any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)
    emissions, embodied = status.get("emissionsMicrogramsCO2e"), status.get("embodiedMicrogramsCO2e")
    if not is_complete or emissions is None or embodied is None or status.get("unaccountedPeriods"):
        return None
    return SoftwareIntensity(
        operational_grams=emissions * MICRO, embodied_grams=embodied * MICRO, functional_units=1.0, unit=UNIT
    )
