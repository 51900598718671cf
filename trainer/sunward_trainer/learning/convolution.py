"""The convolutional network of the DETA paper in numpy.

Two 5x5 convolutions (16 and 32 filters, no padding), each with ReLU and 2x2 max pooling, then 120, 84 and the
classes, fully connected. 62 classes give the paper's 90,242 parameters; ten give 85,822.
"""

from typing import Final

import numpy as np

from sunward_trainer.learning.models import Dense, Images, Labels, Layer, Model, Weights
from sunward_trainer.learning.stage import KERNEL, Stage, Tape

_SIDE: Final = 28
_FILTERS: Final = (16, 32)
_FLAT: Final = 4 * 4 * _FILTERS[1]
_CHUNK: Final = 40
"""Samples that go through at once: what they leave for the backward pass stays in a core's cache."""


class Convolutional(Model):
    """Convolve, pool, convolve, pool, then three dense layers."""

    def __init__(self, classes: int) -> None:
        self._head = Dense(_FLAT, 120, 84, classes)
        self._first = Stage(side=_SIDE, channels=1, filters=_FILTERS[0], span=4)
        self._second = Stage(side=self._first.out // 2, channels=_FILTERS[0], filters=_FILTERS[1], span=2)
        stages = ((KERNEL * KERNEL, 16), (16,), (KERNEL * KERNEL * 16, 32), (32,))
        super().__init__((*stages, *self._head.shapes))

    def loss_and_gradient(self, weights: Weights, images: Images, labels: Labels) -> tuple[float, Weights]:
        """As of every model, in parts of `_CHUNK` samples, which are weighted by their samples."""
        loss, gradient = 0.0, np.zeros_like(weights)
        for start in range(0, len(labels), _CHUNK):
            part = slice(start, start + _CHUNK)
            share = len(labels[part]) / len(labels)
            found, slope = super().loss_and_gradient(weights, images[part], labels[part])
            loss += share * found
            gradient += np.float32(share) * slope
        return loss, gradient

    def forward(self, layers: list[Layer], images: Images) -> tuple[Layer, list[Layer]]:
        """Logits, (samples, classes), and the tapes of both stages and of the dense layers, one after another."""
        first = self._first.forward(layers[0], layers[1], images.reshape(-1, _SIDE, _SIDE, 1))
        second = self._second.forward(layers[2], layers[3], first.output)
        logits, inputs = self._head.forward(layers[4:], second.output.reshape(-1, _FLAT))
        return logits, [*first, *second, *inputs]

    def backward(self, layers: list[Layer], tape: list[Layer], upstream: Layer) -> list[Layer]:
        """Gradients in the layers' order: through the head, then each stage from the last to the first.

        `upstream` is the gradient of the logits, (samples, classes).
        """
        first, second, inputs = Tape(*tape[:4]), Tape(*tape[4:8]), tape[8:]
        head = self._head.backward(layers[4:], inputs, upstream)
        flat = self._head.input_gradient(layers[4:], inputs, upstream)
        upper, rows = self._second.backward(second, flat.reshape(second.output.shape))
        lower, _ = self._first.backward(first, self._second.input_gradient(layers[2], rows))
        return [*lower, *upper, *head]
