"""A planning problem as columns: one array per quantity, one entry per node.

A fleet of a million nodes does not fit in a million objects. This is the same mathematics as `Problem` for the
case that scales: one period, no battery, at most one job, at most one pool per node. It knows arrays only; files
are the business of `columnar_files`, objects that of `columnar_convert`.
"""

import math
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.problem.instance import ProblemError

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Flags = NDArray[np.bool_]
PerNode = NDArray[np.float64]
"""One number for each node, (nodes,), in the order of the problem."""
NodeFlags = NDArray[np.bool_]
"""Whether something holds for each node, (nodes,), in the order of the problem."""
Names = NDArray[np.str_]  # (nodes,)

NO_POOL = -1
"""The pool of a node that belongs to none."""
NODE_FLOATS = (
    "intensity_grams_per_kilowatt_hour",
    "idle_watts",
    "asleep_watts",
    "wake_watt_hours",
    "wake_seconds",
    "harvest_watt_hours",
    "maximum_export_ratio",
    "storage_gigabytes",
    "embodied_grams_per_hour",
    "batches",
    "watt_hours_per_batch",
    "seconds_per_batch",
)
NODE_FLAGS = ("can_sleep", "initially_awake", "can_work", "can_receive")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSettings:
    """What all nodes share: the period, the job, the network and the policy. Units as in the names."""

    period_seconds: float
    harvest_intensity_grams_per_kilowatt_hour: float = 0.0
    gigabytes_per_batch: float = 0.0
    maximum_offload_ratio: float = 0.5
    minimum_workers: int = 0
    minimum_batches_per_worker: float = 0.0
    send_watt_hours_per_gigabyte: float = 0.0
    receive_watt_hours_per_gigabyte: float = 0.0
    seconds_per_gigabyte: float = 0.0
    transit_watt_hours_per_gigabyte: float = 0.0
    transit_intensity_grams_per_kilowatt_hour: float = 0.0
    share_energy: bool = True
    offload_tasks: bool = True
    sleep: bool = True
    partial_period_sleep: bool = True
    surplus_only: bool = False
    maximum_asleep_nodes: int | None = None
    include_embodied: bool = False

    @property
    def period_hours(self) -> float:
        """Length of the period in hours."""
        return self.period_seconds / SECONDS_PER_HOUR

    def checked(self) -> Self:
        """Returns itself; raises `ProblemError` naming the first setting that is out of range."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ProblemError(f"settings.{field.name}", f"must be a finite number >= 0, not {value}")
        if self.period_seconds <= 0:
            raise ProblemError("settings.period_seconds", "must be above 0")
        if self.maximum_offload_ratio > 1:
            raise ProblemError("settings.maximum_offload_ratio", "must be at most 1")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """A single-period problem with one array per quantity, in the order of the nodes. Units as in the names.

    `pool` holds the index of the node's pool in `pool_efficiency`, or `NO_POOL`. `can_work` is false where the
    node has no work rate for the job; its two rates are then ignored. `names` is None when they are not needed.
    """

    settings: ColumnSettings
    intensity_grams_per_kilowatt_hour: PerNode
    idle_watts: PerNode
    asleep_watts: PerNode
    wake_watt_hours: PerNode
    wake_seconds: PerNode
    harvest_watt_hours: PerNode
    maximum_export_ratio: PerNode
    storage_gigabytes: PerNode
    embodied_grams_per_hour: PerNode
    batches: PerNode
    watt_hours_per_batch: PerNode
    seconds_per_batch: PerNode
    can_sleep: NodeFlags
    initially_awake: NodeFlags
    can_work: NodeFlags
    can_receive: NodeFlags
    pool: Integers  # (nodes,)
    pool_efficiency: Floats  # (pools,), delivered over sent energy
    names: Names | None = None

    def __len__(self) -> int:
        return len(self.batches)

    def checked(self) -> Self:
        """Returns itself; raises `ProblemError` naming the first column that is not as the format asks."""
        self.settings.checked()
        for name in NODE_FLOATS:
            _check_floats(name, getattr(self, name), len(self))
        for name in NODE_FLAGS:
            _check_shape(name, getattr(self, name), len(self), np.bool_)
        if self.maximum_export_ratio.max(initial=0.0) > 1:
            raise ProblemError("nodes.maximum_export_ratio", "must be at most 1")
        self._check_pools()
        return self

    def _check_pools(self) -> None:
        _check_shape("pool", self.pool, len(self), np.int32)
        if self.pool.min(initial=NO_POOL) < NO_POOL or self.pool.max(initial=NO_POOL) >= len(self.pool_efficiency):
            last = len(self.pool_efficiency) - 1
            raise ProblemError("nodes.pool", f"must be {NO_POOL} (none) or the index of a pool, at most {last}")
        if not bool(np.all((self.pool_efficiency > 0) & (self.pool_efficiency <= 1))):
            raise ProblemError("pool_efficiency", "must be above 0 and at most 1")


def _check_shape(name: str, column: NDArray[np.generic], count: int, kind: type[np.generic]) -> None:
    if column.shape != (count,):
        raise ProblemError(f"nodes.{name}", f"must have one entry per node ({count}), not shape {column.shape}")
    if column.dtype != kind:
        raise ProblemError(f"nodes.{name}", f"must be of type {kind.__name__}, not {column.dtype}")


def _check_floats(name: str, column: Floats, count: int) -> None:
    _check_shape(name, column, count, np.float64)
    if count and not (np.isfinite(column.max()) and column.min() >= 0):
        raise ProblemError(f"nodes.{name}", "must hold finite numbers >= 0 only")
