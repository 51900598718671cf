"""The digits of scikit-learn, divided among partitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits


def load_data(partition: int, partitions: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Images and labels of one partition, (samples, 64) and (samples,)."""
    images, labels = load_digits(return_X_y=True)
    return images[partition::partitions] / 16.0, labels[partition::partitions].astype(np.int64)
