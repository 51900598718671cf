"""Softmax regression in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Weights = list[NDArray[np.float64]]


def initial() -> Weights:
    """Weights and biases of ten classes."""
    return [np.zeros((64, 10)), np.zeros(10)]


def logits(weights: Weights, images: NDArray[np.float64]) -> NDArray[np.float64]:
    """One row per image."""
    return np.asarray(images @ weights[0] + weights[1])


def train(
    weights: Weights, images: NDArray[np.float64], labels: NDArray[np.int64], epochs: int, rate: float
) -> Weights:
    """Batches of 32 in order, so that the same start gives the same end."""
    weights = [part.copy() for part in weights]
    for _ in range(epochs):
        for start in range(0, len(labels), 32):
            x, y = images[start : start + 32], labels[start : start + 32]
            scores = np.exp(logits(weights, x) - logits(weights, x).max(axis=1, keepdims=True))
            error = scores / scores.sum(axis=1, keepdims=True)
            error[np.arange(len(y)), y] -= 1.0
            weights[0] -= rate * x.T @ error / len(y)
            weights[1] -= rate * error.mean(axis=0)
    return weights


def accuracy(weights: Weights, images: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Share of images whose most likely class is their label."""
    return float((logits(weights, images).argmax(axis=1) == labels).mean())
