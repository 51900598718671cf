"""What an experiment says: claims beside the paper's, tables and figures, all as plain values.

A claim names its level, because the same number means different things when it follows from data, from one
chosen parameter or from nothing but the model. Knows neither files nor plotting.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sunward.simulation.experiments.statistics import Estimate

Cell = str | int | float | None
Row = tuple[Cell, ...]


class Level(StrEnum):
    """How strong a claim is."""

    SHAPE = "L1 shape"
    DATA = "L2 from data"
    CALIBRATED = "L3 calibrated"
    PREDICTED = "L4 predicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement: what the paper says (None: nothing), what we get, and whether ours holds.

    `holds` is None where there is nothing to decide: the number is reported and stands for itself. `disagrees` says in
    what our finding contradicts the paper's words or numbers, and why as far as that is known; empty where it does not.
    """

    name: str
    paper: str | None
    ours: str
    level: Level
    holds: bool | None = None
    note: str = ""
    disagrees: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text and numbers under a header whose names carry the units."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series with its interval at each point; single dots are `marks_only`, a range without a line `band_only`."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    marks_only: bool = False
    band_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart of lines; labels carry the units. `reference` is a level to compare with, and its name.

    Figures that are to be compared with each other share a `y_range`, whose upper end may be left open.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_y: bool = False
    reference: tuple[str, float] | None = None
    y_range: tuple[float, float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One estimate per row of a dot chart; None where there is none."""

    label: str
    values: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DotChart:
    """Named rows with an estimate and its interval for each series; the label carries the unit."""

    name: str
    title: str
    x_label: str
    rows: tuple[str, ...]
    series: tuple[Series, ...]
    reference: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """Levels that follow from each other, from top to bottom, and what each adds to the one before it.

    None is a level that is not known. A bound is what a level cannot go below; `end` is a last level to compare with.
    """

    name: str
    title: str
    x_label: str
    rows: tuple[str, ...]
    values: tuple[float | None, ...]
    bounds: tuple[float | None, ...]
    end: tuple[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that an experiment found; `settings` repeats what is needed to run it again."""

    name: str
    title: str
    question: str = ""
    settings: dict[str, Any]
    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure | DotChart | Waterfall, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def percent(estimate: Estimate, digits: int = 1) -> str:
    """`74.9 % [74.6, 75.2]`."""
    return f"{estimate.value:z.{digits}f} % [{estimate.low:z.{digits}f}, {estimate.high:z.{digits}f}]"


def points(estimate: Estimate, digits: int = 1) -> str:
    """`16.1 points [14.0, 18.2]`."""
    return f"{estimate.value:z.{digits}f} points [{estimate.low:z.{digits}f}, {estimate.high:z.{digits}f}]"


def cells(estimate: Estimate, digits: int = 1) -> tuple[float, float, float]:
    """Value, low and high for three columns of a table; no negative zeros."""
    value, low, high = (round(number, digits) + 0.0 for number in (estimate.value, estimate.low, estimate.high))
    return value, low, high


def line(label: str, x: tuple[float, ...], estimates: tuple[Estimate, ...], *, band_only: bool = False) -> Line:
    """A series of estimates with their intervals."""
    return Line(
        band_only=band_only,
        label=label,
        x=x,
        y=tuple(e.value for e in estimates),
        low=tuple(e.low for e in estimates),
        high=tuple(e.high for e in estimates),
    )
