"""A vectorised fleet behind the price protocol: prices in, sums out, the nodes' own replies kept for the recovery."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.decomposition.columnar import NO_POOL, Columns, Floats
from sunward.optimisation.decomposition.coordinator import OracleResponse
from sunward.optimisation.decomposition.master import PerCoupling, Weights
from sunward.optimisation.decomposition.recovery import Mixture, mix
from sunward.optimisation.decomposition.reply import Detail, Offer, group_detail, group_sums, offload_saving
from sunward.optimisation.decomposition.rows import Group
from sunward.optimisation.problem.solution import InfeasibilityCause, Shortfall


class ColumnFleet:
    """All nodes of a columnar problem behind the protocol: prices in, sums out, details kept for the recovery.

    Coupling rows are the energy of each pool, the tasks and the sleepers; only those that can matter get a price.
    """

    def __init__(self, columns: Columns, parts: Sequence[Group], workers: Executor | None = None) -> None:
        self._columns = columns
        self.parts = tuple(parts)
        self._workers = workers
        self._harvest_price = columns.settings.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
        self._all_scales = _price_scales(columns, self.parts)
        self._live = np.flatnonzero(self._all_scales > 0)
        self._asked: list[tuple[PerCoupling, bool]] = []

    @property
    def group_count(self) -> int:
        """Groups by pool and by modes."""
        return len(self.parts)

    @property
    def least(self) -> PerCoupling:
        """What the net supply to each live row must reach."""
        limit = self._columns.settings.maximum_asleep_nodes
        least = np.zeros(len(self._all_scales))
        least[-1] = -float(len(self._columns) if limit is None else limit)
        return least[self._live]

    @property
    def price_scales(self) -> PerCoupling:
        """A price of each live row that no node would pay, as long as capacity is not short."""
        return self._all_scales[self._live]

    @property
    def exact_rows(self) -> None:
        """None: who supplies too much is scaled back by the repair."""
        return None

    def all_prices(self, prices: PerCoupling) -> Floats:
        """Prices of every row, live or not, (pools + 2,): energy by pool, then task, then asleep."""
        whole = np.zeros(len(self._all_scales))
        whole[self._live] = prices
        return whole

    def offer(self, group: Group, prices: PerCoupling) -> Offer:
        """The prices as one group sees them."""
        whole = self.all_prices(prices)
        energy = 0.0 if group.pool == NO_POOL else float(whole[group.pool])
        return Offer(energy=energy, task=float(whole[-2]), asleep=float(whole[-1]))

    def answer(self, prices: PerCoupling) -> tuple[OracleResponse, ...]:
        """Every group's sums at the prices."""
        self._asked.append((prices, True))
        return tuple(self._answer(group, prices) for group in self.parts)

    def opening(self) -> tuple[OracleResponse, ...]:
        """Every group's sums if no node trades more than it must; a possible plan, not a best reply."""
        prices = np.zeros(len(self._live))
        self._asked.append((prices, False))
        return tuple(self._answer(stand_alone(group), prices) for group in self.parts)

    def _answer(self, group: Group, prices: PerCoupling) -> OracleResponse:
        offer = self.offer(group, prices)
        sums = group_sums(group, offer, self._harvest_price, self._workers)
        whole = np.zeros(len(self._all_scales))
        if group.pool != NO_POOL:
            whole[group.pool] = sums.energy
        whole[-2:] = sums.tasks, -sums.asleep
        supply = whole[self._live]
        return OracleResponse(grams=sums.grams + float(prices @ supply), supply=supply)

    def mixtures(self, weights: Sequence[Weights]) -> list[Mixture]:
        """Every group's replies, mixed with the coordinator's weights."""
        return [self._mixture(group, mine) for group, mine in zip(self.parts, weights, strict=True)]

    def _mixture(self, group: Group, weights: Weights) -> Mixture:
        used = np.flatnonzero(weights > 1e-13).tolist()
        details = [self._detail(group, *self._asked[index]) for index in used]
        return mix(group, details, [float(weights[index] / weights[used].sum()) for index in used])

    def _detail(self, group: Group, prices: PerCoupling, trading: bool) -> Detail:
        return group_detail(group if trading else stand_alone(group), self.offer(group, prices), self._harvest_price)

    def shortfalls(self, prices: PerCoupling) -> list[Shortfall]:
        """What is missing at prices that are as high as they go."""
        missing = self.all_prices(self.least - np.sum([answer.supply for answer in self.answer(prices)], axis=0))
        kinds = ((missing[-2], InfeasibilityCause.DEADLINE), (missing[-1], InfeasibilityCause.SLEEP_LIMIT))
        return [Shortfall(constraint=kind, shortfall=float(amount)) for amount, kind in kinds if amount > 0]

    def offload_cap_grams(self, prices: PerCoupling, details: Sequence[Detail]) -> float:
        """Change of emissions per unit of the job's offload ratio at the plan's prices; never above 0."""
        settings = self._columns.settings
        if not settings.offload_tasks or settings.maximum_offload_ratio <= 0:
            return 0.0
        saved = 0.0
        for group, detail in zip(self.parts, details, strict=True):
            limit = settings.maximum_offload_ratio * self._columns.batches[group.nodes]
            saved += offload_saving(group, self.offer(group, prices), self._harvest_price, detail, limit)
        return -saved / settings.maximum_offload_ratio


def stand_alone(group: Group) -> Group:
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
    """The largest sensible price of each row, (pools + 2,); 0 for rows that no node can supply."""
    scales = np.zeros(len(columns.pool_efficiency) + 2)
    dearest = float(columns.intensity_grams_per_kilowatt_hour.max(initial=0.0)) / WATT_HOURS_PER_KILOWATT_HOUR
    dearest = max(
        dearest, columns.settings.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR, 1e-9
    )
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
