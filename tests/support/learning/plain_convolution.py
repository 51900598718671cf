"""The convolutional network written plainly: every window copied, ReLU before pooling, the whole batch at once.

What the trainer's own is compared with, for its numbers and for its cost.
"""

from typing import Final

import numpy as np

from sunward_trainer.learning.models import Dense, Images, Layer, Model

KERNEL: Final = 5
SIDE: Final = 28
FLAT: Final = 4 * 4 * 32


class PlainConvolutional(Model):
    """Convolve, pool, convolve, pool, then three dense layers."""

    def __init__(self, classes: int) -> None:
        self._head = Dense(FLAT, 120, 84, classes)
        filters = ((KERNEL * KERNEL, 16), (16,), (KERNEL * KERNEL * 16, 32), (32,))
        super().__init__((*filters, *self._head.shapes))

    def forward(self, layers: list[Layer], images: Images) -> tuple[Layer, list[Layer]]:
        """Logits, (samples, classes), and per stage its patches, its activation and its pooled output.

        Patches are (samples, side, side, 25 * channels), activations and outputs (samples, side, side, channels).
        """
        tape: list[Layer] = []
        value = images.reshape(-1, SIDE, SIDE, 1)
        for filters, bias in (layers[0:2], layers[2:4]):
            patches = _patches(value)
            active = np.maximum(patches @ filters + bias, 0.0)
            value = _pool(active)
            tape += [patches, active, value]
        logits, inputs = self._head.forward(layers[4:], value.reshape(len(value), FLAT))
        return logits, [*tape, *inputs]

    def backward(self, layers: list[Layer], tape: list[Layer], upstream: Layer) -> list[Layer]:
        """Gradients in the layers' order: through the head, then each stage from the last to the first.

        `upstream` is the gradient of the logits, (samples, classes).
        """
        head = self._head.backward(layers[4:], tape[6:], upstream)
        flat = self._head.input_gradient(layers[4:], tape[6:], upstream)
        second, below = _stage_backward(layers[2], tape[3:6], flat.reshape(tape[5].shape), down=True)
        first, _ = _stage_backward(layers[0], tape[0:3], below, down=False)
        return [*first, *second, *head]


def _patches(value: Layer) -> Layer:
    """Every 5x5 window of (samples, side, side, channels) as (samples, out, out, 25 * channels)."""
    windows = np.lib.stride_tricks.sliding_window_view(value, (KERNEL, KERNEL), axis=(1, 2))
    ordered = windows.transpose(0, 1, 2, 4, 5, 3)
    return np.ascontiguousarray(ordered).reshape(*ordered.shape[:3], -1)


def _pool(value: Layer) -> Layer:
    """The largest of each 2x2 square: (samples, side, side, channels) to half of the side."""
    samples, side, _, channels = value.shape
    return np.asarray(value.reshape(samples, side // 2, 2, side // 2, 2, channels).max(axis=(2, 4)))


def _unpool(active: Layer, pooled: Layer, upstream: Layer) -> Layer:
    """Send each gradient to where the maximum was; equal maxima share it."""
    wide = pooled.repeat(2, axis=1).repeat(2, axis=2)
    at_maximum = (active == wide) & (active > 0.0)
    samples, side, _, channels = active.shape
    blocks = at_maximum.reshape(samples, side // 2, 2, side // 2, 2, channels)
    shares = (upstream / np.maximum(blocks.sum(axis=(2, 4)), 1)).astype(upstream.dtype)
    spread = shares.reshape(samples, side // 2, 1, side // 2, 1, channels) * blocks
    return np.asarray(spread.reshape(active.shape))


def _stage_backward(filters: Layer, tape: list[Layer], upstream: Layer, *, down: bool) -> tuple[list[Layer], Layer]:
    """Gradients of a stage's filters and bias, and of its input where `down` asks for it (the first stage has none).

    A convolution is a product of patches and filters here, so that its gradients are products too.
    """
    patches, active, pooled = tape
    inner = _unpool(active, pooled, upstream)
    rows = inner.reshape(-1, inner.shape[-1])
    parts = [patches.reshape(-1, patches.shape[-1]).T @ rows, rows.sum(axis=0)]
    return parts, _fold(inner @ filters.T) if down else inner


def _fold(columns: Layer) -> Layer:
    """Add every window's gradient back to the pixels it came from: the reverse of `_patches`."""
    samples, out, _, width = columns.shape
    channels, side = width // (KERNEL * KERNEL), out + KERNEL - 1
    windows = columns.reshape(samples, out, out, KERNEL, KERNEL, channels)
    value = np.zeros((samples, side, side, channels), dtype=columns.dtype)
    for row in range(KERNEL):
        for column in range(KERNEL):
            value[:, row : row + out, column : column + out] += windows[:, :, :, row, column]
    return value
