"""Figures that read in print and without colour: intervals drawn, units on axes, vector and bitmap.

Colours are Okabe and Ito's set for colour-blind readers; every line also has its own marker and dash.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sunward.simulation.experiments.result import Figure, Line

_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: Final = ("-", "--", "-.", ":", "-", "--", "-.")


def draw(figure: Figure, folder: Path) -> tuple[Path, ...]:
    """Write `NAME.svg` and `NAME.png` into the folder.

    Raises:
        ImportError: matplotlib is missing; install the extra `experiments`.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "sunward", "axes.spines.top": False}):
        canvas, axes = pyplot.subplots(figsize=(5.2, 3.4), layout="constrained")
        for number, line in enumerate(figure.lines):
            _draw_line(axes, line, number)
        _label(axes, figure)
        paths = tuple(folder / f"{figure.name}.{kind}" for kind in ("svg", "png"))
        for path in paths:
            canvas.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(canvas)
    return paths


def _draw_line(axes: Axes, line: Line, number: int) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    style = "" if line.marks_only else _DASHES[number % len(_DASHES)]
    axes.plot(
        line.x,
        line.y,
        color=colour,
        linestyle=style or "none",
        marker=_MARKERS[number % len(_MARKERS)] if len(line.x) <= 40 else None,
        markersize=4,
        linewidth=1.4,
        label=line.label,
    )
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)


def _label(axes: Axes, figure: Figure) -> None:
    axes.set_title(figure.title, fontsize=10)
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    if figure.log_y:
        axes.set_yscale("log")
    else:
        axes.axhline(0.0, color="#999999", linewidth=0.6)
    axes.grid(alpha=0.25, linewidth=0.5)
    if len(figure.lines) > 1:
        axes.legend(fontsize=8, frameon=False)
