"""What can be learned from Table I's eighteen rows: fits of energy, mean intensities, and the time they imply.

Two numbers per model (what training costs however many share it, and what each worker adds). Energies pass through
the simulator's physics as the busy time that they imply. Knows nothing of claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.simulation.experiments.paper import REGIONS, TABLE_ONE, Cell, Model
from sunward.simulation.world import Inputs, NodeModel, NodeState, step

BUSY_RATIO = 0.9
"""Share of the run in which a worker trains; it exchanges models for the rest (see `session`)."""
_WORKER = NodeModel(idle_watts=2.7, busy_watts=6.4, asleep_watts=0.0, boot_watts=4.5, boot_seconds=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """kilowatt_hours = base + per_unit * units, by least squares, with the share of variance explained."""

    base: float
    per_unit: float
    r_squared: float

    def at(self, units: float) -> float:
        """Energy at this many units, kilowatt-hours."""
        return self.base + self.per_unit * units


def linear_fit(units: Sequence[float], kilowatt_hours: Sequence[float]) -> Fit:
    """Least squares over pairs (`units`, `kilowatt_hours`), one per row; needs two different units or more."""
    x, y = np.asarray(units, dtype=float), np.asarray(kilowatt_hours, dtype=float)
    per_unit, base = np.polyfit(x, y, 1)
    residual = float(((y - base - per_unit * x) ** 2).sum())
    spread = float(((y - y.mean()) ** 2).sum())
    return Fit(base=float(base), per_unit=float(per_unit), r_squared=1.0 - residual / spread)


def workers_fit(model: Model) -> Fit:
    """The fit over rows with two workers or more; the one-server run has no coordinator and is left out."""
    cells = [cell for cell in TABLE_ONE if cell.model is model and cell.workers >= 2]
    return linear_fit([cell.workers for cell in cells], [cell.kilowatt_hours for cell in cells])


def servers_fit(model: Model) -> Fit:
    """The fit over all six rows in the number of servers, as the paper's "linear" suggests."""
    cells = [cell for cell in TABLE_ONE if cell.model is model]
    return linear_fit([cell.servers for cell in cells], [cell.kilowatt_hours for cell in cells])


def mean_intensity(servers: int) -> float:
    """Mean g/kWh of the servers: cleanest regions first, coordinator in the cleanest one as well, equal energy each."""
    cleanest = list(REGIONS.values())
    if servers == 1:
        return cleanest[0]
    return (cleanest[0] + sum(cleanest[: servers - 1])) / servers


def simulated_kilowatt_hours(cell: Cell) -> float:
    """The cell's fitted energy as the physics integrates it: every worker busy for the time it implies."""
    wanted = workers_fit(cell.model).at(cell.workers)
    watts = _WORKER.draw_watts(NodeState().power, BUSY_RATIO)
    seconds = wanted * WATT_HOURS_PER_KILOWATT_HOUR / cell.workers / watts * SECONDS_PER_HOUR
    state = step(_WORKER, NodeState(), Inputs(busy_ratio=BUSY_RATIO), seconds)
    return cell.workers * state.flows.load / WATT_HOURS_PER_KILOWATT_HOUR


def idle_watt_hours(cell: Cell) -> float:
    """What one of the cell's servers draws idle over the run that the cell's energy implies at the assumed board."""
    share = _WORKER.idle_watts / _WORKER.draw_watts(NodeState().power, BUSY_RATIO)
    return cell.kilowatt_hours * WATT_HOURS_PER_KILOWATT_HOUR / cell.servers * share


def quadratic_share(model: Model) -> tuple[float, float]:
    """The second-degree coefficient (kWh per server squared) over all six rows, and the R² with it."""
    cells = [cell for cell in TABLE_ONE if cell.model is model]
    x, y = np.array([c.servers for c in cells], dtype=float), np.array([c.kilowatt_hours for c in cells])
    shape = np.polyfit(x, y, 2)
    residual = float(((y - np.polyval(shape, x)) ** 2).sum())
    return float(shape[0]), 1.0 - residual / float(((y - y.mean()) ** 2).sum())


def busy_seconds(cell: Cell) -> float:
    """How long each worker is busy with training if the cell's fitted energy is that of boards at the assumed power."""
    watts = _WORKER.draw_watts(NodeState().power, BUSY_RATIO)
    return (
        workers_fit(cell.model).at(cell.workers)
        * WATT_HOURS_PER_KILOWATT_HOUR
        / cell.workers
        / watts
        * SECONDS_PER_HOUR
        * BUSY_RATIO
    )
