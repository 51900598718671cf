"""How accuracy grows with rounds: recorded trainings, and a law fitted to them.

A law is accuracy(R) = ceiling - scale * R ** -exponent. Its doubt is that of one recording: the residuals are drawn
again in blocks, because neighbouring rounds resemble each other (Künsch 1989). Knows nothing of energy.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunward.simulation.experiments.statistics import Estimate

_CEILINGS: Final = 60
_LEAST_ABOVE: Final = 0.0005
_MOST_ABOVE: Final = 0.02
"""Ceilings are sought this far above the highest accuracy seen; below it the logarithm does not exist."""
_BLOCK: Final = 10
"""Rounds that are drawn together, so that a resample keeps how neighbouring rounds resemble each other."""
_DRAWS: Final = 200
_STREAM: Final = 20_240_102


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLaw:
    """accuracy(R) = ceiling - scale * R ** -exponent."""

    ceiling: float
    scale: float
    exponent: float

    def rounds(self, accuracy: float) -> float:
        """Rounds that an accuracy needs; raises ValueError at or above the ceiling."""
        if not accuracy < self.ceiling:
            raise ValueError(f"accuracy {accuracy} is not below the ceiling {self.ceiling:.4f}")
        return float((self.scale / (self.ceiling - accuracy)) ** (1.0 / self.exponent))

    def accuracy(self, rounds: float) -> float:
        """Accuracy after this many rounds."""
        return float(self.ceiling - self.scale * rounds**-self.exponent)


class Recording(StrEnum):
    """Federated trainings that were recorded (see `data/README.md`): what a round is in each."""

    STEPS = "accuracy-fedavg-mlp.csv"  # 50 steps, one pass over the local data
    EPOCHS = "accuracy-fedavg-mlp-epochs.csv"  # 50 passes


@cache
def recorded_curve(recording: Recording = Recording.STEPS) -> tuple[float, ...]:
    """Test accuracy, from 0 to 1, after each round: (rounds,), the first entry after one round."""
    text = files("sunward.simulation").joinpath("data", recording).read_text(encoding="utf-8")
    return tuple(float(row["accuracy"]) for row in csv.DictReader(text.splitlines()))


def first_round(accuracy: float, recording: Recording) -> int:
    """The first round, from one, after which a recording had this accuracy. Raises ValueError if it never did."""
    for number, value in enumerate(recorded_curve(recording), start=1):
        if value >= accuracy:
            return number
    raise ValueError(f"{recording} never reaches {accuracy}")


@cache
def fitted_law() -> ErrorLaw:
    """The law of the recorded training."""
    return _fit(np.array(recorded_curve()))


@cache
def resampled_laws() -> tuple[ErrorLaw, ...]:
    """Laws of recordings that could have been: the fitted curve and the recording's residuals, blocks redrawn."""
    accuracy, law = np.array(recorded_curve()), fitted_law()
    smooth = np.array([law.accuracy(k + 1.0) for k in range(len(accuracy))])
    generator = np.random.default_rng(_STREAM)
    blocks = len(accuracy) // _BLOCK
    starts = generator.integers(0, len(accuracy) - _BLOCK + 1, size=(_DRAWS, blocks))
    rows = (starts[:, :, None] + np.arange(_BLOCK)).reshape(_DRAWS, blocks * _BLOCK)
    return tuple(_fit(smooth[: blocks * _BLOCK] + (accuracy - smooth)[row]) for row in rows)


def relative_rounds(accuracy: float, reference: float) -> Estimate:
    """Rounds to an accuracy over rounds to a reference, with the doubt of the recording."""
    value = fitted_law().rounds(accuracy) / fitted_law().rounds(reference)
    ceiling = max(accuracy, reference)
    drawn = [law.rounds(accuracy) / law.rounds(reference) for law in resampled_laws() if law.ceiling > ceiling]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value=value, low=float(low), high=float(high), count=1)


def rounds_to(accuracy: float) -> Estimate:
    """Rounds to an accuracy, with the doubt of the recording."""
    drawn = [law.rounds(accuracy) for law in resampled_laws() if law.ceiling > accuracy]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value=fitted_law().rounds(accuracy), low=float(low), high=float(high), count=1)


def _fit(accuracy: NDArray[np.float64]) -> ErrorLaw:
    """The law of an accuracy curve, (rounds,): a line on logarithms for each ceiling of a grid, the best of them.

    For a given ceiling the law is linear in logarithms; ceilings are compared by their squared error in accuracy,
    because the logarithm would weigh the last rounds most.
    """
    rounds = np.arange(1, len(accuracy) + 1)
    fits = []
    for ceiling in np.linspace(accuracy.max() + _LEAST_ABOVE, accuracy.max() + _MOST_ABOVE, _CEILINGS):
        slope, intercept = np.polyfit(np.log(rounds), np.log(ceiling - accuracy), 1)
        law = ErrorLaw(ceiling=float(ceiling), scale=float(np.exp(intercept)), exponent=float(-slope))
        misfit = float(((law.ceiling - law.scale * rounds**-law.exponent - accuracy) ** 2).sum())
        fits.append((misfit, law))
    return min(fits, key=lambda fit: fit[0])[1]
