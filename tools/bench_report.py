"""What `bench_planner` measures, as a table, a plot and targets with what is missing to them."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

TARGET_SECONDS = {100: 0.05, 10_000: 0.06, 100_000: 0.4, 1_000_000: 10.0}
"""Seconds to build and solve by nodes, for two prices over one period."""
TARGET_MEGABYTES = {1_000_000: 2048.0}
TARGET_SLEEP_SECONDS = {(10, 24): 0.5}
"""Seconds by nodes and periods, for the exact solver with part-period sleep."""
TWO_PRICE, EXACT, RIVAL, WHOLE = "two-price", "exact", "exact, HiGHS", "exact, whole periods"
REFERENCES = (TWO_PRICE, EXACT)
"""Ratios compare with the first of these that solved the same problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One planner at one size. Seconds of building and solving, grams, and the gap it certifies or has to the best."""

    contender: str
    nodes: int
    periods: int = 1
    outcome: str
    build_seconds: float | None = None
    solve_seconds: float | None = None
    processor_seconds: float | None = None
    objective_grams: float | None = None
    relative_gap: float | None = None
    rounds: int | None = None
    peak_megabytes: float | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds to build and solve; None where nothing was solved."""
        return None if self.solve_seconds is None else (self.build_seconds or 0.0) + self.solve_seconds

    @property
    def target_seconds(self) -> float | None:
        """Seconds this measurement should have stayed within; None where none were set."""
        if self.contender == TWO_PRICE:
            return TARGET_SECONDS.get(self.nodes)
        return TARGET_SLEEP_SECONDS.get((self.nodes, self.periods)) if self.contender == EXACT else None


def with_gaps(found: list[Measurement]) -> list[Measurement]:
    """The gap of a linear program's answer is measured from the certified bound of the price coordinator."""
    bounds = {
        row.nodes: row.objective_grams * (1 - (row.relative_gap or 0.0))
        for row in found
        if row.contender == TWO_PRICE and row.objective_grams
    }
    return [_with_gap(row, bounds.get(row.nodes)) for row in found]


def _with_gap(row: Measurement, bound: float | None) -> Measurement:
    if row.relative_gap is not None or row.objective_grams is None or bound is None:
        return row
    return replace(row, relative_gap=max(0.0, (row.objective_grams - bound) / row.objective_grams))


def ratio(row: Measurement, every: list[Measurement]) -> float | None:
    """How many times as long as the reference at the same size; None for the reference and where nothing compares."""
    same = [other for other in every if (other.nodes, other.periods) == (row.nodes, row.periods)]
    reference = next((other.seconds for name in REFERENCES for other in same if other.contender == name), None)
    if row.seconds is None or not reference or row.contender in (*REFERENCES, WHOLE):
        return None
    return row.seconds / reference


def table(found: list[Measurement], title: str) -> Table:
    """The measurements as people read them."""
    view = Table(title=title)
    headings = ("nodes", "periods", "build s", "solve s", "target s", "ratio", "cpu s", "gap", "rounds", "peak MB")
    for heading in ("planner", *headings, "outcome"):
        view.add_column(heading, justify="right" if heading in headings else "left", no_wrap=heading != "outcome")
    for row in found:
        cells = (
            _cell(row.build_seconds, "{:.3f}"),
            _cell(row.solve_seconds, "{:.3f}"),
            _cell(row.target_seconds, "{:g}"),
            _cell(ratio(row, found), "{:.3g}"),
            _cell(row.processor_seconds, "{:.2f}"),
            _cell(row.relative_gap, "{:.1e}"),
            _cell(row.rounds, "{}"),
            _cell(row.peak_megabytes, "{:,.0f}"),
        )
        view.add_row(row.contender, f"{row.nodes:,}", str(row.periods), *cells, row.outcome)
    return view


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def verdicts(found: list[Measurement]) -> list[str]:
    """One line per target: reached, or by how much it was missed."""
    lines = []
    for row in found:
        size = f"{row.contender}, {row.nodes:,} nodes x {row.periods}"
        if row.target_seconds is not None:
            lines.append(f"{size}: {_verdict(row.seconds, row.target_seconds, 's')}")
        if row.contender == TWO_PRICE and row.nodes in TARGET_MEGABYTES:
            lines.append(f"{size}: {_verdict(row.peak_megabytes, TARGET_MEGABYTES[row.nodes], 'MB')}")
    return lines


def _verdict(measured: float | None, target: float, unit: str) -> str:
    if measured is None:
        return f"nothing measured, target {target:g} {unit}"
    outcome = "reached" if measured <= target else f"missed by {100 * (measured / target - 1):.0f} %"
    return f"{measured:.3g} {unit}, target {target:g} {unit}: {outcome}"


def plot(fleets: tuple[list[Measurement], float], days: tuple[list[Measurement], float], path: Path) -> None:
    """Seconds to build and solve, fleets left and days right, each with its cap; a ring is a run without its proof."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.8), sharey=True)
    _draw(left, [(row.contender, row.nodes, row) for row in fleets[0]], fleets[1])
    left.plot(list(TARGET_SECONDS), list(TARGET_SECONDS.values()), "k_", markersize=14, label="target of two-price")
    left.set(xlabel="nodes", title="One period", ylabel="seconds to build and solve")
    _draw(right, [(f"{row.contender}, {row.nodes} nodes", row.periods, row) for row in days[0]], days[1])
    for (_, periods), seconds in TARGET_SLEEP_SECONDS.items():
        right.plot([periods], [seconds], "k_", markersize=14, label="target of exact, 10 nodes")
    shown = sorted({row.periods for row in days[0]})
    right.set(xlabel="periods of a day", title="Sleep, batteries and a pool")
    right.set_xticks(shown, [str(period) for period in shown])
    right.minorticks_off()
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _draw(axes: object, points: list[tuple[str, int, Measurement]], cap: float) -> None:
    """One line per label over the size; the dotted line is the cap."""
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    for label in dict.fromkeys(label for label, _, _ in points):
        rows = [(size, row.seconds or 0.0, row) for name, size, row in points if name == label and row.seconds]
        (line,) = axes.plot([size for size, _, _ in rows], [spent for _, spent, _ in rows], label=label, marker=".")
        short = [(size, spent) for size, spent, row in rows if row.outcome not in ("optimal", "gap reached")]
        sizes, times = [size for size, _ in short], [spent for _, spent in short]
        axes.scatter(sizes, times, s=90, facecolors="none", edgecolors=line.get_color())
    axes.axhline(cap, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log")
    axes.grid(alpha=0.3)
