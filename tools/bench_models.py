"""The rivals of the price coordinator in `bench_planner`: the same one-period problem as one linear program.

`hub` sums what leaves and what arrives (grows with nodes), `pairwise` has a variable per pair of nodes (grows with
their square). Both are written straight into the solver's message from arrays, so that building them costs little.
"""

from dataclasses import dataclass

import numpy as np
from ortools.math_opt import model_pb2

from sunward.optimisation.decomposition.columnar import Columns, Floats


@dataclass(slots=True)
class _Rows:
    """Triplets of a matrix and the bounds of its rows, collected in blocks."""

    rows: list[np.ndarray]
    columns: list[np.ndarray]
    values: list[np.ndarray]
    lower: list[np.ndarray]
    upper: list[np.ndarray]
    height: int = 0

    def add(self, terms: list[tuple[np.ndarray, np.ndarray, object]], lower: object, upper: object, count: int) -> None:
        """Adds `count` rows; each term is (row within the block, column, value)."""
        for row, column, value in terms:
            self.rows.append(row + self.height)
            self.columns.append(column)
            self.values.append(np.broadcast_to(np.asarray(value, dtype=float), row.shape))
        self.lower.append(np.broadcast_to(np.asarray(lower, dtype=float), count))
        self.upper.append(np.broadcast_to(np.asarray(upper, dtype=float), count))
        self.height += count


@dataclass(frozen=True, slots=True)
class _Rates:
    """Energy and time of a node: fixed demand, per batch worked, sent and received."""

    fixed: Floats
    work: Floats
    ends: float
    awake: Floats
    hours: Floats
    transfer: float
    transit: float


def _rates(columns: Columns) -> _Rates:
    settings = columns.settings
    transfer = settings.seconds_per_gigabyte * settings.gigabytes_per_batch / 3600
    hours = columns.seconds_per_batch / 3600
    awake = columns.idle_watts - columns.asleep_watts
    transit = settings.transit_watt_hours_per_gigabyte * settings.transit_intensity_grams_per_kilowatt_hour / 1000
    return _Rates(
        fixed=columns.asleep_watts * settings.period_hours,
        work=columns.watt_hours_per_batch + awake * hours,
        ends=settings.send_watt_hours_per_gigabyte * settings.gigabytes_per_batch,
        awake=awake,
        hours=hours,
        transfer=transfer,
        transit=transit * settings.gigabytes_per_batch,
    )


def hub(columns: Columns) -> model_pb2.ModelProto:
    """Six variables per node: batches sent and received, grid, harvest, energy sent and drawn; four rows per node."""
    count, settings, rate = len(columns), columns.settings, _rates(columns)
    node = np.arange(count)
    out, into, grid, harvest, sent, drawn = (node + place * count for place in range(6))
    most = np.concatenate(
        [
            settings.maximum_offload_ratio * columns.batches,
            columns.storage_gigabytes / settings.gigabytes_per_batch,
            np.full(count, np.inf),
            columns.harvest_watt_hours,
            columns.maximum_export_ratio * columns.harvest_watt_hours,
            np.full(count, np.inf),
        ]
    )
    cost = np.zeros(6 * count)
    cost[out], cost[grid] = rate.transit, columns.intensity_grams_per_kilowatt_hour / 1000
    moving = rate.ends + rate.awake * rate.transfer
    model = _Rows([], [], [], [], [])
    energy = [
        (node, grid, 1.0),
        (node, harvest, 1.0),
        (node, drawn, columns.pool_efficiency[0]),
        (node, sent, -1.0),
        (node, out, rate.work - moving),
        (node, into, -rate.work - moving),
    ]
    need = rate.fixed + rate.work * columns.batches
    model.add(energy, need, need, count)
    time = [(node, out, rate.transfer - rate.hours), (node, into, rate.transfer + rate.hours)]
    model.add(time, -np.inf, settings.period_hours - rate.hours * columns.batches, count)
    model.add([(node, sent, 1.0), (node, harvest, -1.0)], -np.inf, 0.0, count)
    zero = np.zeros(count, dtype=np.int64)
    model.add([(zero, out, 1.0), (zero, into, -1.0)], 0.0, 0.0, 1)
    model.add([(zero, sent, 1.0), (zero, drawn, -1.0)], 0.0, 0.0, 1)
    return _proto(model, most, cost)


def pairwise(columns: Columns) -> model_pb2.ModelProto:
    """A variable per ordered pair for batches and one for energy, as the problem is usually written down."""
    count, settings, rate = len(columns), columns.settings, _rates(columns)
    node = np.arange(count)
    sender, receiver = (index.ravel() for index in np.meshgrid(node, node, indexing="ij"))
    apart = sender != receiver
    sender, receiver = sender[apart], receiver[apart]
    pairs = len(sender)
    moved, energy = np.arange(pairs), pairs + np.arange(pairs)
    grid, harvest = 2 * pairs + node, 2 * pairs + count + node
    most = np.concatenate([np.full(2 * pairs, np.inf), np.full(count, np.inf), columns.harvest_watt_hours])
    cost = np.concatenate(
        [
            np.full(pairs, rate.transit),
            np.zeros(pairs),
            columns.intensity_grams_per_kilowatt_hour / 1000,
            np.zeros(count),
        ]
    )
    moving = rate.ends + rate.awake * rate.transfer
    model = _Rows([], [], [], [], [])
    need = rate.fixed + rate.work * columns.batches
    balance = [
        (node, grid, 1.0),
        (node, harvest, 1.0),
        (receiver, energy, columns.pool_efficiency[0]),
        (sender, energy, -1.0),
        (sender, moved, (rate.work - moving)[sender]),
        (receiver, moved, (-rate.work - moving)[receiver]),
    ]
    model.add(balance, need, need, count)
    time = [
        (sender, moved, (rate.transfer - rate.hours)[sender]),
        (receiver, moved, (rate.transfer + rate.hours)[receiver]),
    ]
    model.add(time, -np.inf, settings.period_hours - rate.hours * columns.batches, count)
    model.add([(sender, energy, 1.0), (node, harvest, -1.0)], -np.inf, 0.0, count)
    model.add([(sender, energy, 1.0)], -np.inf, columns.maximum_export_ratio * columns.harvest_watt_hours, count)
    model.add([(sender, moved, 1.0)], -np.inf, settings.maximum_offload_ratio * columns.batches, count)
    model.add([(receiver, moved, settings.gigabytes_per_batch)], -np.inf, columns.storage_gigabytes, count)
    return _proto(model, most, cost)


def _proto(model: _Rows, most: Floats, cost: Floats) -> model_pb2.ModelProto:
    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(len(most)))
    proto.variables.lower_bounds.extend(np.zeros(len(most)).tolist())
    proto.variables.upper_bounds.extend(most.tolist())
    proto.variables.integers.extend([False] * len(most))
    priced = np.flatnonzero(cost)
    proto.objective.linear_coefficients.ids.extend(priced.tolist())
    proto.objective.linear_coefficients.values.extend(cost[priced].tolist())
    proto.linear_constraints.ids.extend(range(model.height))
    proto.linear_constraints.lower_bounds.extend(np.concatenate(model.lower).tolist())
    proto.linear_constraints.upper_bounds.extend(np.concatenate(model.upper).tolist())
    rows, columns, values = (np.concatenate(part) for part in (model.rows, model.columns, model.values))
    order = np.lexsort((columns, rows))
    proto.linear_constraint_matrix.row_ids.extend(rows[order].tolist())
    proto.linear_constraint_matrix.column_ids.extend(columns[order].tolist())
    proto.linear_constraint_matrix.coefficients.extend(values[order].tolist())
    return proto
