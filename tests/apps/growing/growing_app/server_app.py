"""The ServerApp: a strategy that appends what it gets."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


class Bagging(FedAvg):
    """Keeps every tree."""

    def __init__(self) -> None:
        super().__init__(fraction_evaluate=0.0)
        self.forest: list[np.ndarray] = []

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Append."""
        for reply in replies:
            if reply.has_content():
                self.forest += reply.content["arrays"].to_numpy_ndarrays()
        return ArrayRecord([np.concatenate(self.forest)]), MetricRecord({"trees": len(self.forest)})


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the strategy."""
    start = ArrayRecord([np.zeros(0, dtype=np.uint8)])
    Bagging().start(grid=grid, initial_arrays=start, num_rounds=int(context.run_config["num-server-rounds"]))
