"""What a simulation found: energy, emissions and work, per period and in all, from the ledgers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import fsum

from sunward.accounting.hourly_matching import score
from sunward.accounting.ledger import PeriodLedger
from sunward.accounting.measures import (
    BothSignals,
    HarvestUse,
    Repriced,
    SoftwareIntensity,
    Transferred,
    harvest_use,
    jain_fairness,
    repriced,
    software_intensity,
    total_grams,
    transferred,
)
from sunward.accounting.quality import grams_per, prompt_tasks
from sunward.accounting.rows import LedgerRow
from sunward.accounting.stages import Stage, StageEntry, StageTotal, by_stage
from sunward.accounting.values import ZoneFactor
from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.simulation.compile import seconds_per_batch
from sunward.simulation.machine import Done
from sunward.simulation.scenario import BASIS, MARGINAL_BASIS, Scenario
from sunward.simulation.tasks import Task, Work, tasks_of

FUNCTIONAL_UNIT = "thousand batches"
"""What the SCI of a simulation is per: scenarios have batches and no target of accuracy."""

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Totals of one run; grams include moving data, and unfinished batches are counted, never hidden.

    `marginal_grams` prices the grid energy at the marginal intensities, None where a zone states none. `embodied_grams`
    and the SCI (per thousand batches) are None where a profile states nothing of its making. `stages` books the
    network's energy of moving data as preparation and what the nodes drew as development. `stored_watt_hours` is how
    much more the batteries hold at the end than at the start. `task_hours` is how long a task took from its release,
    on average, None while one is unfinished. `carbon_free_score` is the 24/7 score in the location view.

    What the operator itself draws is `planner_*`, beside the cluster's own figures and never in them. `power_cycles`
    is the most that any node went to sleep within 24 hours, `evictions_per_pod_hour` the most that one pod was moved
    in an hour. `lost_batches` were missed or begun in vain in rounds. `stretch` is the time a task took over the time
    its window allowed, averaged over tasks that were finished. `fairness` is Jain's index of the work done per node (1
    is equal). `prompt_tasks` counts tasks by how early in their window they ended (`accounting.quality`). `awake_hours`
    and `work_hours` are node-hours; what the former has
    more is idling, booting and moving data. `closing_error_ratio` is the worst of all periods.
    """

    policy: str
    market_grams: float
    location_grams: float
    load_watt_hours: float
    grid_watt_hours: float
    harvest_watt_hours: float
    curtailed_watt_hours: float
    sent_watt_hours: float
    sent_physical_watt_hours: float
    lost_watt_hours: float
    transit_grams: float
    batches: float
    moved_batches: float
    unfinished_batches: float
    tasks: int
    tasks_on_time: int
    prompt_tasks: float
    stretch: float | None
    awake_hours: float
    work_hours: float
    wakes: int
    fallbacks: int
    fairness: float | None
    closing_error_ratio: float
    marginal_grams: float | None
    embodied_grams: float | None
    software_intensity: SoftwareIntensity | None
    stages: tuple[StageTotal, ...]
    harvest_use: HarvestUse | None
    transferred: Transferred
    fed_in_watt_hours: float
    stored_watt_hours: float
    task_hours: float | None
    carbon_free_score: float | None
    planner_watt_hours: float
    planner_grams: float
    plans: int
    power_cycles: int
    evictions: int
    evictions_per_pod_hour: int
    lost_batches: float
    market_grams_by_period: tuple[float, ...]
    location_grams_by_period: tuple[float, ...]
    load_by_period: tuple[float, ...]
    harvest_by_period: tuple[float, ...]

    @property
    def renewable_coverage(self) -> float:
        """1 - grid energy over load, market view."""
        return 1.0 - self.grid_watt_hours / self.load_watt_hours if self.load_watt_hours else 0.0

    @property
    def signals(self) -> BothSignals:
        """Grams of the grid energy under the average signal, in which plans are made, and under the marginal one."""
        own = self.location_grams - self.transit_grams
        return BothSignals(
            own=Repriced(basis=BASIS, grams=own), other=Repriced(basis=MARGINAL_BASIS, grams=self.marginal_grams)
        )

    def charged_grams(self, baseline: Outcome, *, location: bool = False) -> float:
        """Market-based (or location-based) grams, and for each batch left undone what *baseline* emits per batch."""
        own, whole = (one.location_grams if location else one.market_grams for one in (self, baseline))
        return own + (self.unfinished_batches * whole / baseline.batches if baseline.batches else 0.0)

    @property
    def grams_per_thousand_batches(self) -> float | None:
        """Location-based emissions per thousand batches done: the operational part of the SCI."""
        return 1000.0 * self.location_grams / self.batches if self.batches else None

    @property
    def grams_per_task_on_time(self) -> float | None:
        """All location-based emissions per task that met its deadline; None where none did."""
        return grams_per(self.location_grams, self.tasks_on_time)

    @property
    def grams_per_prompt_task(self) -> float | None:
        """The same per task weighted by its promptness."""
        return grams_per(self.location_grams, self.prompt_tasks)


@dataclass(slots=True)
class Recorder:
    """Collects periods; `outcome` adds them up."""

    scenario: Scenario
    ledgers: list[PeriodLedger] = field(default_factory=list)
    work_by_node: dict[str, float] = field(default_factory=dict)
    batches: float = 0.0
    moved_batches: float = 0.0
    awake_hours: float = 0.0
    work_hours: float = 0.0
    wakes: int = 0
    fallbacks: int = 0
    plans: int = 0
    lost_batches: float = 0.0
    planner_watt_hours: float = 0.0
    planner_grams: float = 0.0
    transit_watt_hours: float = 0.0
    marginal: list[float | None] = field(default_factory=list)
    tasks: Mapping[str, Task] = field(init=False)
    slept: dict[str, list[datetime]] = field(default_factory=dict)
    evicted: dict[str, list[datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Every task of the scenario by name."""
        self.tasks = {task.name: task for task in tasks_of(self.scenario)}

    def record(
        self, ledger: PeriodLedger, done: Done, intensity: Mapping[str, float], marginal: Mapping[str, float]
    ) -> None:
        """Add one period; intensities by zone in grams per kilowatt-hour, average and, where stated, marginal."""
        self.ledgers.append(ledger)
        self.marginal.append(_marginal(ledger, marginal))
        self._record_planner(done, intensity)
        self._record_work(done.work)
        self._record_power(done)
        self.fallbacks += done.fallback
        self.lost_batches += done.lost_batches
        self.transit_watt_hours += done.transit_watt_hours

    def _record_planner(self, done: Done, intensity: Mapping[str, float]) -> None:
        """Only who plans is charged for planning."""
        if done.plans is None:
            return
        operator = self.scenario.operator
        watt_hours = operator.watts * self.scenario.period_hours + operator.watt_hours_per_plan * done.plans
        grams = max(intensity.values()) if operator.zone is None else intensity[operator.zone]
        self.plans += done.plans
        self.planner_watt_hours += watt_hours
        self.planner_grams += watt_hours * grams / WATT_HOURS_PER_KILOWATT_HOUR

    def _record_work(self, work: Sequence[Work]) -> None:
        for item in work:
            self.work_by_node[item.on] = self.work_by_node.get(item.on, 0.0) + item.batches
            self.batches += item.batches
            self.work_hours += item.batches * self._seconds(item) / SECONDS_PER_HOUR
            self.moved_batches += item.batches if item.on != item.home else 0.0

    def _seconds(self, item: Work) -> float:
        """How long one of these batches takes."""
        return seconds_per_batch(self.scenario, self.tasks[item.task], item.on)

    def _record_power(self, done: Done) -> None:
        self.awake_hours += fsum(ran.awake_hours for ran in done.ran.values())
        self.wakes += sum(ran.wakes for ran in done.ran.values())
        for log, events in ((self.slept, done.slept), (self.evicted, done.evicted)):
            for time, name in events:
                log.setdefault(name, []).append(time)

    def outcome(self, policy: str, tasks: Sequence[Task]) -> Outcome:
        """The totals; emissions are the ledgers' own."""
        rows = [row for ledger in self.ledgers for row in ledger.rows]
        market = tuple(_known(ledger.totals.market_grams) for ledger in self.ledgers)
        location = tuple(_known(ledger.totals.location_grams) for ledger in self.ledgers)
        finished = [task for task in tasks if task.finished is not None]
        moved = transferred(rows)
        return Outcome(
            policy=policy,
            market_grams=fsum(market),
            location_grams=fsum(location),
            load_watt_hours=_total(rows, lambda row: row.load_watt_hours),
            grid_watt_hours=_total(rows, lambda row: row.grid_watt_hours),
            harvest_watt_hours=_total(rows, lambda row: row.harvest_watt_hours),
            curtailed_watt_hours=_total(rows, lambda row: row.harvest_curtailed_watt_hours),
            sent_watt_hours=_total(rows, lambda row: row.sent_physical_watt_hours + row.sent_contractual_watt_hours),
            sent_physical_watt_hours=moved.sent_physical_watt_hours,
            lost_watt_hours=moved.lost_watt_hours,
            transit_grams=fsum(ledger.totals.transit_grams for ledger in self.ledgers),
            batches=self.batches,
            moved_batches=self.moved_batches,
            unfinished_batches=fsum(task.left for task in tasks if task.finished is None),
            tasks=len(tasks),
            tasks_on_time=len(finished),
            prompt_tasks=prompt_tasks((_taken(task), task.deadline - task.release) for task in finished),
            stretch=_stretch(finished),
            awake_hours=self.awake_hours,
            work_hours=self.work_hours,
            wakes=self.wakes,
            fallbacks=self.fallbacks,
            fairness=jain_fairness([self.work_by_node.get(name, 0.0) for name in self.scenario.nodes]),
            closing_error_ratio=max((ledger.closing_error_ratio for ledger in self.ledgers), default=0.0),
            marginal_grams=total_grams(self.marginal),
            embodied_grams=total_grams(ledger.totals.embodied_grams for ledger in self.ledgers),
            software_intensity=software_intensity(
                self.ledgers, functional_units=self.batches / 1000.0, unit=FUNCTIONAL_UNIT
            ),
            stages=self._stages(rows, fsum(location)),
            harvest_use=harvest_use(rows),
            transferred=moved,
            fed_in_watt_hours=_total(rows, lambda row: row.fed_in_watt_hours),
            stored_watt_hours=_total(rows, lambda row: row.stored_change_watt_hours),
            task_hours=_task_hours(tasks, self.scenario.period_hours),
            carbon_free_score=score(self.ledgers, lambda zone, _: self.scenario.zones[zone].carbon_free_ratio),
            planner_watt_hours=self.planner_watt_hours,
            planner_grams=self.planner_grams,
            plans=self.plans,
            power_cycles=_most_within(_DAY, self.slept),
            evictions=sum(map(len, self.evicted.values())),
            evictions_per_pod_hour=_most_within(_HOUR, self.evicted),
            lost_batches=self.lost_batches,
            market_grams_by_period=market,
            location_grams_by_period=location,
            load_by_period=tuple(ledger.totals.load_watt_hours for ledger in self.ledgers),
            harvest_by_period=tuple(ledger.totals.harvest_watt_hours for ledger in self.ledgers),
        )

    def _stages(self, rows: Sequence[LedgerRow], location_grams: float) -> tuple[StageTotal, ...]:
        """Moving data over the network prepares a training; all that the nodes drew develops its model."""
        transit = fsum(ledger.totals.transit_grams for ledger in self.ledgers)
        load = _total(rows, lambda row: row.load_watt_hours)
        entries = (
            (Stage.PREPARATION, self.transit_watt_hours, transit),
            (Stage.DEVELOPMENT, load, max(0.0, location_grams - transit)),
        )
        return by_stage(
            StageEntry(stage=stage, watt_hours=watt_hours, location_grams=grams) for stage, watt_hours, grams in entries
        )


def _marginal(ledger: PeriodLedger, intensity: Mapping[str, float]) -> float | None:
    """Location-based grams of a period at marginal intensities; None where none is stated."""
    if not intensity:
        return None
    factors = [ZoneFactor(grid_zone=z, grams_per_kilowatt_hour=g, basis=MARGINAL_BASIS) for z, g in intensity.items()]
    return repriced(ledger, factors).grams


def _most_within(window: timedelta, log: Mapping[str, Sequence[datetime]]) -> int:
    """The most events that any subject had within any half-open window of this length; times in order."""
    return max(
        (sum(t - first < window for t in times[k:]) for times in log.values() for k, first in enumerate(times)),
        default=0,
    )


def _total(rows: Sequence[LedgerRow], amount: Callable[[LedgerRow], float]) -> float:
    return fsum(map(amount, rows))


def _known(grams: float | None) -> float:
    if grams is None:
        raise ValueError("a simulated zone always has an intensity")
    return grams


def _task_hours(tasks: Sequence[Task], period_hours: float) -> float | None:
    """Hours from the release of a task to the end of the period in which it was finished, on average."""
    taken = [task.finished + 1 - task.release for task in tasks if task.finished is not None]
    return fsum(taken) * period_hours / len(taken) if taken and len(taken) == len(tasks) else None


def _stretch(finished: Sequence[Task]) -> float | None:
    if not finished:
        return None
    return fsum(_share(task) for task in finished) / len(finished)


def _share(task: Task) -> float:
    return _taken(task) / (task.deadline - task.release)


def _taken(task: Task) -> int:
    """Periods from the release of a task to the end of the one in which it was finished."""
    return (task.finished if task.finished is not None else task.deadline) + 1 - task.release
