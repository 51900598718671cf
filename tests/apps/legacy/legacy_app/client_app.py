"""The ClientApp of the old style."""

from __future__ import annotations

from typing import Any

import numpy as np
from flwr.app import Context
from flwr.client import Client, NumPyClient
from flwr.clientapp import ClientApp

from legacy_app import softmax
from legacy_app.data import load_data


class Digits(NumPyClient):
    """One partition."""

    def __init__(self, partition: int, partitions: int, rate: float) -> None:
        self.images, self.labels = load_data(partition, partitions)
        self.rate = rate

    def fit(self, parameters: list[np.ndarray], config: dict[str, Any]) -> tuple[list[np.ndarray], int, dict[str, Any]]:
        """Train."""
        return softmax.train(parameters, self.images, self.labels, 1, self.rate), len(self.labels), {}

    def evaluate(self, parameters: list[np.ndarray], config: dict[str, Any]) -> tuple[float, int, dict[str, Any]]:
        """Evaluate."""
        share = softmax.accuracy(parameters, self.images, self.labels)
        return 1.0 - share, len(self.labels), {"accuracy": share}


def client_fn(context: Context) -> Client:
    """The client of a node."""
    node = context.node_config
    rate = float(context.run_config["learning-rate"])
    return Digits(int(node["partition-id"]), int(node["num-partitions"]), rate).to_client()


app = ClientApp(client_fn)
