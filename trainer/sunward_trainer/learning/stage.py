"""One stage of a convolutional network in numpy: convolve, pool, ReLU, and its gradients.

A convolution is a product of windows and filters. Windows that overlap are copies of the same pixels, and to copy them
takes longer than to multiply them: here a window covers several neighbouring outputs at once and is multiplied by a
band of shifted filters, so that fewer numbers are copied, and the product is wider, for some products with zero.
ReLU and the bias come after pooling, which gives the same maxima from a quarter of the numbers.
"""

from typing import Final, NamedTuple

import numpy as np

from sunward_trainer.learning.models import Layer

KERNEL: Final = 5
_CORNERS: Final = ((0, 0), (0, 1), (1, 0), (1, 1))


class Tape(NamedTuple):
    """What the backward pass needs: a row of pixels for each window, the convolution's output, its maxima, and these
    with the bias and after ReLU, which are the stage's output. Channels are filters here.
    """

    windows: Layer  # (rows, columns)
    convolved: Layer  # (samples, side, side, channels)
    pooled: Layer  # (samples, side, side, channels), half of the side
    output: Layer  # (samples, side, side, channels), likewise


class Stage:
    """5x5 filters without padding, each followed by 2x2 max pooling and ReLU.

    `side` and `channels` are those of the input, `span` how many outputs of a row share a window; it divides
    `side` - 4. Filters are (25 * channels, filters).
    """

    def __init__(self, *, side: int, channels: int, filters: int, span: int) -> None:
        self.side, self.channels, self.filters, self.span = side, channels, filters, span
        self.out = side - KERNEL + 1
        self._reach = KERNEL + span - 1
        self._strips = self.out // span

    def forward(self, filters: Layer, bias: Layer, value: Layer) -> Tape:
        """From (samples, side, side, channels) to an output of (samples, out / 2, out / 2, filters)."""
        windows = self._windows(value)
        convolved = (windows @ self._band(filters)).reshape(len(value), self.out, self.out, self.filters)
        pooled = _pool(convolved)
        return Tape(windows, convolved, pooled, np.maximum(pooled + bias, 0.0))

    def backward(self, tape: Tape, upstream: Layer) -> tuple[list[Layer], Layer]:
        """Gradients of filters and bias, and that of the convolution, (rows, columns), with a row for each window.

        `upstream` is the gradient of the output, (samples, side, side, channels).
        """
        active = upstream * (tape.output > 0.0)
        rows = _unpool(tape, active).reshape(len(tape.windows), -1)
        return [self._unband(tape.windows.T @ rows), active.sum(axis=(0, 1, 2))], rows

    def input_gradient(self, filters: Layer, rows: Layer) -> Layer:
        """Add every window's gradient back to the pixels that it came from: (samples, side, side, channels)."""
        columns = (rows @ self._band(filters).T).reshape(
            -1, self.out, self._strips, KERNEL, self._reach * self.channels
        )
        value = np.zeros((len(columns), self.side, self.side * self.channels), dtype=columns.dtype)
        for strip in range(self._strips):
            first = strip * self.span * self.channels
            for row in range(KERNEL):
                value[:, row : row + self.out, first : first + columns.shape[-1]] += columns[:, :, strip, row]
        return value.reshape(-1, self.side, self.side, self.channels)

    def _windows(self, value: Layer) -> Layer:
        """Every window of 5 rows and `_reach` columns, as a row."""
        value = np.ascontiguousarray(value)
        sample, row, column, number = value.strides
        shape = (len(value), self.out, self._strips, KERNEL, self._reach * self.channels)
        strides = (sample, row, column * self.span, row, number)
        view = np.lib.stride_tricks.as_strided(value, shape, strides, writeable=False)
        return view.reshape(len(value) * self.out * self._strips, -1)

    def _band(self, filters: Layer) -> Layer:
        """The filters at every place that they have in a window: (5 * reach * channels, span * filters)."""
        shape = (KERNEL, self._reach, self.channels, self.span, self.filters)
        band = np.zeros(shape, dtype=filters.dtype)
        for place in range(self.span):
            band[:, place : place + KERNEL, :, place] = filters.reshape(KERNEL, KERNEL, self.channels, self.filters)
        return band.reshape(-1, self.span * self.filters)

    def _unband(self, gradient: Layer) -> Layer:
        """The gradient of the filters from that of the band: each is there `span` times."""
        band = gradient.reshape(KERNEL, self._reach, self.channels, self.span, self.filters)
        parts = np.stack([band[:, place : place + KERNEL, :, place] for place in range(self.span)])
        return np.asarray(parts.sum(axis=0).reshape(-1, self.filters))


def _pool(value: Layer) -> Layer:
    """The largest of each 2x2 square: (samples, side, side, channels) to half of the side."""
    first, *others = (value[:, row::2, column::2] for row, column in _CORNERS)
    largest = np.maximum(first, others[0])
    for other in others[1:]:
        np.maximum(largest, other, out=largest)
    return largest


def _unpool(tape: Tape, upstream: Layer) -> Layer:
    """Send each gradient to where the maximum was; equal maxima share it."""
    at_maximum = [tape.convolved[:, row::2, column::2] == tape.pooled for row, column in _CORNERS]
    count = np.sum(at_maximum, axis=0, dtype=upstream.dtype)
    share = upstream / np.maximum(count, 1.0)
    spread = np.empty_like(tape.convolved)
    for (row, column), here in zip(_CORNERS, at_maximum, strict=True):
        np.multiply(share, here, out=spread[:, row::2, column::2])
    return spread
