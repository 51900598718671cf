"""Small classifiers in numpy: forward pass, gradient, and a flat vector of weights.

The weights are one float32 vector, so that averaging, checkpoints and messages need to know nothing of layers.
This module knows no data set, no federation and no clock.
"""

import itertools
from abc import ABC, abstractmethod
from typing import Final

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]  # (parameters,), every layer's entries one after another
Images = NDArray[np.float32]  # (samples, 784), grey levels from 0 to 1
Labels = NDArray[np.int64]  # (samples,), classes counted from 0
Layer = NDArray[np.float32]
"""A layer's parameters, or one row per sample of what a layer takes or gives: each function says which."""

PIXELS: Final = 28 * 28
_LEAST_PROBABILITY: Final = 1e-12
"""A float32 softmax can give 0 to the true class; its logarithm would make the loss infinite."""


class Model(ABC):
    """A classifier whose parameters are views into one flat vector.

    `shapes` are those of its layers in order: per layer its matrix, inputs by outputs, and its bias.
    """

    def __init__(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        self.shapes = shapes
        self.parameters = sum(int(np.prod(shape)) for shape in shapes)

    def layers(self, weights: Weights) -> list[Layer]:
        """The layers as views of `weights`, (parameters,), each in its own shape: writing to one writes the vector.

        Raises ValueError when the vector has another length.
        """
        if weights.shape != (self.parameters,):
            raise ValueError(f"the model has {self.parameters} parameters, the vector {weights.shape}")
        views, start = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            views.append(weights[start : start + size].reshape(shape))
            start += size
        return views

    def initial(self, seed: int) -> Weights:
        """Normal weights of variance 2 / inputs and zero biases, the same for the same seed: (parameters,).

        He et al., Delving deep into rectifiers, 2015: with ReLU this keeps the scale from layer to layer.
        """
        random = np.random.default_rng(seed)
        weights = np.zeros(self.parameters, dtype=np.float32)
        for layer in self.layers(weights):
            if layer.ndim > 1:
                inputs = int(np.prod(layer.shape[:-1]))
                layer[...] = random.standard_normal(layer.shape) * np.sqrt(2.0 / inputs)
        return weights

    def loss_and_gradient(self, weights: Weights, images: Images, labels: Labels) -> tuple[float, Weights]:
        """Mean cross entropy in nats, and its gradient by the weights, (parameters,).

        `images` is (samples, 784), `labels` (samples,).
        """
        layers = self.layers(weights)
        logits, tape = self.forward(layers, images)
        probabilities = _softmax(logits)
        rows = np.arange(len(labels))
        loss = float(-np.log(np.maximum(probabilities[rows, labels], _LEAST_PROBABILITY)).mean())
        probabilities[rows, labels] -= 1.0  # softmax and cross entropy together: the gradient is p - y
        probabilities /= len(labels)
        parts = self.backward(layers, tape, probabilities)
        return loss, np.concatenate([part.ravel() for part in parts])

    def accuracy_percent(
        self, weights: Weights, images: Images, labels: Labels, chunk: int = 1000, *, finite: bool = True
    ) -> float:
        """Share of the images, (samples, 784), whose most likely class is their label, (samples,).

        `chunk` images are evaluated at once, which bounds the memory. Raises ValueError without images, and
        FloatingPointError when a logit is not finite; without `finite`, numpy's choice among such logits counts.
        """
        if not len(labels):
            raise ValueError("no images to evaluate")
        layers, right = self.layers(weights), 0
        for start in range(0, len(labels), chunk):
            with np.errstate(over="ignore", invalid="ignore"):
                logits, _ = self.forward(layers, images[start : start + chunk])
            if finite and not bool(np.isfinite(logits).all()):
                raise FloatingPointError("the model's answers are not finite numbers")
            right += int((logits.argmax(axis=1) == labels[start : start + chunk]).sum())
        return 100.0 * right / len(labels)

    @abstractmethod
    def forward(self, layers: list[Layer], images: Images) -> tuple[Layer, list[Layer]]:
        """Logits, (samples, classes), and what the backward pass needs."""

    @abstractmethod
    def backward(self, layers: list[Layer], tape: list[Layer], upstream: Layer) -> list[Layer]:
        """Gradient of each layer, in the layers' order and shapes, from that of the logits, (samples, classes)."""


class Dense(Model):
    """Fully connected layers with ReLU between them; no hidden layer makes it softmax regression."""

    def __init__(self, *widths: int) -> None:
        shapes: list[tuple[int, ...]] = []
        for inputs, outputs in itertools.pairwise(widths):
            shapes += [(inputs, outputs), (outputs,)]
        super().__init__(tuple(shapes))

    def forward(self, layers: list[Layer], images: Images) -> tuple[Layer, list[Layer]]:
        """Logits, (samples, classes), and the input of every layer, one row per sample."""
        inputs = [images]
        for index in range(0, len(layers), 2):
            value = inputs[-1] @ layers[index] + layers[index + 1]
            inputs.append(value if index + 2 == len(layers) else np.maximum(value, 0.0))
        return inputs[-1], inputs[:-1]

    def backward(self, layers: list[Layer], tape: list[Layer], upstream: Layer) -> list[Layer]:
        """Gradients in the layers' order, found from the last layer to the first.

        `upstream` is the gradient of the logits, (samples, classes), `tape` the input of every layer.
        """
        parts: list[Layer] = []
        for index in range(len(layers) - 2, -1, -2):
            value = tape[index // 2]
            parts = [value.T @ upstream, upstream.sum(axis=0), *parts]
            if index:
                upstream = (upstream @ layers[index].T) * (value > 0.0)
        return parts

    def input_gradient(self, layers: list[Layer], tape: list[Layer], upstream: Layer) -> Layer:
        """Gradient of the network's own input, one row per sample, for a network that stands on top of another.

        `upstream` is the gradient of the logits, (samples, classes), `tape` the input of every layer.
        """
        for index in range(len(layers) - 2, 0, -2):
            upstream = (upstream @ layers[index].T) * (tape[index // 2] > 0.0)
        return upstream @ layers[0].T


def _softmax(logits: Layer) -> Layer:
    """Probabilities, a row per sample; the largest logit is taken off first, so that no exponential overflows."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
