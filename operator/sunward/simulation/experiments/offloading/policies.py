"""Two policies with their gradients: a squashed network and a diffusion model."""

from __future__ import annotations

from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading.acting import ACTIONS, FEATURES
from sunward.simulation.experiments.offloading.networks import Matrix, Network

STEPS: Final = 5
"""Denoising steps from noise to an action."""


class Plain:
    """A network whose end is squashed."""

    def __init__(self, generator: np.random.Generator) -> None:
        """Begins in the middle of both ranges."""
        self.network = Network.fresh(FEATURES, ACTIONS, generator)
        self._squashed: Matrix = np.zeros((0, ACTIONS), dtype=np.float32)

    def actions(self, rows: Matrix) -> Matrix:
        """Actions for rows of features."""
        self._squashed = np.tanh(self.network.forward(rows))
        return self._squashed

    def gradients(self, slopes: Matrix) -> list[Matrix]:
        """Gradients of the parameters from those of the last actions."""
        return self.network.backward(slopes * (1.0 - self._squashed**2))[0]


class Diffusion:
    """A diffusion policy: five steps from noise to an action, each by one network that knows the step."""

    def __init__(self, generator: np.random.Generator) -> None:
        """The schedule keeps the variance (Song et al. 2021), as in the paper's sources."""
        self.network = Network.fresh(FEATURES + ACTIONS + STEPS, ACTIONS, generator)
        step = np.arange(1, STEPS + 1)
        self.keep = np.exp(-0.1 / STEPS - 4.95 * (2 * step - 1) / STEPS**2).astype(np.float32)
        self.kept = np.cumprod(self.keep)
        self._generator = generator
        self._path: list[tuple[int, list[Matrix], Matrix]] = []
        self._squashed: Matrix = np.zeros((0, ACTIONS), dtype=np.float32)

    def actions(self, rows: Matrix) -> Matrix:
        """Actions without chance: from the middle of the noise, with none added."""
        return self.sampled(rows, noise=0.0)

    def sampled(self, rows: Matrix, *, noise: float) -> Matrix:
        """Actions after all steps; `noise` scales the draws."""
        point = self._draws(rows, noise)
        self._path = []
        for step in range(STEPS - 1, -1, -1):
            guess = self.network.forward(self.inputs(rows, point, step))
            clean = (point - np.sqrt(1.0 - self.kept[step]) * guess) / np.sqrt(self.kept[step])
            self._path.append((step, self.network.kept(), np.abs(clean) < 1.0))
            point = self._before(point, np.clip(clean, -1.0, 1.0), step)
            if step > 0 and noise > 0.0:
                point = point + self._deviation(step) * self._draws(rows, noise)
        return point

    def inputs(self, rows: Matrix, point: Matrix, step: int) -> Matrix:
        """What the network sees at a step."""
        marks = np.zeros((len(rows), STEPS), dtype=rows.dtype)
        marks[:, step] = 1.0
        seen: Matrix = np.concatenate([rows, point, marks], axis=1)
        return seen

    def _draws(self, rows: Matrix, noise: float) -> Matrix:
        scale = noise * self._generator.standard_normal((len(rows), ACTIONS)) if noise > 0.0 else 0.0
        drawn: Matrix = np.zeros((len(rows), ACTIONS), dtype=rows.dtype)
        drawn[:] = scale
        return drawn

    def _weights(self, step: int) -> tuple[float, float]:
        """How much of the guessed end and of the present point the mean of the step before has (Ho et al. 2020)."""
        before = float(self.kept[step - 1]) if step > 0 else 1.0
        rest = 1.0 - float(self.kept[step])
        clean = np.sqrt(before) * (1.0 - float(self.keep[step])) / rest
        return float(clean), float(np.sqrt(self.keep[step]) * (1.0 - before) / rest)

    def _before(self, point: Matrix, clean: Matrix, step: int) -> Matrix:
        of_clean, of_point = self._weights(step)
        return of_clean * clean + of_point * point

    def _deviation(self, step: int) -> float:
        before, rest = float(self.kept[step - 1]), 1.0 - float(self.kept[step])
        return float(np.sqrt((1.0 - before) / rest * (1.0 - float(self.keep[step]))))

    def gradients(self, slopes: Matrix) -> list[Matrix]:
        """Gradients of the parameters from those of the last actions, back through all steps."""
        found: list[Matrix] = []
        for step, kept, inside in reversed(self._path):
            of_clean, of_point = self._weights(step)
            of_guess = -np.sqrt((1.0 - self.kept[step]) / self.kept[step])
            clean = slopes * of_clean * inside
            self.network.restore(kept)
            parameters, inputs = self.network.backward(clean * of_guess)
            found = [one + other for one, other in zip(found, parameters, strict=True)] if found else parameters
            through = inputs[:, FEATURES : FEATURES + ACTIONS]
            slopes = slopes * of_point + clean / np.sqrt(self.kept[step]) + through
        return found
