"""Waterfalls: each row begins where the one above it ends, so that the eye sees what each restriction adds."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sunward.simulation.experiments.result import Waterfall

_LEVEL: Final = "#0072B2"
_MORE: Final = "#D55E00"
_LESS: Final = "#009E73"
_GREY: Final = "#555555"
_HEIGHT: Final = 0.62
_ROOM_FOR_NUMBERS: Final = 1.16
_LETTERS_OF_A_TITLE: Final = 46


def draw_waterfall(axes: Axes, figure: Waterfall) -> None:
    """Rows from top to bottom: the first level whole, then what is added or taken away, last the end."""
    before: float | None = None
    for row, (value, bound) in enumerate(zip(figure.values, figure.bounds, strict=True)):
        if value is None:
            axes.text(0.0, row, " no plan found in time", va="center", fontsize=7, color=_GREY)
            continue
        _draw_row(axes, row, before, value, bound)
        before = value
    last = len(figure.rows)
    axes.barh(last, figure.end[1], height=_HEIGHT, color=_GREY, alpha=0.6)
    axes.text(figure.end[1], last, f" {figure.end[1]:.1f}", va="center", fontsize=7)
    axes.set_yticks(range(last + 1), [*figure.rows, figure.end[0]])
    axes.set_ylim(last + 0.6, -0.6)
    axes.set_xlim(
        0.0, _ROOM_FOR_NUMBERS * max([figure.end[1], *(value for value in figure.values if value is not None)])
    )
    axes.set_title(fill(figure.title, _LETTERS_OF_A_TITLE), fontsize=10)
    axes.set_xlabel(figure.x_label)
    axes.grid(alpha=0.25, linewidth=0.5, axis="x")
    _legend(axes)


def _draw_row(axes: Axes, row: int, before: float | None, value: float, bound: float | None) -> None:
    start = 0.0 if before is None else before
    colour, hatch = (_LEVEL, "") if before is None else (_MORE, "") if value >= start else (_LESS, "///")
    axes.barh(row, value - start, left=start, height=_HEIGHT, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
    if before is not None:
        axes.plot([start, start], [row - 1 + _HEIGHT / 2, row + _HEIGHT / 2], color=_GREY, linewidth=0.6)
    if bound is not None and bound < value:
        axes.plot([bound, value], [row, row], color="black", linewidth=0.8)
        axes.plot([bound], [row], color="black", marker="|", markersize=7)
    axes.text(max(value, start), row, f" {value:.1f}", va="center", fontsize=7)


def _legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=_LEVEL, label="optimum"),
        Patch(color=_MORE, label="added"),
        Patch(facecolor=_LESS, hatch="///", edgecolor="white", label="taken away"),
        Line2D([], [], color="black", marker="|", linewidth=0.8, label="to the proven bound"),
    ]
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
