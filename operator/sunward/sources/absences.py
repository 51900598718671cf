"""Why a meter shows nothing, by the word of its exporter: what was looked for, and what a person may choose from.

Pure; it must not know where an answer came from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.reasons import Reason
from sunward.sources.groups import Found

MOST_CHOICES = 32
"""Channels that an exporter names."""
SHOWN_CHOICES = 8
LONGEST_CHOICE = 64

_CHOOSE: Final = "name one in the chart's exporter.meters or exporter.nodeDevices"
_WHY: Final = {
    Reason.NO_METER: "nothing on the machine measures its power; connect a meter, or map series to it",
    Reason.NOT_OF_THE_MACHINE: "what was found measures something else, such as a battery",
    Reason.DEVICE_NOT_FOUND: "the chosen device or channel is not there",
    Reason.AMBIGUOUS_METER: "several channels fit and none was chosen",
    Reason.PERMISSION_DENIED: "the exporter may not read its meter; for RAPL set exporter.rapl.enabled in the chart",
    Reason.TIMED_OUT: "a read of the meter does not return",
    Reason.UNREADABLE: "the meter's file cannot be read",
    Reason.DATA_MISSING: "the meter's file is not there",
    Reason.NOT_A_NUMBER: "the meter shows no number",
    Reason.NEGATIVE_VALUE: "the meter shows a negative power; its shunt may be reversed",
    Reason.ABOVE_NAMEPLATE: "the meter shows more than the machine can draw",
    Reason.SHUNT_VALUE: "the kernel was not told the meter's shunt; set shunt-resistor in its device-tree overlay",
    Reason.RAMP_TOO_STEEP: "the meter changes faster than the exporter's limit",
    Reason.IMPLAUSIBLE_UNIT: "the meter shows what no machine draws",
}
"""The exporter's reasons, in words, with what to do."""
_CHOICE: Final = frozenset({Reason.NOT_OF_THE_MACHINE, Reason.DEVICE_NOT_FOUND, Reason.AMBIGUOUS_METER})


def is_silent(facts: MeterFacts) -> bool:
    """Whether any of a node's meters has no series."""
    return any(_is_missing(one) for one in (facts.power_watts, facts.harvest_watts, facts.battery_ratio))


def asks_for_a_choice(why: Found) -> bool:
    """Whether a person has to choose between the channels of the machine."""
    return any(reason in _CHOICE for reason in _reasons(why).values())


def explained(facts: MeterFacts, why: Found, choices: Found) -> MeterFacts:
    """The same, with the exporter's reason wherever there is no series."""
    reasons = _reasons(why)
    names = _names(choices)
    return replace(
        facts,
        power_watts=_because(facts.power_watts, reasons.get("node"), names),
        harvest_watts=_because(facts.harvest_watts, reasons.get("harvest"), names),
        battery_ratio=_because(facts.battery_ratio, reasons.get("battery"), []),
    )


def _is_missing(reading: Reading) -> bool:
    return isinstance(reading, Absent) and reading.cause.reason is Reason.DATA_MISSING


def _reasons(why: Found) -> dict[str, Reason]:
    """The reason for each meter; words that no exporter of ours says are left out."""
    known = {reason.value: reason for reason in _WHY}
    series = [] if isinstance(why, Cause) else [one for one in why if not one.spoofed]
    return {
        one.labels.get("source", ""): known[one.labels["reason"]] for one in series if one.labels.get("reason") in known
    }


def _names(choices: Found) -> list[str]:
    series = [] if isinstance(choices, Cause) else choices
    return sorted({one.labels["meter"][:LONGEST_CHOICE] for one in series if one.labels.get("meter")})


def _because(reading: Reading, reason: Reason | None, choices: list[str]) -> Reading:
    if reason is None or not isinstance(reading, Absent) or not _is_missing(reading):
        return reading
    return replace(reading, cause=Cause(reason, _WHY[reason] + _to_choose(reason, choices)))


def _to_choose(reason: Reason, choices: list[str]) -> str:
    if reason not in _CHOICE or not choices:
        return ""
    rest = f" and {len(choices) - SHOWN_CHOICES} more" if len(choices) > SHOWN_CHOICES else ""
    return f"; {_CHOOSE}: {', '.join(choices[:SHOWN_CHOICES])}{rest}"
