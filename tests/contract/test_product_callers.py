"""Declared means used: every function, method, constant and field of the product is reached by the product itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.tree.callers import Symbol, entry_points, product

CALLED_FROM_OUTSIDE = {
    "sunward.cluster.objects.crd_types:": "generated: one type for every part of the resources, as they are defined",
    "sunward.optimisation.decomposition.columnar_files:write_columns": (
        "makes the files that `sunward plan` reads, for whoever describes a fleet in Python"
    ),
    "sunward.optimisation.decomposition.protocol:": (
        "exchanges prices over a network that loses messages; the planner answers for its nodes in one process"
    ),
    "sunward.planning.guards.registry:without": "tests take one guard away by it and expect a violation",
    "sunward.simulation.scenario:Scenario.schema_": "its type refuses a file of another schema when it is read",
    "sunward.views.models:": "the script of the page reads the fields; a test of the views compares them",
    "sunward_lab.world.scenario:Scenario.schema_": "its type refuses a file of another schema when it is read",
    "sunward_exporter.collector:SnapshotCollector.describe": "prometheus_client calls it while registering",
    "sunward_exporter.feeds.page:BoardCollector.describe": "prometheus_client calls it while registering",
    "sunward_exporter.server:_Server.server_name": "the handlers of http.server read it",
    "sunward_trainer.coordinator.checkpoint:RoundRecord.missing_batches": "stored in the checkpoint with its record",
    "sunward_trainer.worker.supernode:Signature.intercept": "Flower calls it for each request",
}
"""What others call, and who. A name that ends in a colon stands for the whole module."""


def symbols_of(entry: str) -> Iterator[Symbol]:
    """The definitions that an entry of the list stands for."""
    module, name = entry.split(":")
    yield from (one for one in product().definitions if one.module == module and one.name and name in ("", one.name))


def test_everything_that_the_product_defines_is_reached_by_the_product() -> None:
    outside = [symbol for entry in CALLED_FROM_OUTSIDE for symbol in symbols_of(entry)]
    unreached = product().unreached([*entry_points(), *outside])
    assert not unreached, "\n".join(["nothing in the product reaches", *map(str, unreached)])


@pytest.mark.parametrize("entry", CALLED_FROM_OUTSIDE)
def test_an_exception_that_the_product_reaches_after_all_is_none(entry: str) -> None:
    others = [symbol for other in CALLED_FROM_OUTSIDE if other != entry for symbol in symbols_of(other)]
    unreached = product().unreached([*entry_points(), *others])
    assert set(symbols_of(entry)) & set(unreached)
