"""The small set of experiments as stored numbers, and how they are stored anew.

After a change that is meant to move results, `PYTHONPATH=operator:tests python -m support.experiments` writes them; the
commit says what moved and why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve_exact
from sunward.simulation.experiments.bench import Bench
from sunward.simulation.experiments.registry import EXPERIMENTS, Setting
from sunward.simulation.experiments.result import Result

STORED: Final = Path(__file__).parents[1] / "golden" / "experiments-small.json"
SEEDS: Final = 12
WATCHED: Final[dict[str, dict[str, int]]] = {
    "table1": {"rows": 13, "fits": 5, "readings": 8},
    "fig3": {"placement": 7},
    "fig4": {"stages": 4, "targets": 7},
    "fig5": {"ten-workers": 7, "growth": 7, "baselines": 4, "one-site": 5},
    "calibration": {"points": 15},
    "sensitivity": {"changes": 13},
    "week": {"week": 7, "forecast-errors": 4},
    "information": {"commitment": 17, "costs": 6, "markets": 4, "misreports": 5},
    "policies": {"policies": 7, "gains": 4, "guards": 7, "modes": 4},
}
"""Tables by experiment, and how many of their first columns are compared: the rest are energies and counts."""

Tables = dict[str, list[list[Any]]]


def solve(problem: Problem) -> Solution:
    return solve_exact(problem, relative_gap=1e-7)


def small(name: str) -> Result:
    """One experiment of the small set, in this process, with fewer seeds than the command takes."""
    return EXPERIMENTS[name].result(Setting(bench=Bench(solve=solve), seeds=SEEDS, small=True))


def watched(result: Result) -> Tables:
    """The cells that are compared."""
    columns = WATCHED[result.name]
    tables = {table.name: table.rows for table in result.tables if table.name in columns}
    return {name: [list(row[: columns[name]]) for row in rows] for name, rows in tables.items()}


def stored(name: str) -> Tables:
    """What an experiment gave when it was stored."""
    tables: Tables = json.loads(STORED.read_text(encoding="utf-8"))[name]
    return tables


def store() -> None:
    """Run the small set and write it."""
    found = {name: watched(small(name)) for name in WATCHED}
    STORED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    store()
