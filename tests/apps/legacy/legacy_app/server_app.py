"""The ServerApp of the old style."""

from __future__ import annotations

from typing import Any

from flwr.app import Context
from flwr.common import ndarrays_to_parameters
from flwr.server import ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.serverapp import ServerApp

from legacy_app.softmax import initial


def weighted(metrics: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Accuracy over all clients."""
    total = sum(count for count, _ in metrics)
    return {"accuracy": sum(count * float(one["accuracy"]) for count, one in metrics) / total}


def server_fn(context: Context) -> ServerAppComponents:
    """Strategy and number of rounds."""
    strategy = FedAvg(initial_parameters=ndarrays_to_parameters(initial()), evaluate_metrics_aggregation_fn=weighted)
    return ServerAppComponents(
        strategy=strategy, config=ServerConfig(num_rounds=int(context.run_config["num-server-rounds"]))
    )


app = ServerApp(server_fn=server_fn)
