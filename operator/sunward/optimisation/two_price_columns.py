"""Solves a columnar problem with two prices: the loop between the coordinator and a vectorised fleet.

One process plays both sides here, so that a fleet of a million nodes is planned in seconds; the coordinator still
sees nothing but sums. Knows columns and prices, not files and not objects.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from sunward.optimisation.columnar import NO_POOL, Columns, Floats
from sunward.optimisation.solution import Obstacle, Shortfall, Status
from sunward.optimisation.two_price_coordinator import Answer, Bounds, Coordinator, Scales
from sunward.optimisation.two_price_recovery import ColumnPlan, Mixture, mix, repair
from sunward.optimisation.two_price_reply import Detail, Offer, group_detail, group_sums
from sunward.optimisation.two_price_rows import GRAMS_PER_KILOGRAM, Group, Overload, groups, overloads

OPTIMAL_GAP = 1e-6
LARGE_FLEET = 65_536
THREADS = 2
ROUND_LIMIT = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnSolution:
    """A plan by columns with its certificate. `plan` is None only when the problem is infeasible.

    `energy_price` is grams per Wh by pool, `task_price` grams per batch moved, `asleep_price` grams per node that the
    sleep limit keeps on. `build_seconds` is spent on the static part of the replies, `solve_seconds` on prices and
    recovery.
    """

    status: Status
    plan: ColumnPlan | None
    lower_bound_grams: float | None
    relative_gap: float | None
    energy_price: Floats
    task_price: float
    asleep_price: float
    offload_cap_grams: float
    rounds: int
    history: tuple[Bounds, ...]
    build_seconds: float
    solve_seconds: float
    infeasible_because: tuple[Shortfall, ...]


class Fleet:
    """All nodes of a columnar problem behind the protocol: prices in, sums out, details kept for the recovery.

    Coupling rows are the energy of each pool, the tasks and the sleepers; only those that can matter get a price.
    """

    def __init__(self, columns: Columns, parts: Sequence[Group], workers: Executor | None = None) -> None:
        self._columns = columns
        self.parts = tuple(parts)
        self._workers = workers
        self._harvest_price = columns.settings.harvest_intensity_grams_per_kilowatt_hour / GRAMS_PER_KILOGRAM
        self._all_scales = _price_scales(columns, self.parts)
        self._live = np.flatnonzero(self._all_scales > 0)
        self._asked: list[tuple[Floats, bool]] = []

    @property
    def least(self) -> Floats:
        """What the net supply to each live row must reach."""
        limit = self._columns.settings.maximum_asleep_nodes
        least = np.zeros(len(self._all_scales))
        least[-1] = -float(len(self._columns) if limit is None else limit)
        return least[self._live]

    @property
    def price_scales(self) -> Floats:
        """A price of each live row that no node would pay, as long as capacity is not short."""
        return self._all_scales[self._live]

    def all_prices(self, prices: Floats) -> Floats:
        """Prices of every row, live or not: energy by pool, task, asleep."""
        whole = np.zeros(len(self._all_scales))
        whole[self._live] = prices
        return whole

    def offer(self, group: Group, prices: Floats) -> Offer:
        """The prices as one group sees them."""
        whole = self.all_prices(prices)
        energy = 0.0 if group.pool == NO_POOL else float(whole[group.pool])
        return Offer(energy=energy, task=float(whole[-2]), asleep=float(whole[-1]))

    def answer(self, prices: Floats) -> tuple[Answer, ...]:
        """Every group's sums at the prices."""
        self._asked.append((prices, True))
        return tuple(self._answer(group, prices) for group in self.parts)

    def stand_alone(self) -> tuple[Answer, ...]:
        """Every group's sums if nobody trades more than it must; a possible plan, not a best reply."""
        prices = np.zeros(len(self._live))
        self._asked.append((prices, False))
        return tuple(self._answer(_alone(group), prices) for group in self.parts)

    def _answer(self, group: Group, prices: Floats) -> Answer:
        offer = self.offer(group, prices)
        sums = group_sums(group, offer, self._harvest_price, self._workers)
        whole = np.zeros(len(self._all_scales))
        if group.pool != NO_POOL:
            whole[group.pool] = sums.energy
        whole[-2:] = sums.tasks, -sums.asleep
        supply = whole[self._live]
        return Answer(grams=sums.grams + float(prices @ supply), supply=supply)

    def mixtures(self, weights: Sequence[Floats]) -> list[Mixture]:
        """Every group's replies, mixed with the coordinator's weights."""
        return [self._mixture(group, mine) for group, mine in zip(self.parts, weights, strict=True)]

    def _mixture(self, group: Group, weights: Floats) -> Mixture:
        used = np.flatnonzero(weights > 1e-13).tolist()
        details = [self._detail(group, *self._asked[index]) for index in used]
        return mix(group, details, [float(weights[index] / weights[used].sum()) for index in used])

    def _detail(self, group: Group, prices: Floats, trading: bool) -> Detail:
        return group_detail(group if trading else _alone(group), self.offer(group, prices), self._harvest_price)


def _alone(group: Group) -> Group:
    """The group without trade: nothing sold, nothing received, only what must be sent is sent."""
    rows, nothing = group.rows, np.zeros(len(group.rows))
    closed = replace(
        rows,
        grid=np.where(np.isinf(rows.grid), 1e12, rows.grid),
        kept=rows.harvest,
        sellable=nothing,
        receive_most=rows.receive_least,
        send_most=np.minimum(rows.send_least, rows.send_most),
    )
    return replace(group, pool=NO_POOL, efficiency=1.0, rows=closed)


def _price_scales(columns: Columns, parts: Sequence[Group]) -> Floats:
    """The largest sensible price of each row; 0 for rows that nobody can supply."""
    scales = np.zeros(len(columns.pool_efficiency) + 2)
    dearest = float(columns.intensity_grams_per_kilowatt_hour.max(initial=0.0)) / GRAMS_PER_KILOGRAM
    dearest = max(dearest, columns.settings.harvest_intensity_grams_per_kilowatt_hour / GRAMS_PER_KILOGRAM, 1e-9)
    for group in parts:
        rows = group.rows
        if group.pool != NO_POOL and rows.sellable.max() > 0:
            scales[group.pool] = dearest
        if np.any(rows.send_most[~rows.impossible] > 0):
            energy = dearest * max(float(rows.per_received.max()), float(rows.per_sent.max()))
            grams = max(float(rows.grams_received.max()), float(rows.grams_sent.max()), 0.0)
            scales[-2] = max(scales[-2], energy + grams, 1e-12)
        if columns.settings.maximum_asleep_nodes is not None and np.any(rows.asleep > 0):
            scales[-1] = max(scales[-1], dearest * float(rows.demand.max()) + float(rows.grams.max()), 1e-12)
    return scales


def unsupported(columns: Columns) -> str | None:
    """Why the closed-form reply does not hold for these columns; None when it does."""
    settings = columns.settings
    if settings.sleep and bool(np.any((columns.idle_watts < columns.asleep_watts) & columns.can_sleep)):
        return "a node draws more asleep than idle, so being awake has no single price"
    if settings.include_embodied and settings.sleep:
        transfer = settings.seconds_per_gigabyte * settings.gigabytes_per_batch
        sending = settings.send_watt_hours_per_gigabyte * settings.gigabytes_per_batch
        odd = (columns.seconds_per_batch > transfer) & (columns.watt_hours_per_batch < sending)
        if bool(np.any(odd & columns.can_work & columns.can_sleep)):
            return "sending a batch costs more energy than it saves while awake time has a price of its own"
    return None


def solve_columns(
    columns: Columns, *, time_limit_seconds: float = 60.0, relative_gap: float = 1e-7, caution: float = 0.0
) -> ColumnSolution:
    """Plans the fleet to a certified relative gap, or as far as the time limit allows.

    Raises `ProblemError` for columns outside the format and `ValueError` with the reason for a problem that has no
    closed-form reply. An infeasible problem is an answer, not an exception.
    """
    began = time.perf_counter()
    columns.checked()
    refusal = unsupported(columns)
    if refusal is not None:
        raise ValueError(refusal)
    parts = groups(columns)
    clock = _Clock(began=began, built=time.perf_counter(), deadline=began + time_limit_seconds)
    stuck = [overload for group in parts for overload in overloads(group)]
    if stuck:
        return _infeasible(columns, [_overload_row(columns, overload) for overload in stuck], clock)
    with _workers(len(columns)) as workers:
        run = _Run(columns, parts, workers, relative_gap, clock.deadline, caution)
        run.go()
        if run.coordinator.bounds.upper == np.inf:
            return _infeasible(columns, run.shortfalls(), clock)
        return _solution(columns, run, clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    began: float
    built: float
    deadline: float


def _workers(count: int) -> ThreadPoolExecutor | nullcontext[None]:
    """Threads pay only for fleets whose chunks outnumber the cost of handing them out."""
    return ThreadPoolExecutor(THREADS) if count >= LARGE_FLEET else nullcontext(None)


class _Run:
    """One exchange of prices and sums until the bounds meet."""

    def __init__(
        self,
        columns: Columns,
        parts: Sequence[Group],
        workers: Executor | None,
        relative_gap: float,
        deadline: float,
        caution: float,
    ) -> None:
        self.columns = columns
        self.fleet = Fleet(columns, parts, workers)
        self._relative_gap = relative_gap
        self._deadline = deadline
        alone = self.fleet.stand_alone()
        grams = abs(sum(answer.grams for answer in alone)) or 1.0
        self.coordinator = Coordinator(
            groups=len(parts),
            least=self.fleet.least,
            scales=Scales(grams=grams, prices=self.fleet.price_scales),
            caution=caution,
        )
        self.coordinator.add(alone)

    def go(self) -> None:
        """Rounds until the gap is closed, the time is up, or prices repeat to the last digit."""
        previous: Floats | None = None
        for _ in range(ROUND_LIMIT):
            prices = self.coordinator.prices()
            bounds = self.coordinator.receive(prices, self.fleet.answer(prices))
            repeated = previous is not None and np.array_equal(prices, previous)
            if bounds.relative_gap <= self._relative_gap / 4 or time.perf_counter() > self._deadline:
                return
            if self.coordinator.out_of_reach or (repeated and np.isfinite(bounds.upper)):
                return
            previous = prices

    def mixtures(self) -> list[Mixture]:
        """The groups' plans, mixed with the weights of the last master."""
        return self.fleet.mixtures(self.coordinator.weights())

    def shortfalls(self) -> list[Shortfall]:
        """What is missing although the prices are as high as they go."""
        answers = self.fleet.answer(self.coordinator.ceiling_prices)
        whole = self.fleet.all_prices(self.fleet.least - np.sum([answer.supply for answer in answers], axis=0))
        found = []
        if whole[-2] > 0:
            found.append(Shortfall(constraint=Obstacle.DEADLINE, shortfall=float(whole[-2])))
        if whole[-1] > 0:
            found.append(Shortfall(constraint=Obstacle.SLEEP_LIMIT, shortfall=float(whole[-1])))
        return found


def _decided(run: _Run) -> list[tuple[Group, Detail]]:
    return [(group, mixture.detail) for group, mixture in zip(run.fleet.parts, run.mixtures(), strict=True)]


def _solution(columns: Columns, run: _Run, clock: _Clock) -> ColumnSolution:
    plan = repair(columns, _decided(run))
    lower = min(run.coordinator.bounds.lower, plan.objective_grams)
    gap = Bounds(lower=lower, upper=plan.objective_grams).relative_gap
    prices = run.fleet.all_prices(run.coordinator.best_prices)
    return ColumnSolution(
        status=Status.OPTIMAL if gap <= OPTIMAL_GAP else Status.FEASIBLE,
        plan=plan,
        lower_bound_grams=lower,
        relative_gap=gap,
        energy_price=prices[:-2],
        task_price=float(prices[-2]),
        asleep_price=float(prices[-1]),
        offload_cap_grams=0.0,
        rounds=len(run.coordinator.history),
        history=run.coordinator.history,
        build_seconds=clock.built - clock.began,
        solve_seconds=time.perf_counter() - clock.built,
        infeasible_because=(),
    )


def _infeasible(columns: Columns, because: Sequence[Shortfall], clock: _Clock) -> ColumnSolution:
    return ColumnSolution(
        status=Status.INFEASIBLE,
        plan=None,
        lower_bound_grams=None,
        relative_gap=None,
        energy_price=np.zeros(len(columns.pool_efficiency)),
        task_price=0.0,
        asleep_price=0.0,
        offload_cap_grams=0.0,
        rounds=0,
        history=(),
        build_seconds=clock.built - clock.began,
        solve_seconds=time.perf_counter() - clock.built,
        infeasible_because=tuple(because),
    )


def _overload_row(columns: Columns, overload: Overload) -> Shortfall:
    """Names what stands in the way of a node's own shard: no rate for it, no time for it, or the offload ratio."""
    name = str(overload.node) if columns.names is None else str(columns.names[overload.node])
    constraint = Obstacle.DEADLINE if columns.can_work[overload.node] else Obstacle.NO_WORKER
    return Shortfall(constraint=constraint, node=name, shortfall=overload.shortfall)
