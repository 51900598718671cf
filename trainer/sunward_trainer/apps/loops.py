"""Flower's two loops over rounds, gone through as the plan says. The strategy's own methods do the work.

An app calls `strategy.start` or, in the old style, returns components for `Server.fit`. Both loops are the same as
Flower's, except that a round begins when the plan allows, counts when its checkpoint is on disk, and is not repeated
after a restart. This and `grid` are all that differs for the app.
"""

from collections.abc import Callable
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server.history import History
from flwr.server.server import Server
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from sunward_trainer.apps.session import RoundMetrics, Session

EvaluateFn = Callable[[int, ArrayRecord], MetricRecord | None]


def govern(session: Session) -> None:
    """From now on, every loop in this process follows the session."""

    def start(strategy: Strategy, grid: Grid, initial_arrays: ArrayRecord, *given: Any, **named: Any) -> Result:
        return _start(session, strategy, grid, initial_arrays, *given, **named)

    def fit(server: Server, num_rounds: int, timeout: float | None) -> tuple[History, float]:
        del num_rounds  # the job's own number counts
        return _fit(session, server, timeout)

    Strategy.start = start
    Server.fit = fit


def _start(
    session: Session,
    strategy: Strategy,
    grid: Grid,
    initial_arrays: ArrayRecord,
    num_rounds: int = 3,
    timeout: float = 3600,
    train_config: ConfigRecord | None = None,
    evaluate_config: ConfigRecord | None = None,
    evaluate_fn: EvaluateFn | None = None,
) -> Result:
    """As `Strategy.start`, for the rounds that remain of the job's."""
    del num_rounds  # the job's own number counts
    session.has_loop = True
    result, arrays = Result(), session.checkpoint.arrays or initial_arrays
    train_config, evaluate_config = train_config or ConfigRecord(), evaluate_config or ConfigRecord()
    if evaluate_fn is not None and not session.round:
        _keep(result.evaluate_metrics_serverapp, 0, evaluate_fn(0, initial_arrays))
    while not session.is_reached:
        number = session.round_in_work
        session.open_round()
        replies = grid.send_and_receive(
            messages=strategy.configure_train(number, arrays, train_config, grid), timeout=timeout
        )
        aggregated, trained = strategy.aggregate_train(number, replies)
        before, arrays = arrays, arrays if aggregated is None else aggregated
        result.arrays = arrays
        _keep(result.train_metrics_clientapp, number, trained)
        replies = grid.send_and_receive(
            messages=strategy.configure_evaluate(number, arrays, evaluate_config, grid), timeout=timeout
        )
        evaluated = strategy.aggregate_evaluate(number, replies)
        _keep(result.evaluate_metrics_clientapp, number, evaluated)
        central = None if evaluate_fn is None else evaluate_fn(number, arrays)
        _keep(result.evaluate_metrics_serverapp, number, central)
        if not session.close_round(arrays, RoundMetrics(train=trained, evaluate=evaluated, server=central)):
            arrays = before
    result.arrays = arrays
    return result


def _keep(into: dict[int, MetricRecord], number: int, metrics: MetricRecord | None) -> None:
    if metrics is not None:
        into[number] = metrics


def _fit(session: Session, server: Server, timeout: float | None) -> tuple[History, float]:
    """As `Server.fit`, for the rounds that remain of the job's."""
    session.has_loop = True
    history = History()
    kept = session.checkpoint.arrays
    if kept is None:
        session.open_round()  # the first parameters may come from a client
        server.parameters = server._get_initial_parameters(server_round=0, timeout=timeout)
    else:
        server.parameters = ndarrays_to_parameters(kept.to_numpy_ndarrays())
    while not session.is_reached:
        number = session.round_in_work
        session.open_round()
        fitted = server.fit_round(server_round=number, timeout=timeout)
        trained, before = dict[str, Any](), server.parameters
        if fitted is not None:
            server.parameters = fitted[0] or server.parameters
            trained = fitted[1]
            history.add_metrics_distributed_fit(server_round=number, metrics=trained)
        central = _central(server, history, number)
        evaluated = _evaluated(server, history, number, timeout)
        arrays = ArrayRecord(parameters_to_ndarrays(server.parameters))
        metrics = RoundMetrics(train=_record(trained), evaluate=_record(evaluated), server=_record(central))
        if not session.close_round(arrays, metrics):
            server.parameters = before
    return history, 0.0


def _central(server: Server, history: History, number: int) -> dict[str, Any]:
    found = server.strategy.evaluate(number, parameters=server.parameters)
    if found is None:
        return {}
    history.add_loss_centralized(server_round=number, loss=found[0])
    history.add_metrics_centralized(server_round=number, metrics=found[1])
    return {"loss": found[0], **found[1]}


def _evaluated(server: Server, history: History, number: int, timeout: float | None) -> dict[str, Any]:
    found = server.evaluate_round(server_round=number, timeout=timeout)
    if found is None or found[0] is None:
        return {}
    history.add_loss_distributed(server_round=number, loss=found[0])
    history.add_metrics_distributed(server_round=number, metrics=found[1])
    return {"loss": found[0], **found[1]}


def _record(metrics: dict[str, Any]) -> MetricRecord | None:
    """The numbers among the metrics of the old style."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    return MetricRecord(numbers) if numbers else None
