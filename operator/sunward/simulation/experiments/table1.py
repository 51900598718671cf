"""Table I: its energies from a line in the number of workers, its emissions from ten real regions.

The paper prints one run per cell and no times, so only two numbers per model (what training costs however
many share it, and what each worker adds) can be learned from it; both fits are shown with every error. The
energies then pass through the simulator's physics, as the busy time that they imply.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sunward.simulation.experiments.paper import (
    IMPACT_GRAMS,
    IMPACT_KILOWATT_HOURS,
    LOCAL_EPOCHS,
    REGIONS,
    TABLE_ONE,
    TRAINING_SAMPLES,
    Cell,
    Model,
)
from sunward.simulation.experiments.result import Claim, Level, Result, Row, Table
from sunward.simulation.world import Inputs, NodeModel, NodeState, step

_BUSY_RATIO = 0.9
_WORKER = NodeModel(idle_watts=2.7, busy_watts=6.4, asleep_watts=0.0, boot_watts=4.5, boot_seconds=0.0)
_ENERGY_LIMITS = {Model.MLP: 12.5, Model.CNN: 6.5, Model.LSTM: 3.5}
_EMISSIONS_LIMIT_RMS = 7.15
"""Published fits are 12, 6, 3 and 7.1 %; half a unit of the last digit is allowed for rounding."""


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
    """Least squares; needs two different units or more."""
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
    """Cleanest regions first, coordinator in the cleanest one as well, equal energy each."""
    cleanest = list(REGIONS.values())
    if servers == 1:
        return cleanest[0]
    return (cleanest[0] + sum(cleanest[: servers - 1])) / servers


def simulated_kilowatt_hours(cell: Cell) -> float:
    """The cell's fitted energy as the physics integrates it: every worker busy for the time it implies."""
    wanted = workers_fit(cell.model).at(cell.workers)
    watts = _WORKER.draw_watts(NodeState().power, _BUSY_RATIO)
    seconds = wanted * 1000.0 / cell.workers / watts * 3600.0
    state = step(_WORKER, NodeState(), Inputs(busy_ratio=_BUSY_RATIO), seconds)
    return cell.workers * state.flows.load / 1000.0


def table1() -> Result:
    """All eighteen rows beside the paper's, both fits, and what the mini-batch column reveals."""
    return Result(
        name="table1",
        title="Table I: energy and emissions by number of servers",
        settings={"regions": REGIONS, "busy_ratio": _BUSY_RATIO},
        claims=(*_energy_claims(), _emissions_claim(), _counting_claim(), _steps_claim(), _impact_claim()),
        tables=(_rows_table(), _fits_table()),
    )


def energy_error_percent(cell: Cell) -> float:
    """Signed error of the simulated energy."""
    return 100.0 * (simulated_kilowatt_hours(cell) / cell.kilowatt_hours - 1.0)


def emissions_error_percent(cell: Cell) -> float:
    """Signed error of the printed energy times the regions' mean intensity."""
    return 100.0 * (cell.kilowatt_hours * mean_intensity(cell.servers) / cell.grams - 1.0)


def emissions_rms_percent() -> float:
    """Root mean square of the logarithms of ours over theirs: doubling and halving weigh the same."""
    logarithms = (math.log1p(emissions_error_percent(cell) / 100.0) for cell in TABLE_ONE)
    return 100.0 * math.sqrt(sum(value**2 for value in logarithms) / len(TABLE_ONE))


def _energy_claims() -> tuple[Claim, ...]:
    claims = []
    for model in Model:
        cells = [cell for cell in TABLE_ONE if cell.model is model and cell.workers >= 2]
        worst = max(abs(energy_error_percent(cell)) for cell in cells)
        claims.append(
            Claim(
                name=f"{model} energy grows linearly with servers",
                paper="increases linearly",
                ours=f"largest error {worst:.1f} % over n >= 3, R² {workers_fit(model).r_squared:.3f}",
                level=Level.DATA,
                holds=worst <= _ENERGY_LIMITS[model],
                note="one printed run per cell and no repetition: the fit cannot be tested further",
            )
        )
    return tuple(claims)


def _emissions_claim() -> Claim:
    rms = emissions_rms_percent()
    return Claim(
        name="Emissions follow from energies and ten real regions",
        paper="ten regions across the USA, not named",
        ours=f"{rms:.1f} % RMS (of logarithms) over 18 rows",
        level=Level.DATA,
        holds=rms <= _EMISSIONS_LIMIT_RMS,
        note="the ten regions were selected to match: plausible, not the authors' list; "
        "the three models disagree among themselves at n >= 7, which no single placement explains",
    )


def _counting_claim() -> Claim:
    exact = all(
        cell.batch_size == 1200 // cell.workers
        for cell in TABLE_ONE
        if cell.model is not Model.LSTM and cell.servers >= 3
    )
    return Claim(
        name="Servers count the coordinator",
        paper="ten Raspberry Pis, rows up to 11",
        ours="B = 1200 / (n - 1) in every MNIST row with n >= 3",
        level=Level.DATA,
        holds=exact,
        note="n servers are n - 1 workers and the coordinator",
    )


def _steps_claim() -> Claim:
    steps = {TRAINING_SAMPLES / (c.workers * c.batch_size) for c in TABLE_ONE if c.model is not Model.LSTM}
    return Claim(
        name="E = 50 are steps, not epochs",
        paper=f"local epochs E = {LOCAL_EPOCHS}",
        ours=f"a pass over the local data is {', '.join(f'{s:.0f}' for s in sorted(steps))} steps in every MNIST row",
        level=Level.DATA,
        holds=steps == {float(LOCAL_EPOCHS)},
        note=f"read as epochs, a round would be {LOCAL_EPOCHS * LOCAL_EPOCHS} steps; both readings can be simulated",
    )


def _impact_claim() -> Claim:
    total = sum(cell.kilowatt_hours for cell in TABLE_ONE)
    return Claim(
        name="The impact statement is the sum of the table",
        paper=f"{IMPACT_KILOWATT_HOURS} kWh, {IMPACT_GRAMS / 1000:.2f} kg",
        ours=f"{total:.4f} kWh; {IMPACT_GRAMS / IMPACT_KILOWATT_HOURS:.0f} g/kWh there, "
        f"{sum(cell.grams for cell in TABLE_ONE) / total:.0f} g/kWh in the table",
        level=Level.DATA,
        holds=abs(total - IMPACT_KILOWATT_HOURS) < 0.005,
        note="the same energy is 29.27 kg on China's grid and 8.5 kg on the table's American grids",
    )


def _rows_table() -> Table:
    return Table(
        name="rows",
        title="Eighteen rows: the paper's, ours and the error of each",
        header=(
            "model",
            "servers",
            "B",
            "paper kWh",
            "ours kWh",
            "error %",
            "paper g",
            "ours g",
            "error % ",
            "implied g/kWh",
            "ours g/kWh",
        ),
        rows=tuple(_row(cell) for cell in TABLE_ONE),
    )


def _row(cell: Cell) -> Row:
    return (
        str(cell.model),
        cell.servers,
        cell.batch_size,
        cell.kilowatt_hours,
        round(simulated_kilowatt_hours(cell), 5),
        round(energy_error_percent(cell), 1),
        cell.grams,
        round(cell.kilowatt_hours * mean_intensity(cell.servers), 3),
        round(emissions_error_percent(cell), 1),
        round(cell.intensity, 1),
        round(mean_intensity(cell.servers), 1),
    )


def _fits_table() -> Table:
    rows: list[Row] = []
    for model in Model:
        for name, fit in (("workers, n >= 3", workers_fit(model)), ("servers, all n", servers_fit(model))):
            rows.append((str(model), name, round(fit.base, 5), round(fit.per_unit, 5), round(fit.r_squared, 3)))
    return Table(
        name="fits",
        title="Energy = base + slope x units (the static share cannot be told from the table: no times are printed)",
        header=("model", "units", "base kWh", "slope kWh", "R²"),
        rows=tuple(rows),
    )
