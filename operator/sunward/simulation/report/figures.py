"""Figures that read in print and without colour: intervals drawn, units on axes, vector and bitmap.

Colours are Okabe and Ito's set for colour-blind readers; every series also has its own marker and dash.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from sunward.simulation.experiments.result import DotChart, Waterfall
from sunward.simulation.report.waterfalls import draw_waterfall

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sunward.simulation.experiments.result import Figure, Line, Series

_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
_GREY: Final = "#555555"
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "svg.hashsalt": "sunward",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
}
_WIDTH_INCHES: Final = 5.2
_HEIGHT_INCHES: Final = 3.6
_INCHES_PER_ROW: Final = 0.27
_LEGEND_LETTERS: Final = 78
_LETTERS_OF_A_TITLE: Final = 64
_LETTERS_OF_A_HANDLE: Final = 7
_MOST_MARKERS: Final = 40
_MOST_WHOLE_TICKS: Final = 12


def draw(figure: Figure | DotChart | Waterfall, folder: Path) -> tuple[Path, ...]:
    """Write `NAME.svg` and `NAME.png` into the folder.

    Raises ImportError when matplotlib is missing; install the extra `experiments`.
    """
    if isinstance(figure, Waterfall):
        height = 1.1 + _INCHES_PER_ROW * (len(figure.rows) + 1)
        return _draw(lambda axes: draw_waterfall(axes, figure), folder / figure.name, height)
    if isinstance(figure, DotChart):
        height = 1.1 + _INCHES_PER_ROW * len(figure.rows)
        return _draw(lambda axes: _dots(axes, figure), folder / figure.name, height)
    return _draw(lambda axes: _lines(axes, figure), folder / figure.name, _HEIGHT_INCHES)


def _draw(onto: Callable[[Axes], None], stem: Path, height: float) -> tuple[Path, ...]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    with mpl.rc_context(_STYLE):
        canvas, axes = pyplot.subplots(figsize=(_WIDTH_INCHES, height), layout="constrained")
        onto(axes)
        paths = tuple(stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "png"))
        for path in paths:
            canvas.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(canvas)
    return paths


def _lines(axes: Axes, figure: Figure) -> None:
    for number, line in enumerate(figure.lines):
        _draw_line(axes, line, number)
    axes.set_title(fill(figure.title, _LETTERS_OF_A_TITLE), fontsize=10)
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    if figure.log_y:
        axes.set_yscale("log")
    if figure.y_range is not None:
        axes.set_ylim(*figure.y_range)
    if not figure.log_y and axes.get_ylim()[0] < 0.0:
        axes.axhline(0.0, color="#999999", linewidth=0.6)
    if figure.reference is not None:
        axes.axhline(figure.reference[1], color=_GREY, linewidth=0.9, dashes=(2, 2), label=figure.reference[0])
    _ticks_at_whole_numbers(axes, figure)
    axes.grid(alpha=0.25, linewidth=0.5)
    _legend(axes)


def _draw_line(axes: Axes, line: Line, number: int) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    many = len(line.x) > _MOST_MARKERS
    if line.low is not None and line.high is not None:
        label = line.label if line.band_only else None
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0, label=label)
    if line.band_only:
        return
    axes.plot(
        line.x,
        line.y,
        color=colour,
        linestyle="none" if line.marks_only else _DASHES[number % len(_DASHES)],
        marker=None if many else marker,
        markersize=5 if line.marks_only else 4,
        linewidth=1.1 if many else 1.4,
        label=line.label,
    )


def _dots(axes: Axes, chart: DotChart) -> None:
    """Rows from top to bottom; the series of a row stand a little apart, each with its interval as a bar."""
    for number, series in enumerate(chart.series):
        _draw_series(axes, series, number, len(chart.series))
    axes.set_yticks(range(len(chart.rows)), chart.rows)
    axes.set_ylim(len(chart.rows) - 0.4, -0.6)
    axes.set_title(fill(chart.title, _LETTERS_OF_A_TITLE - max(map(len, chart.rows))), fontsize=10)
    axes.set_xlabel(chart.x_label)
    if chart.reference is not None:
        axes.axvline(chart.reference[1], color=_GREY, linewidth=0.9, dashes=(2, 2), label=chart.reference[0])
    if axes.get_xlim()[0] < 0.0:
        axes.axvline(0.0, color="#999999", linewidth=0.6)
    axes.grid(alpha=0.25, linewidth=0.5)
    _legend(axes)


def _draw_series(axes: Axes, series: Series, number: int, count: int) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    known = [(row, value) for row, value in enumerate(series.values) if value is not None]
    shift = 0.22 * (number - (count - 1) / 2)
    axes.errorbar(
        [value.value for _, value in known],
        [row + shift for row, _ in known],
        xerr=(
            [max(0.0, value.value - value.low) for _, value in known],
            [max(0.0, value.high - value.value) for _, value in known],
        ),
        fmt=marker,
        color=colour,
        markersize=4.5,
        elinewidth=1.1,
        capsize=2,
        label=series.label,
    )


def _ticks_at_whole_numbers(axes: Axes, figure: Figure) -> None:
    """Counts of servers get one tick each; anything else is left to the library."""
    places = sorted({x for line in figure.lines for x in line.x})
    if len(places) <= _MOST_WHOLE_TICKS and all(float(x).is_integer() for x in places):
        axes.set_xticks(places)


def _legend(axes: Axes) -> None:
    """Below the chart, where it covers nothing; as many columns as its longest label leaves room for."""
    labels = axes.get_legend_handles_labels()[1]
    if len(labels) > 1:
        fitting = max(1, _LEGEND_LETTERS // (max(map(len, labels)) + _LETTERS_OF_A_HANDLE))
        columns = min(len(labels), fitting)
        axes.figure.legend(loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
