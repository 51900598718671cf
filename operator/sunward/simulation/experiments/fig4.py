"""Fig. 4: emissions by lifecycle stage against servers and against target accuracy.

Development follows the number of rounds that an accuracy needs, by a law fitted to a recorded training; the
other stages do not depend on it. The paper prints no amounts for preparation and application, so those rest
on named assumptions, and only shapes are claimed.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from sunward.simulation.experiments.paper import TRAINING_SAMPLES, Model
from sunward.simulation.experiments.result import Claim, Figure, Level, Line, Result, Row, Table
from sunward.simulation.experiments.table1 import mean_intensity, workers_fit

_SERVERS = tuple(range(3, 12))
_TARGETS = (0.92, 0.94, 0.95, 0.96, 0.97, 0.975)
_PAPER_TARGET = 0.975
_SAMPLE_BYTES = 784
_NETWORK_KILOWATT_HOURS_PER_GIGABYTE = 0.004
_ENDPOINT_KILOWATT_HOURS_PER_GIGABYTE = 0.001
_INGEST_MEGABYTES_PER_SECOND = 2.0
_IDLE_WATTS = 2.7
_MODEL_GIGABYTES = 159_010 * 4 / 1e9
_TRAINING_SHARE_OF_LIFE = 0.15
"""Training is 10 to 20 % of a model's energy, the rest serves (the paper's own citation)."""

STAGES: Final = ("preparation", "development", "application")


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


def fig4() -> Result:
    """Stages for the MLP; the law's fit is shown beside the recording."""
    law = fitted_law()
    return Result(
        name="fig4",
        title="Fig. 4: lifecycle stages against servers and target accuracy",
        settings={"model": "MLP", "training_share_of_life": _TRAINING_SHARE_OF_LIFE},
        claims=(_growth_claim(), _share_claim(), _fit_claim(law)),
        tables=(_stage_table(),),
        figures=(_servers_figure(), _accuracy_figure(), _law_figure(law)),
    )


@cache
def recorded_curve() -> tuple[float, ...]:
    """Test accuracy after each round of a federated training (see `data/README.md`)."""
    text = files("sunward.simulation").joinpath("data", "accuracy-fedavg-mlp.csv").read_text(encoding="utf-8")
    return tuple(float(row["accuracy"]) for row in csv.DictReader(text.splitlines()))


@cache
def fitted_law() -> ErrorLaw:
    """Least squares on logarithms for each ceiling of a grid; the ceiling that fits best in accuracy wins."""
    accuracy = np.array(recorded_curve())
    rounds = np.arange(1, len(accuracy) + 1)
    fits = []
    for ceiling in np.linspace(accuracy.max() + 0.0005, accuracy.max() + 0.02, 60):
        slope, intercept = np.polyfit(np.log(rounds), np.log(ceiling - accuracy), 1)
        law = ErrorLaw(ceiling=float(ceiling), scale=float(np.exp(intercept)), exponent=float(-slope))
        misfit = float(((law.ceiling - law.scale * rounds**-law.exponent - accuracy) ** 2).sum())
        fits.append((misfit, law))
    return min(fits, key=lambda fit: fit[0])[1]


def stage_grams(servers: int, accuracy: float) -> dict[str, float]:
    """Grams of each stage; all are proportional to the mean intensity of where the servers stand."""
    grams = mean_intensity(servers)
    return {stage: energy * grams for stage, energy in stage_kilowatt_hours(servers, accuracy).items()}


def stage_kilowatt_hours(servers: int, accuracy: float) -> dict[str, float]:
    """Energy of each stage. Table I's energy holds at 97.5 %; other targets take other numbers of rounds."""
    gigabytes = TRAINING_SAMPLES * _SAMPLE_BYTES / 1e9
    per_gigabyte = _NETWORK_KILOWATT_HOURS_PER_GIGABYTE + 2 * _ENDPOINT_KILOWATT_HOURS_PER_GIGABYTE
    ingest_hours = gigabytes * 1000.0 / _INGEST_MEGABYTES_PER_SECOND / 3600.0
    law = fitted_law()
    development = workers_fit(Model.MLP).at(servers - 1) * law.rounds(accuracy) / law.rounds(_PAPER_TARGET)
    return {
        "preparation": gigabytes * per_gigabyte + ingest_hours * _IDLE_WATTS / 1000.0,
        "development": development,
        "application": _serving_kilowatt_hours() + servers * _MODEL_GIGABYTES * per_gigabyte,
    }


def _serving_kilowatt_hours() -> float:
    """One fixed number of inferences: what makes training 15 % of the two at ten workers and 97.5 %."""
    return workers_fit(Model.MLP).at(10) * (1.0 - _TRAINING_SHARE_OF_LIFE) / _TRAINING_SHARE_OF_LIFE


def development_share(servers: int, accuracy: float) -> float:
    """Share of development in the three stages' emissions."""
    grams = stage_grams(servers, accuracy)
    return grams["development"] / sum(grams.values())


def _growth_claim() -> Claim:
    grown = all(
        stage_grams(later, _PAPER_TARGET)[stage] > stage_grams(later - 1, _PAPER_TARGET)[stage]
        for later in _SERVERS[1:]
        for stage in STAGES
    )
    return Claim(
        name="Every stage emits more with more servers",
        paper="carbon of each stage increases with the number of servers",
        ours="in each of preparation, development and application",
        level=Level.SHAPE,
        holds=grown,
        note="preparation and application take the same energy; they grow because later servers stand on dirtier grids",
    )


def _share_claim() -> Claim:
    shares = [development_share(11, target) for target in _TARGETS]
    return Claim(
        name="Higher accuracy, larger share of development",
        paper="development's share grows with the target accuracy",
        ours=", ".join(f"{t:.1%}: {s:.1%}" for t, s in zip(_TARGETS, shares, strict=True)),
        level=Level.SHAPE,
        holds=shares == sorted(shares),
        note="for a fixed number of inferences; training is assumed to be 15 % of training and serving at 97.5 %",
    )


def _fit_claim(law: ErrorLaw) -> Claim:
    curve = recorded_curve()
    worst = max(abs(law.accuracy(k + 1) - value) for k, value in enumerate(curve) if k >= 4)
    return Claim(
        name="Rounds follow a power law of the remaining error",
        paper=None,
        ours=f"accuracy = {law.ceiling:.3f} - {law.scale:.3f} R^-{law.exponent:.2f}; "
        f"{law.rounds(_PAPER_TARGET):.0f} rounds to 97.5 %; largest error {100 * worst:.2f} points after round 5",
        level=Level.DATA,
        holds=worst < 0.01,
        note="one recorded training of a 159,010-parameter MLP; another seed moves the rounds by some percent",
    )


def _stage_table() -> Table:
    rows: list[Row] = []
    for servers in _SERVERS:
        grams = stage_grams(servers, _PAPER_TARGET)
        rows.append((servers, *(round(grams[stage], 4) for stage in STAGES)))
    return Table(
        name="stages",
        title="Grams CO2e per stage at 97.5 %",
        header=("servers", *(f"{stage} g" for stage in STAGES)),
        rows=tuple(rows),
    )


def _lines(x: Sequence[float], grams: Sequence[dict[str, float]]) -> tuple[Line, ...]:
    return tuple(Line(label=stage, x=tuple(x), y=tuple(g[stage] for g in grams)) for stage in STAGES)


def _servers_figure() -> Figure:
    return Figure(
        name="stages-servers",
        title="Stages against servers, accuracy 97.5 %",
        x_label="servers (workers and coordinator)",
        y_label="emissions (g CO2e)",
        lines=_lines([float(n) for n in _SERVERS], [stage_grams(n, _PAPER_TARGET) for n in _SERVERS]),
        log_y=True,
    )


def _accuracy_figure() -> Figure:
    return Figure(
        name="stages-accuracy",
        title="Stages against target accuracy, 11 servers",
        x_label="target accuracy (%)",
        y_label="emissions (g CO2e)",
        lines=_lines([100 * t for t in _TARGETS], [stage_grams(11, t) for t in _TARGETS]),
        log_y=True,
    )


def _law_figure(law: ErrorLaw) -> Figure:
    curve = recorded_curve()
    x = tuple(float(k + 1) for k in range(len(curve)))
    return Figure(
        name="error-law",
        title="Accuracy of a recorded federated training",
        x_label="rounds",
        y_label="test accuracy (%)",
        lines=(
            Line(label="recorded", x=x, y=tuple(100 * value for value in curve)),
            Line(label="law", x=x, y=tuple(100 * law.accuracy(k) for k in x)),
        ),
    )
