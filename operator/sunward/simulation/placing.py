"""What really fits of an order: no more than a shard owes, may move, and a node has time for.

Plans respect all three up to rounding; rules and surprises may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.compile import seconds_per_batch
from sunward.simulation.scenario import Scenario
from sunward.simulation.tasks import Task, Work


class Placement:
    """The work of one period as it fills the nodes."""

    def __init__(self, scenario: Scenario, tasks: Sequence[Task], free_hours: Mapping[str, float]) -> None:
        """Nothing is placed yet; `free_hours` is the time that each node can work."""
        self._scenario = scenario
        self._tasks = {task.name: task for task in tasks}
        self._owed = {(t.name, home): batches for t in tasks for home, batches in t.remaining.items()}
        self._movable = {(t.name, home): batches for t in tasks for home, batches in t.movable.items()}
        self._left = dict(free_hours)
        self._work_hours = dict.fromkeys(free_hours, 0.0)
        self._busy_hours = dict.fromkeys(free_hours, 0.0)
        self._gigabytes = dict.fromkeys(free_hours, 0.0)
        self.work: list[Work] = []

    def place_all(self, work: Sequence[Work], *, unbounded: bool) -> None:
        """Place an order, work at home first; `unbounded` ignores what may not move."""
        for item in sorted(work, key=lambda item: item.on != item.home):
            batches = self._fitting(item, unbounded=unbounded)
            if batches > 0.0:
                self._take(replace(item, batches=batches))

    def work_hours(self, node: str) -> float:
        """Hours of work on a node."""
        return self._work_hours[node]

    def busy_ratio(self, node: str) -> float:
        """How busy the node is while it works."""
        hours = self._work_hours[node]
        return min(1.0, self._busy_hours[node] / hours) if hours > 0.0 else 0.0

    def moving_hours(self, node: str) -> float:
        """Hours that sending and receiving data take."""
        return self._gigabytes[node] * self._scenario.network.seconds_per_gigabyte / SECONDS_PER_HOUR

    def moving_watt_hours(self, node: str) -> float:
        """Energy that sending and receiving data take at the node."""
        return self._gigabytes[node] * self._scenario.network.endpoint_watt_hours_per_gigabyte

    @property
    def transit_watt_hours(self) -> float:
        """Energy that the network between the nodes takes; every gigabyte has two ends and one way."""
        per_gigabyte = self._scenario.network.transit_watt_hours_per_gigabyte
        return sum(self._gigabytes.values()) / 2.0 * per_gigabyte

    def _fitting(self, item: Work, *, unbounded: bool) -> float:
        key = (item.task, item.home)
        fitting = min(item.batches, self._owed[key], max(0.0, self._left[item.on]) / self._hours_per_batch(item))
        return fitting if unbounded or item.on == item.home else min(fitting, self._movable[key])

    def _take(self, item: Work) -> None:
        job, key = self._tasks[item.task].job, (item.task, item.home)
        self._owed[key] -= item.batches
        self._left[item.on] -= item.batches * self._hours_per_batch(item)
        hours = item.batches * self._training_hours(item)
        self._work_hours[item.on] += hours
        self._busy_hours[item.on] += hours * job.busy_ratio
        if item.on != item.home:
            self._movable[key] -= item.batches
            for end in (item.home, item.on):
                self._gigabytes[end] += item.batches * job.gigabytes_per_batch
        self.work.append(item)

    def _hours_per_batch(self, item: Work) -> float:
        if item.on == item.home:
            return self._training_hours(item)
        gigabytes = self._tasks[item.task].job.gigabytes_per_batch
        return self._training_hours(item) + gigabytes * self._scenario.network.seconds_per_gigabyte / SECONDS_PER_HOUR

    def _training_hours(self, item: Work) -> float:
        return seconds_per_batch(self._scenario, self._tasks[item.task], item.on) / SECONDS_PER_HOUR
