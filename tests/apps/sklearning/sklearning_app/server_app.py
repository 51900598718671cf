"""The ServerApp."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Federated averaging of coefficients and intercepts."""
    arrays = ArrayRecord([np.zeros((10, 64)), np.zeros(10)])
    FedAvg(fraction_evaluate=1.0).start(
        grid=grid, initial_arrays=arrays, num_rounds=int(context.run_config["num-server-rounds"])
    )
