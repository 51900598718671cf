"""The ClientApp: like bagged trees, each round adds bytes to the model."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Send a tree of this partition: as many bytes as its number and the round say."""
    size = int(context.node_config["partition-id"]) + int(message.content["config"]["server-round"])
    tree = np.full(size, int(context.node_config["partition-id"]), dtype=np.uint8)
    record = RecordDict({"arrays": ArrayRecord([tree]), "metrics": MetricRecord({"num-examples": 1})})
    return Message(record, reply_to=message)
