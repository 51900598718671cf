"""Prints the milliseconds of processor time that a batch of 120 takes: the trainer's network, and the plain one.

The least of several turns of both, because other processes lengthen single ones.
"""

from __future__ import annotations

import time

import numpy as np

from sunward_trainer.learning.convolution import Convolutional
from sunward_trainer.learning.models import Model
from support.learning.plain_convolution import PlainConvolutional

TURNS = 8


def seconds(model: Model) -> float:
    """Processor time of one batch, in all threads."""
    random = np.random.default_rng(0)
    images, labels = random.random((120, 784), dtype=np.float32), random.integers(0, 10, 120)
    weights, begun = model.initial(0), time.process_time()
    model.loss_and_gradient(weights, images, labels)
    return time.process_time() - begun


if __name__ == "__main__":
    turns = [(seconds(Convolutional(10)), seconds(PlainConvolutional(10))) for _ in range(TURNS)]
    print(*(1000 * min(times) for times in zip(*turns, strict=True)))
