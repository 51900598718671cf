"""How good forecasts were: errors of expectations against what happened. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt

import numpy as np

from sunward.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastError:
    """Errors of one set of forecasts, in the unit of the values.

    `bias` is positive when too much was expected. `skill` is 1 - RMSE / RMSE of the reference: 0 is no better than it,
    1 perfect, negative worse; None without a reference or when the reference was perfect (Marquez and Coimbra,
    Proposed metric for evaluation of solar forecasting models, Journal of Solar Energy Engineering 135, 2013).
    """

    count: int
    mean_absolute: float
    root_mean_square: float
    bias: float
    skill: float | None


def evaluate(
    actual: Sequence[float], expected: Sequence[float], reference: Sequence[float] | None = None
) -> ForecastError:
    """Compare forecasts with what happened, and with a reference forecast where one is given.

    All three hold one value per period, (periods,), in the same unit and order.
    Raises InvalidInput for sequences of different lengths, empty ones, or values that are not finite.
    """
    true = _checked("actual", actual, len(actual))
    errors = _checked("expected", expected, len(actual)) - true
    rmse = float(np.sqrt(np.mean(errors**2)))
    skill = None
    if reference is not None:
        worse = float(np.sqrt(np.mean((_checked("reference", reference, len(actual)) - true) ** 2)))
        skill = 1.0 - rmse / worse if worse > 0.0 else None
    return ForecastError(
        count=len(actual),
        mean_absolute=float(np.mean(np.abs(errors))),
        root_mean_square=rmse,
        bias=float(np.mean(errors)),
        skill=skill,
    )


def continuous_ranked_probability(actual: float, mean: float, spread: float) -> float:
    """CRPS of a normal forecast, in the unit of the values; lower is better, for no spread it is the absolute error.

    `spread` is the standard deviation. Closed form: Gneiting, Raftery, Westveld and Goldman, Calibrated probabilistic
    forecasting using ensemble model output statistics and minimum CRPS estimation, Monthly Weather Review 133, 2005.
    """
    if spread <= 0.0:
        return abs(actual - mean)
    z = (actual - mean) / spread
    density = exp(-z * z / 2.0) / sqrt(2.0 * pi)
    return spread * (z * erf(z / sqrt(2.0)) + 2.0 * density - 1.0 / sqrt(pi))


def _checked(name: str, values: Sequence[float], length: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(array) == 0 or len(array) != length:
        raise InvalidInput(name, f"has {len(array)} values, {max(length, 1)} expected")
    if not bool(np.isfinite(array).all()):
        raise InvalidInput(name, "holds a value that is not finite")
    return array
