"""The ServerApp: a strategy of its own that remembers, and evaluation on the server."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from stateful_app import softmax
from stateful_app.data import load_data

app = ServerApp()


class Momentum(FedAvg):
    """Averages, and goes on a little in the direction of the round before."""

    def __init__(self) -> None:
        super().__init__(fraction_evaluate=0.0)
        self.before: list[np.ndarray] | None = None
        self.seen: list[float] = []

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Average, then add a tenth of the last change."""
        arrays, metrics = super().aggregate_train(server_round, replies)
        if arrays is None:
            return arrays, metrics
        mean = arrays.to_numpy_ndarrays()
        if self.before is not None:
            mean = [new + 0.1 * (new - old) for new, old in zip(mean, self.before, strict=True)]
        self.before = mean
        self.seen.append(float(metrics["rounds_seen"]) if metrics is not None else 0.0)
        return ArrayRecord(mean), metrics


def central(server_round: int, arrays: ArrayRecord) -> MetricRecord:
    """Accuracy on every tenth image."""
    del server_round
    images, labels = load_data(0, 10)
    return MetricRecord({"accuracy": softmax.accuracy(arrays.to_numpy_ndarrays(), images, labels)})


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the strategy."""
    Momentum().start(
        grid=grid,
        initial_arrays=ArrayRecord(softmax.initial()),
        num_rounds=int(context.run_config["num-server-rounds"]),
        evaluate_fn=central,
    )
