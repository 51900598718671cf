"""Figures that people compare systems by, each from its definition, with what is left out of it named.

Pure; every function takes plain numbers or ledgers and says what it returns when there is nothing to measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from sunward.accounting.ledger import LedgerRow, PeriodLedger
from sunward.accounting.values import ZoneFactor
from sunward.domain.amounts import require_amount
from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import Basis
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareIntensity:
    """SCI = (O + M) / R of ISO/IEC 21031: operational and embodied grams per functional unit.

    O is location-based by the standard's own rule: contracts do not lower it, wires do. One functional unit here is one
    training run to its target, or one inference; the caller says which in `unit`.
    """

    operational_grams: float
    embodied_grams: float
    functional_units: float
    unit: str

    def __post_init__(self) -> None:
        require_amount("operational_grams", self.operational_grams)
        require_amount("embodied_grams", self.embodied_grams)
        require_amount("functional_units", self.functional_units)
        if self.functional_units == 0.0:
            raise InvalidInput("functional_units", "must be above zero")

    @property
    def grams_per_unit(self) -> float:
        """The score; lower is better, zero only without energy and hardware."""
        return (self.operational_grams + self.embodied_grams) / self.functional_units

    @property
    def embodied_share(self) -> float | None:
        """M / (O + M): how much of the score is the making of hardware; None where there is nothing at all."""
        whole = self.operational_grams + self.embodied_grams
        return self.embodied_grams / whole if whole > 0.0 else None


def software_intensity(
    ledgers: Sequence[PeriodLedger], *, functional_units: float, unit: str
) -> SoftwareIntensity | None:
    """The SCI of what the ledgers hold; None while some of its grams are not known, or no unit is done."""
    operational = total_grams(ledger.totals.location_grams for ledger in ledgers)
    embodied = total_grams(ledger.totals.embodied_grams for ledger in ledgers)
    if operational is None or embodied is None or functional_units <= 0.0:
        return None
    return SoftwareIntensity(
        operational_grams=operational, embodied_grams=embodied, functional_units=functional_units, unit=unit
    )


def total_grams(grams: Iterable[float | None]) -> float | None:
    """The sum; None as soon as one of them is not known."""
    found = tuple(grams)
    return None if None in found else fsum(value for value in found if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Load of one hour in one zone, the carbon-free energy matched to it, and the carbon-free share of the grid."""

    load_watt_hours: float
    matched_watt_hours: float
    grid_share: float

    def __post_init__(self) -> None:
        require_amount("load_watt_hours", self.load_watt_hours)
        require_amount("matched_watt_hours", self.matched_watt_hours)
        if not 0.0 <= self.grid_share <= 1.0:
            raise InvalidInput("grid_share", f"{self.grid_share} is outside [0, 1]")


def carbon_free_energy_score(hours: Iterable[Hour]) -> float | None:
    """24/7 score: sum of min(L, G) + max(0, L - G) * share of the grid, over sum of L; None without load.

    Matched hour by hour and zone by zone: an hour's surplus helps no other hour.
    """
    known = tuple(hours)
    load = fsum(hour.load_watt_hours for hour in known)
    if load <= 0.0:
        return None
    matched = (
        min(hour.load_watt_hours, hour.matched_watt_hours)
        + max(0.0, hour.load_watt_hours - hour.matched_watt_hours) * hour.grid_share
        for hour in known
    )
    return fsum(matched) / load


def jain_fairness(values: Sequence[float]) -> float | None:
    """(sum x)^2 / (n * sum x^2): 1 when all are equal, 1/n when one has all; None when there is nothing to share.

    Jain, Chiu and Hawe, A quantitative measure of fairness, DEC TR-301, 1984. Raises InvalidInput for negative values.
    """
    for value in values:
        require_amount("values", value)
    highest = max(values, default=0.0)
    if highest <= 0.0:
        return None
    scaled = [value / highest for value in values]  # squares of tiny numbers would vanish
    return fsum(scaled) ** 2 / (len(scaled) * fsum(value**2 for value in scaled))


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestUse:
    """Where harvest went, as shares that add up to 1."""

    used: float
    stored: float
    sent: float
    curtailed: float

    @property
    def utilisation(self) -> float:
        """Everything but what was curtailed."""
        return self.used + self.stored + self.sent


def harvest_use(rows: Iterable[LedgerRow]) -> HarvestUse | None:
    """Shares of the harvest over all rows; None without harvest."""
    known = tuple(rows)
    whole = fsum(row.harvest_watt_hours for row in known)
    if whole <= 0.0:
        return None
    return HarvestUse(
        used=fsum(row.harvest_used_watt_hours for row in known) / whole,
        stored=fsum(row.harvest_stored_watt_hours for row in known) / whole,
        sent=fsum(row.harvest_sent_watt_hours for row in known) / whole,
        curtailed=fsum(row.harvest_curtailed_watt_hours for row in known) / whole,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """Energy that nodes gave to each other, over wires and on paper, never added up (Wh)."""

    sent_physical_watt_hours: float
    received_physical_watt_hours: float
    sent_contractual_watt_hours: float
    received_contractual_watt_hours: float
    lost_watt_hours: float


def transferred(rows: Iterable[LedgerRow]) -> Transferred:
    """Sums over all rows, column by column."""
    known = tuple(rows)
    return Transferred(**{name: fsum(getattr(row, name) for row in known) for name in Transferred.__slots__})


def makespan_stretch(actual_hours: float, baseline_hours: float) -> float:
    """How many times as long a job took as under the baseline; below 1 it was faster.

    Raises InvalidInput for a negative time or a baseline that took none.
    """
    require_amount("actual_hours", actual_hours)
    require_amount("baseline_hours", baseline_hours)
    if baseline_hours == 0.0:
        raise InvalidInput("baseline_hours", "must be above zero")
    return actual_hours / baseline_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """The same energy at intensities of another basis. Kept apart from the ledger's own grams, never added to them."""

    basis: Basis
    grams: float | None


def repriced(ledger: PeriodLedger, factors: Iterable[ZoneFactor]) -> Repriced:
    """Location-based grams of a ledger's grid energy under other factors (marginal ones, say).

    Energy in transit is left out, because no zone is known for it. Grams are None when a node with grid energy has no
    factor or was not measured. Raises InvalidInput when the factors are of different bases, or none is given.
    """
    by_zone: Mapping[str, ZoneFactor] = {factor.grid_zone: factor for factor in factors}
    bases = {factor.basis for factor in by_zone.values()}
    if len(bases) != 1:
        raise InvalidInput("factors", f"have {len(bases)} bases, one expected")
    needed = [row for row in ledger.rows if row.grid_import_watt_hours > 0.0]
    unknown = bool(ledger.missing) or any(row.grid_zone not in by_zone for row in needed)
    grams = (
        row.grid_import_watt_hours * by_zone[row.grid_zone].grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
        for row in needed
    )
    return Repriced(basis=bases.pop(), grams=None if unknown else fsum(grams))


@dataclass(frozen=True, slots=True, kw_only=True)
class BothSignals:
    """One account's location-based grams under its own signal and under another, energy in transit left out."""

    own: Repriced
    other: Repriced


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderBoth:
    """One measure's location-based saving under the accounts' own signal and under another; they are never added."""

    own_grams: float
    other_grams: float

    @property
    def contradict(self) -> bool:
        """Whether it saves under one and harms under the other: then neither may be quoted alone."""
        return self.own_grams * self.other_grams < 0.0


def under_both_signals(baseline: BothSignals, actual: BothSignals) -> UnderBoth | None:
    """A saving under the accounts' own signal and under another (marginal intensities, say), from the same periods.

    Energy in transit is left out of all four, because it has no zone. None as soon as one of them is not known.
    Raises InvalidInput where the bases of the two sides differ.
    """
    own, other = _difference(baseline.own, actual.own), _difference(baseline.other, actual.other)
    return None if own is None or other is None else UnderBoth(own_grams=own, other_grams=other)


def _difference(baseline: Repriced, actual: Repriced) -> float | None:
    if baseline.basis != actual.basis:
        raise InvalidInput("actual", f"is priced {actual.basis}, the baseline {baseline.basis}")
    return None if baseline.grams is None or actual.grams is None else baseline.grams - actual.grams
