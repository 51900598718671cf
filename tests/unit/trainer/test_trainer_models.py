"""The models: how many parameters they have, and that their gradients are the gradients of their losses."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.models import Model


@pytest.mark.parametrize(
    ("name", "classes", "parameters"),
    [
        ("mnist-mlp", 10, 159_010),  # the paper's
        ("mnist-cnn", 62, 90_242),  # the paper's, which needs the 62 classes of FEMNIST
        ("mnist-cnn", 10, 85_822),
        ("mnist-softmax", 10, 7_850),
    ],
)
def test_a_model_has_the_stated_number_of_parameters(name: str, classes: int, parameters: int) -> None:
    model = build_model(name, classes)
    assert model.parameters == parameters
    assert model.initial(1).shape == (parameters,)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no model 'lstm'; known: mnist-softmax, mnist-mlp, mnist-cnn"):
        build_model("lstm")


def _loss(model: Model, weights: NDArray[np.float64], images: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean cross entropy, written independently of the model's own."""
    logits, _ = model.forward(model.layers(weights), images)  # type: ignore[arg-type]
    rows = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(rows).sum(axis=1)) - rows[np.arange(len(labels)), labels]))


@pytest.mark.parametrize("name", ["mnist-softmax", "mnist-mlp", "mnist-cnn"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_gradient_is_the_slope_of_the_loss(name: str, seed: int) -> None:
    """Central differences in float64 along the axes of every layer and along random directions."""
    random, model = np.random.default_rng(seed), build_model(name, 10)
    weights = model.initial(seed).astype(np.float64) + random.normal(0, 0.02, model.parameters)
    images, labels = random.random((6, 784)), random.integers(0, 10, 6)
    loss, gradient = model.loss_and_gradient(weights, images, labels)  # type: ignore[arg-type]
    assert loss == pytest.approx(_loss(model, weights, images, labels), rel=1e-9)

    ends = np.cumsum([int(np.prod(shape)) for shape in model.shapes])
    axes = [np.eye(1, model.parameters, int(random.integers(end - 5, end))).ravel() for end in ends]
    directions = [*axes, *random.normal(size=(6, model.parameters))]
    for direction in directions:
        # Short steps: the loss has kinks where a ReLU or a maximum switches.
        step = 1e-6 * direction / np.linalg.norm(direction)
        slope = (_loss(model, weights + step, images, labels) - _loss(model, weights - step, images, labels)) / 2e-6
        assert float(gradient @ step) * 1e6 == pytest.approx(slope, rel=2e-4, abs=1e-7)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    model = build_model("mnist-mlp")
    assert model.initial(5).tobytes() == model.initial(5).tobytes()
    assert model.initial(5).tobytes() != model.initial(6).tobytes()


def test_training_stays_in_single_precision() -> None:
    model, random = build_model("mnist-cnn"), np.random.default_rng(0)
    _, gradient = model.loss_and_gradient(
        model.initial(0), random.random((3, 784), dtype=np.float32), np.array([1, 2, 3])
    )
    assert gradient.dtype == np.float32


def test_a_vector_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="7850 parameters"):
        build_model("mnist-softmax").layers(np.zeros(10, dtype=np.float32))


def test_accuracy_counts_every_image_once_whatever_the_chunk() -> None:
    model = build_model("mnist-softmax")
    weights = np.zeros(model.parameters, dtype=np.float32)
    model.layers(weights)[1][3] = 1.0  # always answers class 3
    images, labels = np.zeros((7, 784), dtype=np.float32), np.array([3, 3, 3, 0, 1, 2, 3])
    for chunk in (1, 2, 7, 100):
        assert model.accuracy_percent(weights, images, labels, chunk=chunk) == pytest.approx(100 * 4 / 7)
    with pytest.raises(ValueError, match="no images"):
        model.accuracy_percent(weights, images[:0], labels[:0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_a_model_whose_answers_are_no_numbers_has_no_accuracy(bad: float) -> None:
    model = build_model("mnist-mlp")
    weights = model.initial(0)
    weights[:] = bad
    with pytest.raises(FloatingPointError, match="not finite"):
        model.accuracy_percent(weights, np.ones((3, 784), dtype=np.float32), np.zeros(3, dtype=np.int64))
