"""Flower's Fleet API behind the door, and a running federation that strangers try."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.door import (
    STRANGE_AUTHORITY,
    client_context,
    coordinator_folder,
    operator_folder,
    worker_folder,
)
from support.ports import free_port
from support.trainer import Federation, toy_data

with warnings.catch_warnings():
    # What Flower imports is not ours to mend; what it does while the tests run is looked at as usual.
    warnings.simplefilter("ignore", DeprecationWarning)
    from flwr.clientapp import ClientApp
    from flwr.proto.fleet_pb2 import PullMessagesRequest
    from flwr.proto.node_pb2 import Node

    from sunward_trainer.coordinator.fleet_keys import FleetKeys
    from sunward_trainer.coordinator.superlink import SuperLink
    from sunward_trainer.protocol.credentials import Credentials
    from sunward_trainer.worker.supernode import Signature, SuperNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A SuperLink behind the door."""

    address: str
    keys: FleetKeys


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    port, keys = free_port(), FleetKeys()
    credentials = Credentials(coordinator_folder(tmp_path_factory.mktemp("coordinator")))
    superlink = SuperLink("127.0.0.1", port, credentials=credentials, keys=keys)
    superlink.start()
    yield Link(address=f"127.0.0.1:{port}", keys=keys)
    superlink.stop()


def test_a_worker_is_let_in_and_its_flower_node_is_known_to_be_its(link: Link, tmp_path: Path) -> None:
    with SuperNode(link.address, ClientApp(), Credentials(worker_folder(tmp_path, "pi-01"))) as node:
        assert node.heartbeat()
        assert link.keys.owns("pi-01", node.node_id)
        assert not link.keys.owns("pi-02", node.node_id)


def test_the_flower_key_of_another_worker_opens_nothing(link: Link, tmp_path: Path) -> None:
    """The worker on pi-02 has got hold of the key pair that pi-01 made: its certificate still says pi-02."""
    first = SuperNode(link.address, ClientApp(), Credentials(worker_folder(tmp_path / "1", "pi-01")))
    second = SuperNode(link.address, ClientApp(), Credentials(worker_folder(tmp_path / "2", "pi-02")))
    with first, second:
        stolen: Signature = first._client._interceptors[0]
        second._client._interceptors = (stolen,)
        for call in (
            lambda: second._client.PullMessages(PullMessagesRequest(node=Node(node_id=first.node_id))),
            second.heartbeat,
        ):
            with pytest.raises(httpx.HTTPStatusError, match="401"):
                call()
        assert first.heartbeat()


def test_a_worker_cannot_ask_for_the_messages_of_another(link: Link, tmp_path: Path) -> None:
    first = SuperNode(link.address, ClientApp(), Credentials(worker_folder(tmp_path / "1", "pi-01")))
    second = SuperNode(link.address, ClientApp(), Credentials(worker_folder(tmp_path / "2", "pi-02")))
    with first, second, pytest.raises(httpx.HTTPStatusError, match="401"):
        second._client.PullMessages(PullMessagesRequest(node=Node(node_id=first.node_id)))


def test_only_workers_have_flower_nodes(link: Link, tmp_path: Path) -> None:
    node = SuperNode(link.address, ClientApp(), Credentials(operator_folder(tmp_path)))
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        node.__enter__()
    node._client.close()


@pytest.mark.parametrize("secured", [True, False])
def test_a_stranger_has_no_flower_node(link: Link, tmp_path: Path, secured: bool) -> None:
    """With a certificate of another job, and with none."""
    credentials = Credentials(worker_folder(tmp_path, "pi-01", authority=STRANGE_AUTHORITY)) if secured else None
    node = SuperNode(link.address, ClientApp(), credentials)
    with pytest.raises(httpx.TransportError):
        node.__enter__()
    node._client.close()


NODES = ("pi-01", "pi-02")
SHARDS = {"a": ("pi-01", 200), "b": ("pi-02", 200)}
SPLIT = {"pi-01": [("a", "pi-01", 5)], "pi-02": [("b", "pi-02", 10), ("a", "pi-01", 5)]}


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    found = Federation(tmp_path, data=toy_data(samples=400, testing=200), shards=SHARDS)
    yield found
    found.close()


def _get(port: int, path: str, context: ssl.SSLContext, body: bytes | None) -> bytes:
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", data=body)
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        content: bytes = answer.read()
        return content


def _plain(port: int, path: str) -> bytes:
    """What a server says to plain HTTP: nothing, or a TLS alert (record type 21)."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        try:
            return connection.recv(4096)
        except ConnectionResetError:
            return b""


def test_strangers_get_nothing_from_a_running_federation_but_tls_alerts(federation: Federation, tmp_path: Path) -> None:
    federation.assign(SPLIT)
    federation.coordinator("--minimum-workers", "2", rounds=5000)
    for node in NODES:
        federation.worker(node)
    before = federation.wait_for(lambda progress: progress["round"] >= 2)["round"]

    http = [("/progress", None), ("/healthz", None), ("/checkpoint", None)]
    http += [(path, b"{}") for path in ("/register", "/beat", "/leave", "/replica")]
    fleet = [("/v1/fleet/register-node", b""), ("/v1/fleet/pull-messages", b""), ("/health", None), ("/docs", None)]
    shards = [("/shards", None), ("/shards/a", None), ("/shards/b", None), ("/checkpoint", None), ("/healthz", None)]
    targets = [(federation.port, *one) for one in http] + [(federation.superlink_port, *one) for one in fleet]
    targets += [(port, *one) for port in federation.shard_ports.values() for one in shards]
    foreign = client_context(worker_folder(tmp_path / "foreign", "pi-01", authority=STRANGE_AUTHORITY))
    for port, path, body in targets:
        for context in (client_context(None), foreign):
            with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)) as error:
                _get(port, path, context, body)
            assert not isinstance(error.value, urllib.error.HTTPError), (port, path)
        said = _plain(port, path)
        assert said == b"" or said[0] == 21, (port, path, said)

    after = federation.wait_for(lambda progress: progress["round"] > before + 2)
    assert {worker["node"]: worker["state"] for worker in after["workers"]} == dict.fromkeys(NODES, "alive")


def test_data_that_may_not_move_are_served_on_no_port_and_no_assignment_moves_them(federation: Federation) -> None:
    federation.assign({"pi-01": [("a", "pi-01", 5)], "pi-02": [("b", "pi-02", 5)]})
    never = ("--data-mobility", "Never")
    federation.coordinator("--minimum-workers", "2", *never, rounds=5000)
    for node in NODES:
        federation.worker(node, *never)
    federation.wait_for(lambda progress: progress["round"] >= 1)
    for port in federation.shard_ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    federation.assign(SPLIT, plan="plan-2")
    refused = federation.wait_for(lambda progress: progress["assignment_problem"] is not None)
    assert "$.workers[1].shards[1].from_node: shard 'a' may not leave 'pi-01'" in refused["assignment_problem"]
    assert refused["plan"] == "plan-1"
