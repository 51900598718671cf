"""Sending an intermediate or finished picture: rate, time, energy and grams of a bandwidth and a power.

The paper prints no equation, parameter or reward for its case study. This is a reconstruction from its text (one user,
one server with renewable energy, bandwidth and power are chosen, the grams of one task are the less the better) with
standard forms: Shannon's rate, an affine transmitter, bandwidth that stays reserved for the whole slot. Arrays are
columns, one entry a state; units stand in the names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
"""One entry a state: (entries,)."""

NOISE_WATTS_PER_HERTZ: Final = 3.2e-20
"""-174 dBm/Hz of thermal noise with a noise figure of 9 dB."""
AMPLIFIER_EFFICIENCY: Final = 0.35
CIRCUIT_WATTS: Final = 0.1
RESERVED_WATTS_PER_HERTZ: Final = 3.0e-8
"""What a reserved hertz costs the base station for as long as the slot lasts: 30 mW/MHz."""
LEAST_HERTZ: Final = 1.0e6
MOST_HERTZ: Final = 20.0e6
LEAST_WATTS: Final = 1.0e-3
MOST_WATTS: Final = 1.0
LATE: Final = 1.0e-9
"""Relative rounding within which a transmission is in time: a sixth of the optima lie 1e-15 behind the limit."""
JOULES_PER_KILOWATT_HOUR: Final = 3.6e6
_DROWNED: Final = 0.9
"""States whose best transmission takes more of its slot than this are drawn again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Joules and seconds of one denoising step at the server and at the user, and the steps of a whole picture."""

    server_joules: float = 5.0
    server_seconds: float = 0.05
    user_joules: float = 2.5
    user_seconds: float = 0.25
    steps: int = 20


DECLARED: Final = Profile()
"""The prototype's devices: declared, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """From where states are drawn: distance (m), result (bit), slot for sending (s), server's grid (g/kWh)."""

    metres: tuple[float, float] = (50.0, 400.0)
    bits: tuple[float, float] = (1.0e6, 16.0e6)
    slot_seconds: tuple[float, float] = (0.2, 1.5)
    grams: tuple[float, float] = (20.0, 700.0)


INSIDE: Final = Ranges()
OUTSIDE: Final = {
    "distance 400-500 m": replace(INSIDE, metres=(400.0, 500.0)),
    "result 16-22 Mbit": replace(INSIDE, bits=(16.0e6, 22.0e6)),
    "intensity 700-1100 g/kWh": replace(INSIDE, grams=(700.0, 1100.0)),
}
"""Ranges that no training has seen, by what is new in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Tasks to send: channel gain, bits, seconds left for sending, and grams per kilowatt-hour at the server."""

    gain: Column
    bits: Column
    slot_seconds: Column
    grams_per_kilowatt_hour: Column

    def __len__(self) -> int:
        """How many."""
        return len(self.gain)

    def rows(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> States:
        """Some of them: places or a mask, (entries,)."""
        return States(
            gain=self.gain[which],
            bits=self.bits[which],
            slot_seconds=self.slot_seconds[which],
            grams_per_kilowatt_hour=self.grams_per_kilowatt_hour[which],
        )


def draw(count: int, generator: np.random.Generator, ranges: Ranges = INSIDE) -> States:
    """States that can be sent in time."""
    found: list[States] = []
    missing = count
    while missing > 0:
        states = _drawn(max(64, 2 * missing), generator, ranges)
        fastest = seconds(states, np.full(len(states), MOST_HERTZ), np.full(len(states), MOST_WATTS))
        kept = states.rows(np.flatnonzero(fastest <= _DROWNED * states.slot_seconds)[:missing])
        found.append(kept)
        missing -= len(kept)
    return joined(found)


def _drawn(count: int, generator: np.random.Generator, ranges: Ranges) -> States:
    loss_decibels = 30.5 + 36.7 * np.log10(generator.uniform(*ranges.metres, count))
    fading = np.maximum(generator.exponential(1.0, count), 0.02)
    return States(
        gain=10.0 ** (-loss_decibels / 10.0) * fading,
        bits=generator.uniform(*ranges.bits, count),
        slot_seconds=generator.uniform(*ranges.slot_seconds, count),
        grams_per_kilowatt_hour=generator.uniform(*ranges.grams, count),
    )


def joined(parts: list[States]) -> States:
    """Several as one."""
    return States(
        gain=np.concatenate([part.gain for part in parts]),
        bits=np.concatenate([part.bits for part in parts]),
        slot_seconds=np.concatenate([part.slot_seconds for part in parts]),
        grams_per_kilowatt_hour=np.concatenate([part.grams_per_kilowatt_hour for part in parts]),
    )


def signal_ratio(states: States, hertz: Column, watts: Column) -> Column:
    """Received signal over noise."""
    return watts * states.gain / (NOISE_WATTS_PER_HERTZ * hertz)


def seconds(states: States, hertz: Column, watts: Column) -> Column:
    """Time to send: bits over Shannon's rate."""
    rate: Column = hertz * np.log1p(signal_ratio(states, hertz, watts)) / np.log(2.0)
    return states.bits / rate


def joules(states: States, hertz: Column, watts: Column) -> Column:
    """Energy to send: the transmitter while it sends, and the reserved bandwidth for the whole slot."""
    sending = (watts / AMPLIFIER_EFFICIENCY + CIRCUIT_WATTS) * seconds(states, hertz, watts)
    return sending + RESERVED_WATTS_PER_HERTZ * hertz * states.slot_seconds


def grams(states: States, energy_joules: Column) -> Column:
    """Emissions of an energy at the server's grid."""
    return states.grams_per_kilowatt_hour * energy_joules / JOULES_PER_KILOWATT_HOUR


def is_in_time(states: States, hertz: Column, watts: Column) -> NDArray[np.bool_]:
    """Whether a transmission ends within its slot, up to rounding, (entries,)."""
    in_time: NDArray[np.bool_] = seconds(states, hertz, watts) <= states.slot_seconds * (1.0 + LATE)
    return in_time


def latency_watts(states: States, hertz: Column) -> Column:
    """The least power that is in time; infinite where no power is."""
    with np.errstate(over="ignore"):
        needed: Column = np.expm1(np.log(2.0) * states.bits / (hertz * states.slot_seconds))
        return NOISE_WATTS_PER_HERTZ * hertz / states.gain * needed


def repaired(states: States, hertz: Column, watts: Column) -> tuple[Column, Column]:
    """The same choice, made to be in time: more power, and where that is not enough all bandwidth."""
    enough = latency_watts(states, hertz) <= MOST_WATTS
    wide = np.where(enough, hertz, MOST_HERTZ)
    return wide, np.clip(np.maximum(watts, latency_watts(states, wide)), LEAST_WATTS, MOST_WATTS)
