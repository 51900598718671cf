"""Flower inside the processes: one real SuperLink on loopback, SuperNodes in threads."""

import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from sunward_trainer.learning.training import Pair
from sunward_trainer.protocol.members import Source
from sunward_trainer.protocol.rounds import Missing, MissingReason, WorkerReply
from support.ports import free_port
from support.trainer import RECIPE, update

with warnings.catch_warnings():
    # What Flower imports is not ours to mend; what it does while the tests run is looked at as usual.
    warnings.simplefilter("ignore", DeprecationWarning)
    from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import Grid, ServerApp

    from sunward_trainer.coordinator.fleet_keys import FleetKeys
    from sunward_trainer.coordinator.superlink import ObjectGrid, SuperLink, SuperLinkError
    from sunward_trainer.protocol.records import (
        Order,
        order_from_record,
        order_to_record,
        reply_from_record,
        reply_to_record,
    )
    from sunward_trainer.worker.supernode import SuperNode

WEIGHTS = np.arange(200_000, dtype=np.float32)


class Link:
    """A SuperLink with its address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.superlink = SuperLink("127.0.0.1", self.port, credentials=None, keys=FleetKeys())
        self.superlink.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def on_grid(self, use: Callable[[ObjectGrid], None]) -> None:
        """Run something as the ServerApp."""

        def main(grid: Grid, context: Context) -> None:
            assert isinstance(grid, ObjectGrid)
            use(grid)

        app = ServerApp()
        app.main()(main)
        self.superlink.run(app)


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    found = Link()
    yield found
    found.superlink.stop()


def _doubling() -> ClientApp:
    app = ClientApp()

    def train(message: Message, context: Context) -> Message:
        weights = message.content.array_records["weights"]["0"].numpy()
        if weights[0] < 0:
            raise ValueError("negative weights")
        return Message(_record(weights * 2), reply_to=message)

    app.train()(train)
    return app


def _record(weights: NDArray[np.float32]) -> RecordDict:
    return RecordDict({"weights": ArrayRecord(array_dict={"0": Array(weights)})})


def _collect(grid: ObjectGrid, messages: list[str]) -> list[Message]:
    found: list[Message] = []
    until = time.monotonic() + 30
    while len(found) < len(messages) and time.monotonic() < until:
        open_messages = set(messages) - {m.metadata.reply_to_message_id for m in found}
        found += grid.pull_messages(open_messages)
        time.sleep(0.01)
    return found


def test_messages_travel_to_several_nodes_and_back_bit_for_bit(link: Link) -> None:
    """The nodes share the same content-addressed weights; neither may take them from the other."""

    def use(grid: ObjectGrid) -> None:
        with SuperNode(link.address, _doubling(), None) as first, SuperNode(link.address, _doubling(), None) as second:
            for _ in range(3):
                messages = [Message(_record(WEIGHTS), node.node_id, "train") for node in (first, second)]
                sent = list(grid.push_messages(messages))
                assert first.answer_one()
                assert not first.answer_one()
                assert second.answer_one()
                replies = _collect(grid, sent)
                assert {reply.metadata.src_node_id for reply in replies} == {first.node_id, second.node_id}
                for reply in replies:
                    assert (reply.content.array_records["weights"]["0"].numpy() == WEIGHTS * 2).all()
            assert first.heartbeat()

    link.on_grid(use)


def test_an_error_in_the_app_is_a_reply(link: Link) -> None:
    def use(grid: ObjectGrid) -> None:
        with SuperNode(link.address, _doubling(), None) as node:
            sent = list(grid.push_messages([Message(_record(WEIGHTS - 5), node.node_id, "train")]))
            assert node.answer_one()
            (reply,) = _collect(grid, sent)
            assert reply.has_error()
            assert "ValueError: negative weights" in reply.error.reason

    link.on_grid(use)


def test_a_withdrawn_message_is_not_delivered_and_leaves_nothing_behind(link: Link) -> None:
    def use(grid: ObjectGrid) -> None:
        with SuperNode(link.address, _doubling(), None) as node:
            sent = list(grid.push_messages([Message(_record(WEIGHTS), node.node_id, "train")]))
            grid.withdraw(sent)
            assert not node.answer_one()
        assert grid.state.num_message_ins() == 0
        assert len(grid.state.object_store) == 0

    link.on_grid(use)


def test_a_reply_that_comes_too_late_is_dropped(link: Link) -> None:
    def use(grid: ObjectGrid) -> None:
        asked, withdrawn = threading.Event(), threading.Event()

        def slow(message: Message, context: Context) -> Message:
            asked.set()
            assert withdrawn.wait(30)
            return Message(_record(WEIGHTS), reply_to=message)

        app = ClientApp()
        app.train()(slow)
        with SuperNode(link.address, app, None) as node:
            sent = list(grid.push_messages([Message(_record(WEIGHTS), node.node_id, "train")]))
            thread = threading.Thread(target=node.answer_one)
            thread.start()
            assert asked.wait(30)
            grid.withdraw(sent)
            withdrawn.set()
            thread.join(30)
        assert grid.state.num_message_res() == 0
        assert len(grid.state.object_store) == 0

    link.on_grid(use)


@pytest.mark.parametrize("path", ["/v1/control/list-runs", "/v1/runtime/get-nodes", "/docs", "/openapi.json"])
def test_nothing_but_the_fleet_api_and_health_is_served(link: Link, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(f"http://{link.address}{path}", data=b""), timeout=10)
    assert error.value.code == 404
    error.value.close()


def test_a_port_that_is_taken_is_an_error_that_names_it(link: Link) -> None:
    with pytest.raises(SuperLinkError, match=f"cannot listen on 127.0.0.1:{link.port}"):
        SuperLink("127.0.0.1", link.port, credentials=None, keys=FleetKeys()).start()


def test_orders_and_replies_survive_the_journey() -> None:
    order = Order(
        job="j",
        plan="p",
        round_number=3,
        model="mnist-mlp",
        classes=10,
        recipe=RECIPE,
        pairs=(Pair(shard="a", from_node="pi-01", batches=25, first_batch=5),),
        sources={"a": Source(address="10.0.0.1:9814", sha256="ab")},
        kept='{"round": 2}',
        weights=WEIGHTS,
    )
    found = order_from_record(order_to_record(order))
    assert found.weights.tobytes() == WEIGHTS.tobytes()
    for name in ("job", "plan", "round_number", "model", "classes", "recipe", "pairs", "sources", "kept"):
        assert getattr(found, name) == getattr(order, name)

    lost = Missing(shard="b", node="pi-01", batches=5, reason=MissingReason.FAILED, detail="why")
    sent = (update("a", "pi-01", 25, [1.5, 2.5]), update("c", "pi-01", 5, [0.1, 0.2]))
    reply = reply_from_record(reply_to_record(WorkerReply(node="pi-01", round_number=3, updates=sent, missing=(lost,))))
    assert (reply.node, reply.round_number, reply.missing) == ("pi-01", 3, (lost,))
    for before, after in zip(sent, reply.updates, strict=True):
        assert after.weights.tobytes() == before.weights.tobytes()
        assert (after.shard, after.batches, after.seconds) == (before.shard, before.batches, before.seconds)


def test_a_reply_without_updates_survives_too() -> None:
    empty = WorkerReply(node="pi-01", round_number=3, updates=(), missing=())
    assert reply_from_record(reply_to_record(empty)) == empty
