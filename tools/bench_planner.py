"""Planners side by side: two prices against one linear program, and the sleep problem by the exact solver.

Every measurement runs in a fresh process under a time cap, building and solving are timed apart, and processor time
stands beside wall time because machines are shared. A planner that misses the cap at one size is not tried at a larger
one, and the table says so. Writes `planner.json`, `planner.txt` and `planner.png` to `--output`.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_models import fleet, hub, pairwise
from bench_sleep import sleeping_cluster
from ortools.math_opt.python import mathopt
from rich.console import Console
from rich.table import Table

from sunward.optimisation.exact import solve_exact
from sunward.optimisation.two_price_columns import solve_columns

SEED = 1
WIDTH = 130
SLEEP_GAP = 1e-4
REPEATS = 3
QUICK_SECONDS = 2.0
SOLVERS = {
    "hub GLOP": mathopt.SolverType.GLOP,
    "hub HiGHS": mathopt.SolverType.HIGHS,
    "hub PDLP": mathopt.SolverType.PDLP,
    "pairwise GLOP": mathopt.SolverType.GLOP,
}
CONTENDERS = ("two-price", *SOLVERS)
TARGET_SECONDS = {10_000: 0.06, 100_000: 0.4, 1_000_000: 10.0}
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
SLEEP_CASES = tuple((nodes, periods) for nodes in (10, 50) for periods in (24, 48, 96))


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


def two_price(nodes: int, seconds: float) -> Measurement:
    """The price coordinator; short runs are repeated and the median run is reported."""
    columns = fleet(nodes, SEED)
    runs = []
    for _ in range(REPEATS):
        before = time.process_time()
        found = solve_columns(columns, time_limit_seconds=seconds)
        runs.append((found.build_seconds + found.solve_seconds, time.process_time() - before, found))
        if runs[-1][0] > QUICK_SECONDS:
            break
    _, processor, found = sorted(runs, key=lambda run: run[0])[len(runs) // 2]
    return Measurement(
        contender="two-price",
        nodes=nodes,
        outcome=str(found.status),
        build_seconds=found.build_seconds,
        solve_seconds=found.solve_seconds,
        processor_seconds=processor,
        objective_grams=found.plan.objective_grams if found.plan else None,
        relative_gap=found.relative_gap,
        rounds=found.rounds,
    )


def linear(contender: str, nodes: int, seconds: float) -> Measurement:
    """One linear program over all nodes."""
    columns = fleet(nodes, SEED)
    before, began = time.process_time(), time.perf_counter()
    proto = pairwise(columns) if contender.startswith("pairwise") else hub(columns)
    model = mathopt.Model.from_model_proto(proto)
    built = time.perf_counter()
    parameters = mathopt.SolveParameters(time_limit=timedelta(seconds=max(1.0, seconds - (built - began))))
    result = mathopt.solve(model, SOLVERS[contender], params=parameters)
    solved = time.perf_counter()
    return Measurement(
        contender=contender,
        nodes=nodes,
        outcome=result.termination.reason.name.lower().replace("_", " "),
        build_seconds=built - began,
        solve_seconds=solved - built,
        processor_seconds=time.process_time() - before,
        objective_grams=result.objective_value() if result.has_primal_feasible_solution() else None,
    )


def sleep(nodes: int, periods: int, seconds: float) -> Measurement:
    """The exact solver on a cluster with sleep, batteries, a pool and jobs with windows."""
    problem = sleeping_cluster(nodes, periods, SEED)
    before = time.process_time()
    found = solve_exact(problem, time_limit_seconds=seconds, relative_gap=SLEEP_GAP)
    return Measurement(
        contender=f"exact ({found.solver.removeprefix('exact: ')})",
        nodes=nodes,
        periods=periods,
        outcome="gap reached" if (found.relative_gap or 0.0) <= SLEEP_GAP else "missed the cap",
        solve_seconds=found.solve_seconds,
        processor_seconds=time.process_time() - before,
        objective_grams=found.objective_grams,
        relative_gap=found.relative_gap,
    )


def _child(pipe: Connection, work: Callable[..., Measurement], arguments: tuple[object, ...]) -> None:
    try:
        found = work(*arguments)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        pipe.send(replace(found, peak_megabytes=peak))
    except Exception as error:  # whatever a solver throws is a result of this benchmark
        pipe.send(f"{type(error).__name__}: {error}"[:120])


def apart(
    work: Callable[..., Measurement], arguments: tuple[object, ...], cap: float, blank: Measurement
) -> Measurement:
    """Runs `work` in a fresh process; killed at twice the cap plus ten seconds, whatever it does."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, work, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        found = mine.recv() if mine.poll(2 * cap + 10.0) else "killed at the cap"
    except EOFError:
        found = "died"
    process.kill()
    process.join()
    return found if isinstance(found, Measurement) else replace(blank, outcome=found)


def compare(sizes: tuple[int, ...], contenders: tuple[str, ...], cap: float, console: Console) -> list[Measurement]:
    """Every contender at every size, until it misses the cap."""
    found: list[Measurement] = []
    late: dict[str, int] = {}
    for nodes in sizes:
        for contender in contenders:
            blank = Measurement(contender=contender, nodes=nodes, outcome="")
            if contender in late:
                found.append(replace(blank, outcome=f"skipped: missed the cap at {late[contender]:,}"))
                continue
            if contender.startswith("pairwise") and nodes > 1_000:
                found.append(replace(blank, outcome=f"skipped: {2 * nodes * (nodes - 1):.0e} variables"))
                continue
            priced = contender == "two-price"
            measured = (
                apart(two_price, (nodes, cap), cap, blank)
                if priced
                else apart(linear, (contender, nodes, cap), cap, blank)
            )
            if measured.outcome != "optimal":
                late[contender] = nodes
            found.append(measured)
            console.print(f"{contender} {nodes:,}: {measured.outcome}")
    return [_with_gap(measured, found) for measured in found]


def sleepers(cap: float, console: Console) -> list[Measurement]:
    """The exact solver on days of growing clusters and finer steps."""
    found = []
    for nodes, periods in SLEEP_CASES:
        blank = Measurement(contender="exact", nodes=nodes, periods=periods, outcome="")
        found.append(apart(sleep, (nodes, periods, cap), cap, blank))
        console.print(f"sleep {nodes} x {periods}: {found[-1].outcome}")
    return found


def _with_gap(measured: Measurement, every: list[Measurement]) -> Measurement:
    """The gap of a linear program's answer, measured from the certified bound of the price coordinator."""
    if measured.relative_gap is not None or measured.objective_grams is None:
        return measured
    bound = next(
        other.objective_grams * (1 - (other.relative_gap or 0.0))
        for other in every
        if other.contender == "two-price" and other.nodes == measured.nodes and other.objective_grams
    )
    return replace(measured, relative_gap=max(0.0, (measured.objective_grams - bound) / measured.objective_grams))


def table(found: list[Measurement], title: str) -> Table:
    """The measurements as people read them."""
    view = Table(title=title)
    numbers = ("nodes", "periods", "build s", "solve s", "processor s", "gap", "rounds", "peak MB")
    for heading in ("planner", *numbers, "outcome"):
        view.add_column(heading, justify="right" if heading in numbers else "left", no_wrap=heading != "outcome")
    for row in found:
        cells = (row.build_seconds, row.solve_seconds, row.processor_seconds)
        view.add_row(
            row.contender,
            f"{row.nodes:,}",
            str(row.periods),
            *("-" if cell is None else f"{cell:.3f}" for cell in cells),
            "-" if row.relative_gap is None else f"{row.relative_gap:.1e}",
            "-" if row.rounds is None else str(row.rounds),
            "-" if row.peak_megabytes is None else f"{row.peak_megabytes:,.0f}",
            row.outcome,
        )
    return view


def plot(found: list[Measurement], path: Path, cap: float) -> None:
    """Build plus solve seconds over nodes; a hollow mark is a run that ended at the cap without an optimum."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for contender in CONTENDERS:
        rows = [row for row in found if row.contender == contender and row.solve_seconds is not None]
        total = [(row.build_seconds or 0.0) + (row.solve_seconds or 0.0) for row in rows]
        (line,) = axes.plot([row.nodes for row in rows], total, label=contender, marker="o", markersize=4)
        missed = [(row.nodes, spent) for row, spent in zip(rows, total, strict=True) if row.outcome != "optimal"]
        sizes, times = [size for size, _ in missed], [spent for _, spent in missed]
        axes.scatter(sizes, times, s=90, facecolors="none", edgecolors=line.get_color())
    axes.plot(list(TARGET_SECONDS), list(TARGET_SECONDS.values()), "k_", markersize=14, label="target of two-price")
    axes.axhline(cap, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="nodes", ylabel="seconds to build and solve")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def machine() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "processors": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def main() -> int:
    """Runs the benchmark; returns 1 when the price coordinator misses its certified gap somewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("report/planner"), help="folder of the results")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds for one planner at one size")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="nodes of the largest fleet")
    parser.add_argument("--only-two-price", action="store_true", help="leave out its rivals")
    parser.add_argument("--no-sleep", action="store_true", help="leave out the sleep problem")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    console = Console(width=WIDTH)
    before = machine()
    sizes = tuple(size for size in SIZES if size <= arguments.largest)
    contenders = CONTENDERS[:1] if arguments.only_two_price else CONTENDERS
    found = compare(sizes, contenders, arguments.cap, console)
    slept = [] if arguments.no_sleep else sleepers(arguments.cap, console)
    views = [table(found, "One period: two prices against one linear program")]
    views += [table(slept, "Sleep, batteries and a pool: exact solver, gap 1e-4")] if slept else []
    with (arguments.output / "planner.txt").open("w") as text:
        for view in views:
            console.print(view)
            Console(file=text, width=WIDTH).print(view)
    document = {
        "before": before,
        "after": machine(),
        "cap_seconds": arguments.cap,
        "target_seconds": TARGET_SECONDS,
        "measurements": [asdict(row) for row in (*found, *slept)],
    }
    (arguments.output / "planner.json").write_text(json.dumps(document, indent=1))
    plot(found, arguments.output / "planner.png", arguments.cap)
    gaps = [row.relative_gap for row in found if row.contender == "two-price"]
    return 0 if all(gap is not None and gap <= 1e-7 for gap in gaps) else 1


if __name__ == "__main__":
    raise SystemExit(main())
