"""The ClientApp."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from quick_app import softmax
from quick_app.data import load_data

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train on the partition."""
    images, labels = load_data(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    weights = message.content["arrays"].to_numpy_ndarrays()
    rate = float(message.content["config"]["lr"])
    trained = softmax.train(weights, images, labels, int(context.run_config["local-epochs"]), rate)
    metrics = MetricRecord({"num-examples": len(labels)})
    return Message(RecordDict({"arrays": ArrayRecord(trained), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Evaluate on the partition."""
    images, labels = load_data(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    weights = message.content["arrays"].to_numpy_ndarrays()
    metrics = MetricRecord({"eval_acc": softmax.accuracy(weights, images, labels), "num-examples": len(labels)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
