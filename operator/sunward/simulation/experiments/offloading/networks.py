"""A small network with hand-written gradients, and Adam. Checked against finite differences by a test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32] | NDArray[np.float64]
"""Rows of samples, (rows, columns); parameters are (before, after), offsets (after,)."""


@dataclass(slots=True)
class Network:
    """Two hidden layers of rectified units and a linear end; `parameters` are weights and offsets in turn.

    Rows of inputs and outputs are samples. Gradients are those of a sum over rows.
    """

    parameters: list[Matrix]
    _inputs: list[Matrix] = field(default_factory=list)

    @classmethod
    def fresh(
        cls,
        inputs: int,
        outputs: int,
        generator: np.random.Generator,
        *,
        hidden: int = 128,
        kind: type[np.floating] = np.float32,
    ) -> Network:
        """Random weights (He et al. 2015); small ones at the end, so that it begins near zero."""
        widths = (inputs, hidden, hidden, outputs)
        parameters: list[Matrix] = []
        for number, (before, after) in enumerate(itertools.pairwise(widths)):
            scale = 0.01 if number == len(widths) - 2 else np.sqrt(2.0 / before)
            parameters += [
                (scale * generator.standard_normal((before, after))).astype(kind),
                np.zeros(after, dtype=kind),
            ]
        return cls(parameters)

    def forward(self, rows: Matrix) -> Matrix:
        """Outputs; what `backward` needs is kept."""
        self._inputs = [rows]
        last = len(self.parameters) // 2 - 1
        for layer in range(last + 1):
            rows = rows @ self.parameters[2 * layer] + self.parameters[2 * layer + 1]
            if layer < last:
                rows = np.maximum(rows, 0.0)
                self._inputs.append(rows)
        return rows

    def backward(self, slopes: Matrix) -> tuple[list[Matrix], Matrix]:
        """Gradients of the parameters and of the inputs, from those of the outputs of the last `forward`."""
        found: list[Matrix] = []
        for layer in range(len(self.parameters) // 2 - 1, -1, -1):
            inputs = self._inputs[layer]
            found = [inputs.T @ slopes, slopes.sum(axis=0), *found]
            slopes = slopes @ self.parameters[2 * layer].T
            if layer > 0:
                slopes = slopes * (inputs > 0.0)
        return found, slopes

    def kept(self) -> list[Matrix]:
        """What the last `forward` kept, for networks that are run several times before going back."""
        return self._inputs

    def restore(self, kept: list[Matrix]) -> None:
        """Go back to an earlier `forward`."""
        self._inputs = kept


@dataclass(slots=True)
class Adam:
    """Adam (Kingma and Ba 2015) on a list of parameters; the rate is given with each step."""

    parameters: list[Matrix]
    _first: list[Matrix] = field(default_factory=list)
    _second: list[Matrix] = field(default_factory=list)
    _steps: int = 0

    def step(self, gradients: list[Matrix], rate: float) -> None:
        """Move against the gradients."""
        if not self._first:
            self._first = [np.zeros_like(one) for one in self.parameters]
            self._second = [np.zeros_like(one) for one in self.parameters]
        self._steps += 1
        scale = rate * np.sqrt(1.0 - 0.999**self._steps) / (1.0 - 0.9**self._steps)
        for one, slope, first, second in zip(self.parameters, gradients, self._first, self._second, strict=True):
            first += 0.1 * (slope - first)
            second += 0.001 * (slope * slope - second)
            one -= (scale * first / (np.sqrt(second) + 1e-8)).astype(one.dtype)
