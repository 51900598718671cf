"""What an experiment says: claims beside the paper's, tables and figures, all as plain values.

A claim names its level, because the same number means different things when it follows from data, from one
chosen parameter or from nothing but the model. Knows neither files nor plotting.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sunward.simulation.experiments.statistics import Estimate

Row = tuple[str | int | float | None, ...]


class Level(StrEnum):
    """How strong a claim is."""

    SHAPE = "L1 shape"
    DATA = "L2 from data"
    CALIBRATED = "L3 calibrated"
    PREDICTED = "L4 predicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement: what the paper says (None: nothing), what we get, and whether ours holds.

    `holds` is None where there is nothing to decide: the number is reported and stands for itself.
    """

    name: str
    paper: str | None
    ours: str
    level: Level
    holds: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text and numbers under a header whose names carry the units."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series with its interval at each point; a series of single dots is `marks_only`."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    marks_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart of lines; labels carry the units."""

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_y: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that an experiment found; `settings` repeats what is needed to run it again."""

    name: str
    title: str
    settings: dict[str, Any]
    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def percent(estimate: Estimate, digits: int = 1) -> str:
    """`74.9 % [74.6, 75.2]`."""
    return f"{estimate.value:.{digits}f} % [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def line(label: str, x: tuple[float, ...], estimates: tuple[Estimate, ...]) -> Line:
    """A series of estimates with their intervals."""
    return Line(
        label=label,
        x=x,
        y=tuple(e.value for e in estimates),
        low=tuple(e.low for e in estimates),
        high=tuple(e.high for e in estimates),
    )
