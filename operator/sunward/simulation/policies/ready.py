"""What rule-based policies share: who has time left, what cannot wait, and running things where they are.

No solver, no forecast of more than the rule names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.compile import seconds_per_batch
from sunward.simulation.policies.base import Orders, View
from sunward.simulation.tasks import Task, Work

_LEAST = 1e-9


class Hours:
    """Time that each node still has in the period; work placed on it uses it up."""

    def __init__(self, view: View) -> None:
        """Every node has the whole period, less what is left of its boot if it does not run now."""
        self._view = view
        self._booting = {name: view.boot_hours(name) for name in view.scenario.nodes}
        self._left = {name: max(0.0, view.hours - boot) for name, boot in self._booting.items()}
        self._called: dict[tuple[str, str], str] = {}
        self._placed: dict[tuple[str, str, str], float] = {}

    def left(self, node: str) -> float:
        """Hours that are free."""
        return self._left[node]

    def used(self, node: str) -> bool:
        """Whether anything was placed on the node."""
        return any(on == node for _, _, on in self._placed)

    def place(self, task: Task, home: str, on: str, batches: float) -> float:
        """Place as many batches as fit; returns how many did.

        A node whose boot takes all of the period is switched on for the work that it is to do afterwards, one node for
        each shard.
        """
        hours = seconds_per_batch(self._view.scenario, task, on) / SECONDS_PER_HOUR
        hours += 0.0 if on == home else self._moving_hours(task)
        fitting = min(batches, max(0.0, self._left[on]) / hours)
        if batches > _LEAST and self._booting[on] >= self._view.hours:
            self._called.setdefault((task.name, home), on)
        if fitting <= _LEAST:
            return 0.0
        self._left[on] -= fitting * hours
        key = (task.name, home, on)
        self._placed[key] = self._placed.get(key, 0.0) + fitting
        return fitting

    def orders(self, *, sleep: bool, share_energy: bool = False) -> Orders:
        """Orders for what was placed; with `sleep`, nodes are awake only as long as they work."""
        work = tuple(Work(task=t, home=h, on=o, batches=b) for (t, h, o), b in self._placed.items())
        awake = {name: self._busy(name) for name in self._left} if sleep else {}
        return Orders(work=work, awake_hours=awake, share_energy=share_energy)

    def _busy(self, node: str) -> float:
        if node in self._called.values():
            return self._view.hours
        return self._view.hours - self._left[node] if self.used(node) else 0.0

    def _moving_hours(self, task: Task) -> float:
        return task.job.gigabytes_per_batch * self._view.scenario.network.seconds_per_gigabyte / SECONDS_PER_HOUR


def active(view: View) -> tuple[Task, ...]:
    """Tasks that may be worked on now, the most urgent first."""
    return tuple(sorted((t for t in view.tasks if t.active(view.period)), key=lambda task: task.deadline))


def must_run(view: View, task: Task, home: str) -> float:
    """Batches of a shard that cannot wait for the next period if they are to be done at home in time."""
    batch_hours = seconds_per_batch(view.scenario, task, home) / SECONDS_PER_HOUR
    later = (task.deadline - view.period - 1) * view.hours - _boot_hours(view, home)
    return min(task.remaining[home], max(0.0, task.remaining[home] - max(0.0, later) / batch_hours))


def rush(view: View, *, sleep: bool) -> Orders:
    """Every shard at home, as soon as possible."""
    return run_at_home(view, lambda _task, _home: True, sleep=sleep)


def catch_up(view: View, *, sleep: bool) -> Orders:
    """As much as possible at once: every shard at home, and what finds no time there wherever it may go."""
    hours = Hours(view)
    for task in active(view):
        owed, free = dict(task.remaining), dict(task.movable)
        for home in owed:
            owed[home] -= hours.place(task, home, home, owed[home])
        for home in owed:
            _move(task, home, owed, free, sorted(view.scenario.nodes, key=view.intensity), hours)
    return hours.orders(sleep=sleep)


def run_at_home(view: View, may_run: Callable[[Task, str], bool], *, sleep: bool) -> Orders:
    """Shards run at home where the rule lets them, and where their deadline forces them."""
    hours = Hours(view)
    for task in active(view):
        for home in task.remaining:
            wanted = task.remaining[home] if may_run(task, home) else must_run(view, task, home)
            hours.place(task, home, home, wanted)
    return hours.orders(sleep=sleep)


def run_moved(view: View, hosts: Callable[[Task, str], Iterable[str]], *, sleep: bool, at_home: bool = True) -> Orders:
    """Movable batches go to the first hosts with time, in the rule's order; the rest runs at home."""
    hours = Hours(view)
    for task in active(view):
        owed: dict[str, float] = dict(task.remaining)
        free: dict[str, float] = dict(task.movable)
        for home in owed:  # what must stay comes first, so that guests never displace it
            owed[home] -= hours.place(task, home, home, owed[home] - free[home])
        for home in sorted(owed, key=lambda name: -view.intensity(name)):
            _move(task, home, owed, free, hosts(task, home), hours)
        if at_home:
            for home, batches in owed.items():
                hours.place(task, home, home, batches)
    return hours.orders(sleep=sleep)


def _move(
    task: Task,
    home: str,
    owed: dict[str, float],
    free: Mapping[str, float],
    hosts: Iterable[str],
    hours: Hours,
) -> None:
    left = min(owed[home], free[home])
    for host in hosts:
        if left <= _LEAST:
            return
        placed = hours.place(task, home, host, left)
        left -= placed
        owed[home] -= placed


def _boot_hours(view: View, node: str) -> float:
    return view.scenario.profiles[view.scenario.nodes[node].profile].boot_seconds / SECONDS_PER_HOUR
