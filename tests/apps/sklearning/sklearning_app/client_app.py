"""The ClientApp: logistic regression of scikit-learn, two arrays."""

from __future__ import annotations

import warnings

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from sklearn.linear_model import LogisticRegression

from sklearning_app.data import load_data

app = ClientApp()


def _model(message: Message, context: Context) -> LogisticRegression:
    model = LogisticRegression(C=float(context.run_config["strength"]), max_iter=2, warm_start=True)
    model.classes_ = np.arange(10)
    model.coef_, model.intercept_ = message.content["arrays"].to_numpy_ndarrays()
    return model


@app.train()
def train(message: Message, context: Context) -> Message:
    """Fit from the global arrays."""
    images, labels = load_data(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    model = _model(message, context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(images, labels)
    metrics = MetricRecord({"num-examples": len(labels), "train_acc": float(model.score(images, labels))})
    arrays = ArrayRecord([model.coef_, model.intercept_])
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Score the global arrays."""
    images, labels = load_data(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    metrics = MetricRecord(
        {"eval_acc": float(_model(message, context).score(images, labels)), "num-examples": len(labels)}
    )
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
