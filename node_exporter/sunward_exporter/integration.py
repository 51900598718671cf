"""Power samples -> energy: what the meter counted itself, and by the trapezoid rule where it counts nothing.

Between two samples power is taken as a straight line. Across a hole longer than `maximum_gap_seconds` nothing is
invented: the counter stands still and the hole is reported, so that the ledger can see that energy is missing. A meter
that counts energy has counted through the hole.
"""

from __future__ import annotations

from dataclasses import dataclass

from sunward_exporter.readings import Refusal, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Joules since the start of the process, and the sample they reach to."""

    joules: float = 0.0
    last: Sample | None = None


def add(energy: Energy, sample: Sample, maximum_gap_seconds: float) -> tuple[Energy, Refusal | None]:
    """Energy including the new sample; SAMPLES_LOST when the hole before it was too long to bridge.

    A sample that is not later than the last one adds nothing, unless its meter counted energy before it.
    """
    last = energy.last
    if sample.joules is not None:
        return Energy(joules=energy.joules + sample.joules, last=sample), None
    if last is None:
        return Energy(joules=energy.joules, last=sample), None
    seconds = sample.seconds - last.seconds
    if seconds <= 0.0:
        return energy, None
    if seconds > maximum_gap_seconds:
        return Energy(joules=energy.joules, last=sample), Refusal.SAMPLES_LOST
    joules = energy.joules + seconds * (last.watts + sample.watts) / 2.0
    return Energy(joules=joules, last=sample), None
