"""The ServerApp."""

from __future__ import annotations

from flwr.app import ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from quick_app.softmax import initial

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Federated averaging."""
    rounds, rate = int(context.run_config["num-server-rounds"]), float(context.run_config["learning-rate"])
    FedAvg().start(
        grid=grid,
        initial_arrays=ArrayRecord(initial()),
        train_config=ConfigRecord({"lr": rate}),
        num_rounds=rounds,
    )
