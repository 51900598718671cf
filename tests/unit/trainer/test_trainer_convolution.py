"""The convolutional network gives what a plain one gives, at less than two thirds of its processor time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sunward_trainer.learning.convolution import Convolutional
from support.learning.plain_convolution import PlainConvolutional

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]


def a_batch(samples: int, *, levels: int = 256) -> Batch:
    """Images of few grey levels have equal maxima, whose gradient is shared."""
    random = np.random.default_rng(samples)
    images = (random.integers(0, levels, (samples, 784)) / (levels - 1)).astype(np.float32)
    return images, random.integers(0, 10, samples)


@pytest.mark.parametrize("samples", [1, 39, 40, 41, 100])
@pytest.mark.parametrize("levels", [2, 256])
def test_loss_and_gradient_are_those_of_the_plain_network(samples: int, levels: int) -> None:
    own, plain = Convolutional(10), PlainConvolutional(10)
    weights, (images, labels) = plain.initial(3), a_batch(samples, levels=levels)
    loss, gradient = own.loss_and_gradient(weights, images, labels)
    expected, slope = plain.loss_and_gradient(weights, images, labels)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert np.abs(gradient - slope).max() < 1e-5 * max(1.0, float(np.abs(slope).max()))


def test_equal_maxima_share_the_gradient() -> None:
    own, plain = Convolutional(10), PlainConvolutional(10)
    weights, images, labels = own.initial(1), np.full((5, 784), 0.5, dtype=np.float32), np.arange(5)
    _, gradient = own.loss_and_gradient(weights, images, labels)
    _, slope = plain.loss_and_gradient(weights, images, labels)
    assert np.abs(gradient - slope).max() < 1e-5


def test_a_sample_costs_less_than_two_thirds_of_the_plain_networks() -> None:
    """On one thread: more of them wait for each other, and count as busy, whatever the network."""
    folders = os.pathsep.join(str(Path(__file__).parents[3] / name) for name in ("trainer", "tests"))
    surroundings = {**os.environ, "PYTHONPATH": folders, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "support.learning.convolution_cost"]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True, timeout=120)
    own, plain = map(float, done.stdout.split())
    assert own / plain < 2 / 3, f"{own:.1f} ms against {plain:.1f} ms a batch"
