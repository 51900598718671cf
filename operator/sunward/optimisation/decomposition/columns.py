"""Solves a columnar problem with two prices: the loop between the coordinator and a vectorised fleet.

One process plays both sides here, so that a fleet of a million nodes is planned in seconds; the coordinator still
sees nothing but sums. Knows columns and prices, not files and not objects.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from sunward.optimisation.decomposition.columnar import Columns, Floats
from sunward.optimisation.decomposition.coordinator import Bounds
from sunward.optimisation.decomposition.errors import NoWholePlanError, OutOfTimeError, UnsupportedError
from sunward.optimisation.decomposition.fleet import ColumnFleet
from sunward.optimisation.decomposition.integers import Planned, plan_from
from sunward.optimisation.decomposition.recovery import ColumnPlan
from sunward.optimisation.decomposition.rounds import Effort, Rounds
from sunward.optimisation.decomposition.rows import Group, Overload, groups, missing_workers, overloads
from sunward.optimisation.problem.solution import InfeasibilityCause, Shortfall, Status

OPTIMAL_GAP = 1e-6
"""Relative gap from which a plan is called optimal; the file format's own."""
LARGE_FLEET = 65_536
"""Nodes from which replies are computed by several threads: numpy lets them run at the same time."""
THREADS = 2


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
    energy_price: Floats  # (pools,)
    task_price: float
    asleep_price: float
    offload_cap_grams: float
    rounds: int
    history: tuple[Bounds, ...]
    build_seconds: float
    solve_seconds: float
    infeasible_because: tuple[Shortfall, ...]


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

    Raises `ProblemError` for columns outside the format, `UnsupportedError` with the reason for a problem that has no
    closed-form reply, `OutOfTimeError` when the time ends before any plan and `NoWholePlanError` when integer choices
    could not be rounded. An infeasible problem is an answer, not an exception.
    """
    began = time.perf_counter()
    columns = _without_idle_rules(columns.checked())
    refusal = unsupported(columns)
    if refusal is not None:
        raise UnsupportedError(refusal)
    parts = groups(columns)
    clock = _Clock(began=began, built=time.perf_counter())
    stuck = _stuck(columns, parts)
    if stuck:
        return _infeasible(columns, stuck, clock)
    with _workers(len(columns)) as workers:
        effort = Effort(
            relative_gap=relative_gap,
            began=began,
            deadline=began + time_limit_seconds,
            caution=caution,
            workers=workers,
        )
        return _solved(columns, parts, effort, clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    began: float
    built: float


def _workers(count: int) -> ThreadPoolExecutor | nullcontext[None]:
    """Threads pay only for fleets whose chunks outnumber the cost of handing them out."""
    return ThreadPoolExecutor(THREADS) if count >= LARGE_FLEET else nullcontext(None)


def _solved(columns: Columns, parts: Sequence[Group], effort: Effort, clock: _Clock) -> ColumnSolution:
    first = Rounds(ColumnFleet(columns, parts, effort.workers), effort)
    first.go()
    if first.coordinator.out_of_reach:
        return _infeasible(columns, first.fleet.shortfalls(first.coordinator.ceiling_prices), clock)
    if not np.isfinite(first.coordinator.bounds.upper):
        raise OutOfTimeError("two-price: no plan within the time limit")
    planned = plan_from(columns, first, effort)
    if planned is None:
        raise NoWholePlanError("two-price: prices were found, but no plan with whole workers and whole modes")
    return _solution(first, planned, clock)


def _solution(first: Rounds[ColumnFleet], planned: Planned, clock: _Clock) -> ColumnSolution:
    objective, bounds = planned.plan.objective_grams, first.coordinator.bounds
    lower = max(0.0, min(bounds.lower, objective))
    gap = Bounds(lower=lower, upper=objective).relative_gap
    best = planned.rounds.coordinator.best_prices
    prices = planned.rounds.fleet.all_prices(best)
    return ColumnSolution(
        status=Status.OPTIMAL if gap <= OPTIMAL_GAP else Status.FEASIBLE,
        plan=planned.plan,
        lower_bound_grams=lower,
        relative_gap=gap,
        energy_price=prices[:-2],
        task_price=float(prices[-2]),
        asleep_price=float(prices[-1]),
        offload_cap_grams=planned.rounds.fleet.offload_cap_grams(best, [detail for _, detail in planned.parts]),
        rounds=len(first.coordinator.history),
        history=first.coordinator.history,
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


def _without_idle_rules(columns: Columns) -> Columns:
    """A job without batches asks for no workers (constraint 10)."""
    if columns.batches.any():
        return columns
    return replace(columns, settings=replace(columns.settings, minimum_workers=0, minimum_batches_per_worker=0.0))


def _stuck(columns: Columns, parts: Sequence[Group]) -> list[Shortfall]:
    """What no prices can mend: nodes with too much work of their own, workers that do not exist."""
    found = [_overload_row(columns, overload) for group in parts for overload in overloads(group)]
    missing = missing_workers(columns, parts)
    return [*found, Shortfall(constraint=InfeasibilityCause.WORKERS, shortfall=float(missing))] if missing else found


def _overload_row(columns: Columns, overload: Overload) -> Shortfall:
    """Names what stands in the way of a node's own shard: no rate for it, no time for it, or the offload ratio."""
    name = str(overload.node) if columns.names is None else str(columns.names[overload.node])
    constraint = InfeasibilityCause.DEADLINE if columns.can_work[overload.node] else InfeasibilityCause.NO_WORKER
    return Shortfall(constraint=constraint, node=name, shortfall=overload.shortfall)
