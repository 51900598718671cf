"""Published rules, each from its own description, none with our planner behind it.

A rule that waits is held to the deadline: what could no longer be done at home in time runs regardless, so
that all policies do equal work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import ceil
from statistics import quantiles

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.compile import watt_hours_per_batch
from sunward.simulation.policies.base import Orders, View
from sunward.simulation.policies.ready import Hours, active, must_run, run_at_home, run_moved, rush
from sunward.simulation.tasks import Task, Work

_GARDENER_GRAMS = 200.0
_GARDENER_LIMIT_HOURS = 24.0
_CURTAILMENT_GRAMS = 100.0
_HYSTERESIS_HOURS = 10.0 / 60.0
_SUSPEND_PERCENTILE = 30
_PIECES = 20
"""Pieces in which the movable batches of a shard are placed, at most; none is smaller than a batch."""
_LEAST_BATCHES = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy that is a function of the view."""

    name: str
    source: str
    order: Callable[[View], Orders]
    oracle: bool = False
    unbounded: bool = False
    allowed: None = None

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """Orders for the period that begins: a rule thinks no further."""
        del periods
        return (self.order(view),)


def spread(view: View) -> Orders:
    """The default scheduler's LeastAllocated: movable work evenly over all nodes, all nodes stay on."""
    hours = Hours(view)
    names = list(view.scenario.nodes)
    for task in active(view):
        for home, batches in task.remaining.items():
            free = min(task.movable[home], batches)
            for host in names:
                hours.place(task, home, host, free / len(names))
            hours.place(task, home, home, batches - free)
    return hours.orders(sleep=False)


def packing(view: View) -> Orders:
    """MostAllocated with load-driven sleep: fill nodes in a fixed order, switch off what is left empty."""

    def hosts(_task: Task, _home: str) -> Iterable[str]:
        return tuple(view.scenario.nodes)

    return run_moved(view, hosts, sleep=True)


def threshold_hold(view: View) -> Orders:
    """Hold a job until its zone is below 200 g/kWh, at most 24 hours; nodes stay on."""

    def may_run(task: Task, home: str) -> bool:
        waited = (view.period - task.release) * view.hours
        return waited >= _GARDENER_LIMIT_HOURS or view.intensity(home) < _GARDENER_GRAMS

    return run_at_home(view, may_run, sleep=False)


def suspend_resume(view: View) -> Orders:
    """Run only while the zone is in the cleanest 30 % of the forecast up to the deadline, else suspend."""

    def may_run(_task: Task, home: str) -> bool:
        ahead = [view.intensity(home, k) for k in range(view.count)]
        if len(ahead) < 2:
            return True
        limit = quantiles(ahead, n=100, method="inclusive")[_SUSPEND_PERCENTILE - 1]
        return view.intensity(home) <= limit

    return run_at_home(view, may_run, sleep=True)


def greedy_lowest(view: View) -> Orders:
    """Move what may move to the cleanest node that has time now."""
    cleanest = sorted(view.scenario.nodes, key=view.intensity)

    def hosts(_task: Task, home: str) -> Iterable[str]:
        return (name for name in cleanest if view.intensity(name) < view.intensity(home))

    return run_moved(view, hosts, sleep=True)


def cleanest_half(view: View) -> Orders:
    """The cleaner half of the nodes does all that may move, in equal parts; what may not runs at home afterwards.

    It orders proportions of a round, not what fits into a period, so it only runs where work is done in rounds.
    """
    ranked = sorted(view.scenario.nodes, key=lambda name: (view.intensity(name), name))
    clean = ranked[: (len(ranked) + 1) // 2]
    work = [
        Work(task=task.name, home=home, on=host, batches=batches / len(hosts))
        for task in active(view)
        for home, batches in task.remaining.items()
        for hosts in (clean if home not in clean and task.movable[home] > 0.0 else (home,),)
        for host in hosts
    ]
    busy = {item.on for item in work if item.batches > 0.0}
    return Orders(work=tuple(work), awake_hours={name: view.hours * (name in busy) for name in ranked})


def centralise(view: View) -> Orders:
    """Everything on the single cleanest node, one node after another only when time runs out."""
    best = min(view.scenario.nodes, key=view.intensity)
    hours = Hours(view)
    for task in active(view):
        owed = dict(task.remaining)
        for home in owed:  # what cannot wait comes first, so that no guest displaces it
            owed[home] -= hours.place(task, home, home, must_run(view, task, home))
        for home in sorted(owed, key=lambda name: name != best):
            hours.place(task, home, best, owed[home])
    return hours.orders(sleep=True)


def self_consumption(view: View) -> Orders:
    """Each node trains in the sunniest hours of its own panel; a node without one trains at once."""

    def may_run(task: Task, home: str) -> bool:
        ahead = view.harvest(home)
        if max(ahead) <= 0.0:
            return True
        needed = _periods_needed(view, task, home)
        return ahead[0] > 0.0 and ahead[0] >= sorted(ahead, reverse=True)[min(needed, len(ahead)) - 1]

    return run_at_home(view, may_run, sleep=True)


def fedzero(view: View) -> Orders:
    """Clients train on excess harvest only, as much as it feeds; nothing moves and nothing is traded."""
    hours = Hours(view)
    for task in active(view):
        for home, batches in task.remaining.items():
            fed = _batches_fed_by(view, task, home)
            hours.place(task, home, home, max(min(batches, fed), must_run(view, task, home)))
    return hours.orders(sleep=True)


def renewable_score(view: View) -> Orders:
    """Each piece of work goes to the node with the most renewable excess that is left, as the scheduler and the
    descheduler of green-k8s place pod after pod; what may not move comes first, and takes from its home's excess."""
    hours = Hours(view)
    excess = {name: view.harvest(name)[0] - _idle_watt_hours(view, name) for name in view.scenario.nodes}
    fixed = [(t, home, t.remaining[home] - t.movable[home]) for t in active(view) for home in t.remaining]
    for task, home, batches in fixed:
        placed = hours.place(task, home, home, batches)
        excess[home] -= placed * watt_hours_per_batch(view.scenario, task, home)
    free = [(t, home, t.movable[home]) for t in active(view) for home in t.remaining]
    for task, home, batches in sorted(
        free, key=lambda item: excess[item[1]]
    ):  # the shard whose home has least chooses first
        _score(view, task, home, batches, excess, hours)
    return hours.orders(sleep=False)


def _score(view: View, task: Task, home: str, batches: float, excess: dict[str, float], hours: Hours) -> None:
    """Place the movable batches of a shard piece by piece: where the most excess is left, and where none is, at home.

    What finds no time so goes anywhere if it has to be done in this period.
    """
    piece, left = max(1.0, batches / _PIECES), batches
    full: set[str] = set()
    is_last = task.deadline == view.period + 1
    while left > _LEAST_BATCHES:
        open_to = [name for name in excess if name not in full and (name == home or is_last or excess[name] > 0.0)]
        if not open_to:
            return
        best = max(open_to, key=lambda name: (max(0.0, excess[name]), name == home, excess[name]))
        placed = hours.place(task, home, best, min(piece, left))
        excess[best] -= placed * watt_hours_per_batch(view.scenario, task, best)
        left -= placed
        if placed <= _LEAST_BATCHES:
            full.add(best)


def curtailment_threshold(view: View) -> Orders:
    """Train where the grid is below 100 g/kWh or the panel covers the node, at all such sites at once: what may move
    leaves a site that is not. A site begins and ends once the change has lasted for 10 minutes; periods of ten minutes
    or more contain that.
    """
    hours, open_sites = Hours(view), [name for name in view.scenario.nodes if _is_open(view, name)]
    for task in active(view):
        owed = dict(task.remaining)
        for home in owed:
            wanted = owed[home] if home in open_sites else must_run(view, task, home)
            owed[home] -= hours.place(task, home, home, wanted)
        for home in owed:
            free = min(owed[home], task.movable[home])
            for host in open_sites:
                free -= hours.place(task, home, host, free)
    return hours.orders(sleep=True)


def _is_open(view: View, name: str) -> bool:
    """Whether a site may train: as it was until the last change that has lasted for the hysteresis."""
    lasting = ceil(_HYSTERESIS_HOURS / view.hours - 1e-9) if view.hours < _HYSTERESIS_HOURS else 0
    history = [*_clean(view, name), _is_clean(view, name, view.intensity(name), view.harvest(name)[0])]
    for end in range(len(history), lasting, -1):
        if len(set(history[end - lasting - 1 : end])) == 1:
            return history[end - 1]
    return history[0]


def _clean(view: View, name: str) -> list[bool]:
    """Whether a site was clean in each of the periods before."""
    grams = view.observed.intensity.get(view.scenario.nodes[name].zone, ())
    harvest = view.observed.harvest_watt_hours.get(name)
    return [_is_clean(view, name, float(g), 0.0 if harvest is None else float(harvest[k])) for k, g in enumerate(grams)]


def _is_clean(view: View, name: str, grams: float, harvest: float) -> bool:
    return harvest >= _busy_watt_hours(view, name) or grams < _CURTAILMENT_GRAMS


def none(view: View) -> Orders:
    """Every shard at home at once, all nodes on, harvest used where it falls."""
    return rush(view, sleep=False)


def trading_only(view: View) -> Orders:
    """The paper's DET: as none, and energy is shared; the transfers are settled when the harvest is known."""
    return replace(rush(view, sleep=False), share_energy=True)


def none_and_sleep(view: View) -> Orders:
    """Every shard at home at once, and sleep when done."""
    return rush(view, sleep=True)


BASELINE = "none"
"""What savings are measured against."""

RULES: tuple[Rule, ...] = (
    Rule(name=BASELINE, source="the paper's baseline", order=none),
    Rule(name="DET", source="the paper: energy trading", order=trading_only),
    Rule(name="none + sleep", source="ablation", order=none_and_sleep),
    Rule(name="self-consumption", source="own panel's forecast only", order=self_consumption),
    Rule(name="spread", source="kube-scheduler, NodeResourcesFit LeastAllocated", order=spread),
    Rule(name="packing + sleep", source="MostAllocated and load-driven power-off", order=packing),
    Rule(name="threshold hold", source="compute-gardener-scheduler: 200 g/kWh, at most 24 h", order=threshold_hold),
    Rule(name="suspend-resume", source="CarbonScaler's baseline, 30th percentile", order=suspend_resume),
    Rule(name="greedy lowest", source="move to the lowest intensity", order=greedy_lowest),
    Rule(name="centralise", source="Table I, one server", order=centralise, unbounded=True),
    Rule(name="FedZero rule", source="arXiv 2305.15092: excess energy only, no transfers", order=fedzero),
    Rule(name="curtailment threshold", source="curtail-llm: 100 g/kWh, 10 min hysteresis", order=curtailment_threshold),
    Rule(name="renewable score", source="green-k8s scheduler and descheduler", order=renewable_score),
)


IN_ROUNDS: tuple[Rule, ...] = (
    Rule(name="cleanest half", source="the obvious rule where at most half may sleep", order=cleanest_half),
)
"""Rules that only make sense under the operator's safety rules."""


def _periods_needed(view: View, task: Task, home: str) -> int:
    hours = task.remaining[home] * task.job.seconds_per_batch / SECONDS_PER_HOUR
    return max(1, round(hours / view.hours + 0.499))


def _busy_watt_hours(view: View, name: str) -> float:
    return view.scenario.profiles[view.scenario.nodes[name].profile].busy_watts * view.hours


def _idle_watt_hours(view: View, name: str) -> float:
    return view.scenario.profiles[view.scenario.nodes[name].profile].idle_watts * view.hours


def _batches_fed_by(view: View, task: Task, home: str) -> float:
    """Batches whose whole energy, idle included, this period's harvest covers."""
    profile = view.scenario.profiles[view.scenario.nodes[home].profile]
    watts = profile.idle_watts + (profile.busy_watts - profile.idle_watts) * task.job.busy_ratio
    hours = view.harvest(home)[0] / watts
    return hours * SECONDS_PER_HOUR * profile.speed / task.job.seconds_per_batch
