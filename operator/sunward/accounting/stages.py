"""Energy and emissions of a job by stage of its life: preparation, development, application, recycling.

The stages are those of the DETA paper's framework. What a stage emitted is metered elsewhere; here entries are added up
and, for recycling, training is shared among the uses that build on it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import fsum

from sunward.domain.amounts import require_amount
from sunward.domain.errors import InvalidInput


class Stage(StrEnum):
    """Stages in the life of a model."""

    PREPARATION = "preparation"  # data are collected, moved and cleaned
    DEVELOPMENT = "development"  # the model is trained and tested
    APPLICATION = "application"  # the model is distributed and answers
    RECYCLING = "recycling"  # the model is adapted for another use


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """Energy and location-based emissions of a job in one stage, from one period."""

    stage: Stage
    watt_hours: float
    location_grams: float

    def __post_init__(self) -> None:
        require_amount(f"{self.stage}.watt_hours", self.watt_hours)
        require_amount(f"{self.stage}.location_grams", self.location_grams)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotal:
    """A stage's sum, and its share of the job's emissions (None while the job has emitted nothing)."""

    stage: Stage
    watt_hours: float
    location_grams: float
    share: float | None


def by_stage(entries: Iterable[StageEntry]) -> tuple[StageTotal, ...]:
    """All four stages of a job, in their order; a stage without entries has zeros, because nothing ran in it."""
    own = tuple(entries)
    whole = fsum(entry.location_grams for entry in own)
    return tuple(_total(stage, [entry for entry in own if entry.stage is stage], whole) for stage in Stage)


def _total(stage: Stage, entries: list[StageEntry], whole: float) -> StageTotal:
    grams = fsum(entry.location_grams for entry in entries)
    return StageTotal(
        stage=stage,
        watt_hours=fsum(entry.watt_hours for entry in entries),
        location_grams=grams,
        share=grams / whole if whole > 0.0 else None,
    )


def inherited_grams(training_grams: float, uses: int) -> float:
    """Grams of a training that each of its `uses` bears, itself included: equal parts, so that they add up to it.

    Raises InvalidInput for negative grams or fewer than one use.
    """
    require_amount("training_grams", training_grams)
    if uses < 1:
        raise InvalidInput("uses", f"{uses} is fewer than the training itself")
    return training_grams / uses
