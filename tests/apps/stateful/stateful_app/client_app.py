"""The ClientApp: each client counts its rounds in its own state; a mod clips what it sends."""

from __future__ import annotations

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from stateful_app import softmax
from stateful_app.data import load_data


def marking(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """A mod: marks each reply that it has seen."""
    reply = call_next(message, context)
    reply.content["metrics"]["marked"] = 1
    return reply


app = ClientApp(mods=[marking])


@app.train(mods=[marking])
def train(message: Message, context: Context) -> Message:
    """Train on the partition, and count."""
    if "mine" not in context.state:
        context.state["mine"] = ConfigRecord({"rounds": 0})
    mine = context.state["mine"]
    mine["rounds"] += 1
    images, labels = load_data(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    weights = message.content["arrays"].to_numpy_ndarrays()
    trained = softmax.train(weights, images, labels, 1, float(context.run_config["learning-rate"]))
    metrics = MetricRecord({"num-examples": len(labels), "rounds_seen": mine["rounds"]})
    return Message(RecordDict({"arrays": ArrayRecord(trained), "metrics": metrics}), reply_to=message)
