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
from dataclasses import asdict, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the fleets that tests solve are measured
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_models import hub, pairwise
from bench_report import EXACT, RIVAL, TWO_PRICE, WHOLE, Measurement, plot, ratio, table, verdicts, with_gaps
from bench_sleep import sleeping_cluster
from ortools.math_opt.python import mathopt
from rich.console import Console

from sunward.optimisation.decomposition.columns import solve_columns
from sunward.optimisation.model.build import build
from sunward.optimisation.model.solvers import Backend
from sunward.optimisation.solve import solve_exact
from support.optimisation.two_price import large_fleet

SEED = 1
WIDTH = 140
SLEEP_GAP = 1e-4
REPEATS = 3
QUICK_SECONDS = 2.0
SOLVERS = {
    "hub GLOP": mathopt.SolverType.GLOP,
    "hub HiGHS": mathopt.SolverType.HIGHS,
    "hub PDLP": mathopt.SolverType.PDLP,
    "pairwise GLOP": mathopt.SolverType.GLOP,
}
CONTENDERS = (TWO_PRICE, *SOLVERS)
CERTIFIED_GAP = 1e-7
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
SLEEP_CASES = (
    *((contender, nodes, periods) for nodes in (10, 50) for periods in (24, 48, 96) for contender in (EXACT, RIVAL)),
    (WHOLE, 10, 24),
)
"""Part-period sleep by the solver that is used and by its rival; whole-period sleep at the smallest size."""


def two_price(nodes: int, seconds: float) -> Measurement:
    """The price coordinator."""
    columns = large_fleet(nodes, seed=SEED)
    before = time.process_time()
    found = solve_columns(columns, time_limit_seconds=seconds)
    return Measurement(
        contender=TWO_PRICE,
        nodes=nodes,
        outcome=str(found.status),
        build_seconds=found.build_seconds,
        solve_seconds=found.solve_seconds,
        processor_seconds=time.process_time() - before,
        objective_grams=found.plan.objective_grams if found.plan else None,
        relative_gap=found.relative_gap,
        rounds=found.rounds,
    )


def linear(contender: str, nodes: int, seconds: float) -> Measurement:
    """One linear program over all nodes."""
    columns = large_fleet(nodes, seed=SEED)
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


def sleep(contender: str, nodes: int, periods: int, seconds: float) -> Measurement:
    """The exact solver on a cluster with sleep, batteries, a pool and jobs with windows.

    Building is timed by itself first; the solver's own seconds hold the greedy plan and a second building, which is
    taken off.
    """
    problem = sleeping_cluster(nodes, periods, SEED, whole_periods=contender == WHOLE)
    began = time.perf_counter()
    build(problem)
    building = time.perf_counter() - began
    before = time.process_time()
    backend = Backend.HIGHS if contender == RIVAL else None
    found = solve_exact(problem, time_limit_seconds=seconds, relative_gap=SLEEP_GAP, backend=backend)
    reached = found.relative_gap is not None and found.relative_gap <= SLEEP_GAP
    return Measurement(
        contender=contender,
        nodes=nodes,
        periods=periods,
        outcome="gap reached" if reached else "no proof in time",
        build_seconds=building,
        solve_seconds=max(0.0, found.solve_seconds - building),
        processor_seconds=time.process_time() - before,
        objective_grams=found.objective_grams,
        relative_gap=found.relative_gap,
    )


def _child(pipe: Connection, work: Callable[..., Measurement], arguments: tuple[object, ...]) -> None:
    try:
        found = _median(work, arguments)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        pipe.send(replace(found, peak_megabytes=peak))
    except Exception as error:  # whatever a solver throws is a result of this benchmark
        pipe.send(f"{type(error).__name__}: {error}"[:120])


def _median(work: Callable[..., Measurement], arguments: tuple[object, ...]) -> Measurement:
    """Short runs are repeated; the median one."""
    runs: list[Measurement] = []
    while len(runs) < REPEATS and (not runs or (runs[-1].seconds or 0.0) <= QUICK_SECONDS):
        runs.append(work(*arguments))
    return sorted(runs, key=lambda run: run.seconds or 0.0)[len(runs) // 2]


def apart(
    work: Callable[..., Measurement], arguments: tuple[object, ...], cap: float, blank: Measurement
) -> Measurement:
    """Runs `work` in a fresh process; killed a quarter and 15 seconds after the cap, whatever it does."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, work, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        found = mine.recv() if mine.poll(1.25 * cap + 15.0) else "killed at the cap"
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
            priced = contender == TWO_PRICE
            measured = (
                apart(two_price, (nodes, cap), cap, blank)
                if priced
                else apart(linear, (contender, nodes, cap), cap, blank)
            )
            if measured.outcome != "optimal":
                late[contender] = nodes
            found.append(measured)
            console.print(f"{contender} {nodes:,}: {measured.outcome}")
    return with_gaps(found)


def sleepers(cases: tuple[tuple[str, int, int], ...], cap: float, console: Console) -> list[Measurement]:
    """The exact solver on days of growing clusters and finer steps."""
    found = []
    for contender, nodes, periods in cases:
        blank = Measurement(contender=contender, nodes=nodes, periods=periods, outcome="")
        found.append(apart(sleep, (contender, nodes, periods, cap), cap, blank))
        console.print(f"{contender} {nodes} x {periods}: {found[-1].outcome}")
    return found


def machine() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "processors": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("report/planner"), help="folder for the results")
    parser.add_argument("--cap", type=float, default=60.0, help="time limit for one planner at one size, in seconds")
    parser.add_argument("--sleep-cap", type=float, default=30.0, help="time limit for one day with sleep, in seconds")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="number of nodes of the largest fleet")
    parser.add_argument("--only-two-price", action="store_true", help="run only the two-price planner")
    parser.add_argument("--largest-day", type=int, default=50 * 96, help="nodes times periods of the largest day")
    return parser.parse_args()


def main() -> int:
    """Runs the benchmark; returns 1 when the price coordinator misses its certified gap somewhere."""
    arguments = _arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    console = Console(width=WIDTH)
    before = machine()
    sizes = tuple(size for size in SIZES if size <= arguments.largest)
    cases = tuple(case for case in SLEEP_CASES if case[1] * case[2] <= arguments.largest_day)
    contenders = CONTENDERS[:1] if arguments.only_two_price else CONTENDERS
    fleets = compare(sizes, contenders, arguments.cap, console)
    days = sleepers(cases, arguments.sleep_cap, console)
    _write(arguments, console, fleets, days, before)
    gaps = [row.relative_gap for row in fleets if row.contender == TWO_PRICE]
    return 0 if all(gap is not None and gap <= CERTIFIED_GAP for gap in gaps) else 1


def _write(
    arguments: argparse.Namespace,
    console: Console,
    fleets: list[Measurement],
    days: list[Measurement],
    before: dict[str, object],
) -> None:
    """Tables, targets, JSON and plot."""
    verdict = verdicts([*fleets, *days])
    with (arguments.output / "planner.txt").open("w") as text:
        for out in (console, Console(file=text, width=WIDTH)):
            out.print(table(fleets, "One period: two prices against one linear program"))
            if days:
                out.print(table(days, f"Sleep, batteries and a pool: exact solver, gap {SLEEP_GAP:g}"))
            out.print(*verdict, sep="\n", highlight=False)
    document = {
        "before": before,
        "after": machine(),
        "cap_seconds": {"fleets": arguments.cap, "days": arguments.sleep_cap},
        "targets": verdict,
        "measurements": [
            {**asdict(row), "target_seconds": row.target_seconds, "ratio": ratio(row, rows)}
            for rows in (fleets, days)
            for row in rows
        ],
    }
    (arguments.output / "planner.json").write_text(json.dumps(document, indent=1))
    plot((fleets, arguments.cap), (days, arguments.sleep_cap), arguments.output / "planner.png")


if __name__ == "__main__":
    raise SystemExit(main())
