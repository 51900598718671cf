"""Suite R13: weather that asks for a change every few minutes never makes the cluster flap, nor change at a loss.

A simulated day per trace, planned every five minutes by the operator itself, beside the same day in which it changes
nothing. Evictions are counted per pod-hour over the day; the most that one pod saw within an hour is told as well.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from support.faults import churn
from support.faults.outcome import Options, Outcome

TITLE = "R13 churn"
TRACES = 20
LONG_TRACES = 200
MOST_CYCLES = 6
MOST_EVICTIONS_PER_POD_HOUR = 1.0
POD_HOURS = 24.0 * churn.PODS


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What one trace did."""

    trace: str
    cycles: int
    evictions: int
    evictions_of_one_pod_in_an_hour: int
    grams: float
    grams_when_held: float
    unfinished_batches: float

    @property
    def violations(self) -> list[str]:
        """What must not happen and did."""
        found = []
        if self.cycles > MOST_CYCLES:
            found.append(f"{self.trace}: a node slept {self.cycles} times in 24 hours")
        if self.evictions > MOST_EVICTIONS_PER_POD_HOUR * POD_HOURS:
            found.append(f"{self.trace}: {self.evictions} evictions in {POD_HOURS:.0f} pod-hours")
        if self.grams > self.grams_when_held:
            found.append(f"{self.trace}: {self.grams:.2f} g, but {self.grams_when_held:.2f} g had nothing been changed")
        if self.unfinished_batches > 0.0:
            found.append(f"{self.trace}: {self.unfinished_batches:.1f} batches were lost")
        return found


def run(options: Options) -> Outcome:
    """Every trace twice: under the operator, and held as it is."""
    count = LONG_TRACES if options.long else TRACES
    with ProcessPoolExecutor(min(count, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        days = list(pool.map(play, range(options.seed, options.seed + count)))
    return Outcome(
        suite="churn",
        title=TITLE,
        seed=options.seed,
        counts={
            "traces": len(days),
            "most_cycles_of_a_node_in_a_day": max(day.cycles for day in days),
            "most_evictions_per_pod_hour": max(day.evictions for day in days) / POD_HOURS,
            "least_grams_saved_in_a_day": min(day.grams_when_held - day.grams for day in days),
        },
        violations=[why for day in days for why in day.violations],
        figures={
            "most_evictions_of_one_pod_in_an_hour": max(day.evictions_of_one_pod_in_an_hour for day in days),
            "days": {day.trace: [day.cycles, day.evictions, day.grams, day.grams_when_held] for day in days},
        },
    )


def play(number: int) -> Day:
    """One trace."""
    seen = churn.weather(number)
    with tempfile.TemporaryDirectory() as folder:
        world = churn.scenario(seen, Path(folder))
        operated, held = churn.operated(world), churn.held(world)
    return Day(
        trace=seen.name,
        cycles=operated.power_cycles,
        evictions=operated.evictions,
        evictions_of_one_pod_in_an_hour=operated.evictions_per_pod_hour,
        grams=operated.market_grams + operated.planner_grams,
        grams_when_held=held.market_grams + held.planner_grams,
        unfinished_batches=operated.unfinished_batches,
    )
