"""Facts printed in the paper, and public facts that stand in for what it does not print.

Paper: "Towards Net-Zero Carbon Emissions in Network AI for 6G and Beyond" (DETA), arXiv 2401.01007,
doi 10.1109/MCOM.003.2300175. Knows nothing of how the numbers are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Model(StrEnum):
    """The three models that the paper trains."""

    MLP = "MLP"
    CNN = "CNN"
    LSTM = "LSTM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of Table I."""

    model: Model
    servers: int
    batch_size: int
    kilowatt_hours: float
    grams: float

    @property
    def workers(self) -> int:
        """Servers that train: all but the coordinator, which the paper counts as one from two servers on."""
        return max(1, self.servers - 1)

    @property
    def intensity(self) -> float:
        """Implied intensity in grams per kilowatt-hour."""
        return self.grams / self.kilowatt_hours


def _cells(model: Model, *rows: tuple[int, int, float, float]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            model=model,
            servers=servers,
            batch_size=batch_size,
            kilowatt_hours=kilowatt_hours,
            grams=grams,
        )
        for servers, batch_size, kilowatt_hours, grams in rows
    )


TABLE_ONE: Final = (
    *_cells(
        Model.MLP,
        (1, 1200, 0.0034, 0.08),
        (3, 600, 0.0041, 0.10),
        (5, 300, 0.0059, 0.21),
        (7, 200, 0.0074, 1.11),
        (9, 150, 0.0083, 1.99),
        (11, 120, 0.0086, 2.83),
    ),
    *_cells(
        Model.CNN,
        (1, 1200, 0.0110, 0.26),
        (3, 600, 0.0120, 0.29),
        (5, 300, 0.0141, 0.49),
        (7, 200, 0.0163, 2.07),
        (9, 150, 0.0196, 3.93),
        (11, 120, 0.0240, 6.07),
    ),
    *_cells(
        Model.LSTM,
        (1, 300, 1.8460, 40.0),
        (3, 300, 5.0605, 120.0),
        (5, 300, 7.6385, 260.0),
        (7, 300, 9.5800, 1200.0),
        (9, 300, 12.0307, 2600.0),
        (11, 300, 14.0039, 4300.0),
    ),
)
"""Table I: model, servers, mini-batch B, energy, emissions (the LSTM's are printed in thousands)."""

TRAINING_SAMPLES: Final = 60_000
LOCAL_EPOCHS: Final = 50
IMPACT_KILOWATT_HOURS: Final = 50.29
IMPACT_GRAMS: Final = 29_270.0
REDUCTION_PERCENT: Final = 74.9
"""The headline: emissions cut by DETA at ten servers, as printed."""

REGIONS: Final = {
    "US-SCL": 24.0,
    "US-CHPD": 25.4,
    "US-GCPD": 41.2,
    "US-TPWR": 64.3,
    "US-TVA": 364.6,
    "US-FPL": 403.5,
    "US-SOCO": 466.4,
    "US-MISO": 565.6,
    "US-PSCO": 613.7,
    "US-NWMT": 690.0,
}
"""Ten balancing authorities, cleanest first: annual means of 2021, grams per kilowatt-hour, life cycle,
consumption-based, as recorded by the Electricity Maps contributors (config/zones/US-*.yaml, June 2023).

The paper does not name its ten regions. These reproduce the intensities that Table I implies; they were
selected to do so, so they are a plausible set and not the authors' list.
"""

MEAN_INTENSITY: Final = sum(REGIONS.values()) / len(REGIONS)

REGIONS_2016: Final = (24.0, 24.0, 24.0, 24.0, 344.1, 387.9, 479.5, 608.6, 625.1, 753.8)
"""The same ten authorities in 2016, for the sensitivity of the result to the year."""

STATES_2016: Final = (25.8, 84.8, 138.7, 205.3, 210.5, 285.5, 368.0, 476.1, 666.0, 765.5)
"""VT, WA, OR, CA, NY, SC, IL, TX, CO and MO in eGRID 2016, as codecarbon ships them: another plausible set."""
