"""The models that a job can name."""

from collections.abc import Callable
from typing import Final

from sunward_trainer.learning.convolution import Convolutional
from sunward_trainer.learning.models import PIXELS, Dense, Model

MODELS: Final[dict[str, Callable[[int], Model]]] = {
    "mnist-softmax": lambda classes: Dense(PIXELS, classes),
    "mnist-mlp": lambda classes: Dense(PIXELS, 200, classes),
    "mnist-cnn": Convolutional,
}


def build_model(name: str, classes: int = 10) -> Model:
    """The model of that name for that many classes. Raises ValueError naming the known ones."""
    if name not in MODELS:
        raise ValueError(f"no model {name!r}; known: {', '.join(MODELS)}")
    return MODELS[name](classes)
