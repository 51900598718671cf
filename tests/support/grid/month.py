"""The simulated cluster of the product with grid data as a provider publishes them, read through the real ladder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from sunward.domain.policy import SleepOn
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.forecasting.expect import intensity
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import cleaned, judge
from sunward.simulation.future import Future
from sunward.simulation.operated.cluster import OperatedCluster
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import BASIS, Scenario
from sunward.simulation.tasks import tasks_of
from sunward.sources.intensity.ladder import IntensityLadder
from sunward.sources.intensity.providers.electricity_maps import ElectricityMaps
from support.grid.account import FreeAccount
from support.sources import reading, serving

START = datetime(2022, 6, 1, tzinfo=UTC)
T = TypeVar("T")
Read = Callable[[datetime], Mapping[str, ZoneIntensity]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slept:
    """How much a simulated cluster slept: node-hours asleep, and how often a node was switched off."""

    hours: float
    times: int


class SeenCluster(OperatedCluster):
    """The operated cluster, which knows of the grid what the ladder and the judgement of data leave of it."""

    def __init__(self, scenario: Scenario, read: Read, sleep_on: SleepOn) -> None:
        policy = policies(solve_greedy)["DAT"]
        assert policy.allowed is not None
        self.scenario = scenario
        super().__init__(scenario, policy, policy.allowed, Future(scenario, 0))
        self._spec = replace(self._spec, sleep_on=sleep_on)
        self._read, self._trail = read, ReadingHistory()

    def _snapshot(self, period: int) -> Snapshot:
        seen = replace(super()._snapshot(period), intensities=self._read(self._now))
        self._trail = self._trail.after(seen)
        return cleaned(seen, judge(seen, self._trail))

    def _believed(self, period: int) -> Forecasts:
        known = super()._believed(period)
        count = len(next(iter(known.intensity_grams_per_kilowatt_hour.values())))
        zones = self._read(self._now)
        found = {name: intensity(zone, self._now, known.start, known.period, count) for name, zone in zones.items()}
        values = {name: value for name, value in found.items() if value is not None}
        return replace(known, intensity_grams_per_kilowatt_hour=values)


def scenario(zones: Sequence[str], days: int) -> Scenario:
    """One sleeping worker in each zone, a hub, and a training every twelve hours."""
    board = {"idle_watts": 2.7, "busy_watts": 6.4, "asleep_watts": 0.1, "boot_watts": 4.5, "boot_seconds": 45.0}
    nodes = {f"pi-{k}": {"zone": zone, "site": "hall", "profile": "pi"} for k, zone in enumerate(zones)}
    return Scenario.model_validate(
        {
            "schema": "sunward.dev/scenario/v1alpha1",
            "name": "month",
            "start": START.isoformat(),
            "period_seconds": 3600.0,
            "periods": 24 * days,
            "horizon_periods": 6,
            "zones": {zone: {"mean_grams_per_kilowatt_hour": 1.0} for zone in zones},
            "profiles": {"pi": board},
            "nodes": nodes,
            "jobs": {
                "training": {
                    "batches": dict.fromkeys(nodes, 100.0),
                    "seconds_per_batch": 36.0,
                    "deadline_hours": 6.0,
                    "every_hours": 12.0,
                }
            },
        }
    )


def slept(
    values: Mapping[str, Sequence[float]], days: int, sleep_on: SleepOn, *, perfect: bool
) -> tuple[Slept, FreeAccount]:
    """What a cluster sleeps in `days` with these hourly values (g/kWh), and the account that it asked."""
    account = FreeAccount(values=values, start=START, now=START, perfect=perfect)
    with asyncio.Runner() as runner, ExitStack() as stack:

        def opened(context: AbstractAsyncContextManager[T]) -> T:
            stack.callback(lambda: runner.run(context.__aexit__(None, None, None)))
            return runner.run(context.__aenter__())

        server = opened(serving(account.answer))
        ladder = IntensityLadder(
            name="grid",
            provider=ElectricityMaps(reader=opened(reading()), url=server.url, basis=BASIS),
            refresh_seconds=300.0,
        )

        def read(at: datetime) -> Mapping[str, ZoneIntensity]:
            account.now = at
            return runner.run(ladder.read(list(values), at))

        return _run(SeenCluster(scenario(list(values), days), read, sleep_on), days), account


def _run(cluster: SeenCluster, days: int) -> Slept:
    hours, times = 0.0, 0
    tasks = tasks_of(cluster.scenario)
    for period in range(24 * days):
        done = cluster.run(period, tasks)
        hours += sum(1.0 - ran.awake_hours for ran in done.ran.values())
        times += len(done.slept)
        tasks = tuple(task.done([work for work in done.work if work.task == task.name], period) for task in tasks)
    return Slept(hours=hours, times=times)
