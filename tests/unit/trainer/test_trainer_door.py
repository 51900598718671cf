"""The door over real TLS: who is let in by coordinator and shard server, as whom, and who is not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from cryptography import x509

from sunward.cluster.training.certificates import LIFETIME
from sunward_trainer.coordinator.fleet_keys import FleetKeys
from sunward_trainer.coordinator.http_api import ALLOWED, build_app
from sunward_trainer.coordinator.progress import Status, StatusBoard
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.shards import store, take
from sunward_trainer.protocol import fetching
from sunward_trainer.protocol.callers import CertifiedCallers, callers_of
from sunward_trainer.protocol.checkpoint_replica import Seal
from sunward_trainer.protocol.credentials import Credentials, CredentialsError
from sunward_trainer.protocol.fetching import fetch
from sunward_trainer.protocol.identity import Identity, NotOurs, Role, identity_of, worker_name
from sunward_trainer.protocol.members import Members, Source
from sunward_trainer.worker.shard_server import OnlySite
from sunward_trainer.worker.shard_server import build_app as build_shard_server
from sunward_trainer.worker.shard_store import ShardStore
from support.door import (
    AUTHORITY,
    JOB_UID,
    STRANGE_AUTHORITY,
    client_context,
    coordinator_folder,
    now,
    operator_folder,
    store_bundle,
    worker_folder,
)
from support.trainer import JOB, toy_data

FLOWER_NODES = {b"key of pi-01": 1, b"key of pi-02": 2}
HELLO: dict[str, Any] = {"address": "10.0.0.1:9814", "flower_node": 1, "shards": [], "cached": []}
SHARD = take(toy_data(), "a", np.arange(30))


class Running:
    """An application behind the door on loopback."""

    def __init__(self, app: web.Application, credentials: Credentials) -> None:
        self._runner, self._credentials = web.AppRunner(app), credentials
        self.port = 0

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._credentials.server).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()


class Coordinator(Running):
    """The coordinator's HTTP server with the values behind it."""

    def __init__(self, folder: Path) -> None:
        credentials = Credentials(coordinator_folder(folder))
        self.members, self.keys = Members(gone_after_seconds=10.0), FleetKeys()
        self.keys.open(FLOWER_NODES.get)
        board = StatusBoard(Status(job=JOB, rounds=3, target_accuracy_percent=None))
        self.replicas = Replicas(Seal(AUTHORITY.checkpoint_key))
        callers = CertifiedCallers(credentials)
        super().__init__(build_app(board, self.members, self.replicas, callers=callers, keys=self.keys), credentials)

    async def ask(self, method: str, path: str, context: ssl.SSLContext, body: object = None) -> int:
        """The status of the answer; raises what aiohttp raises when the door stays closed."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"https://127.0.0.1:{self.port}{path}", json=body, ssl=context) as answer,
        ):
            await answer.read()
            return answer.status


@pytest.fixture
async def coordinator(tmp_path: Path) -> AsyncIterator[Coordinator]:
    found = Coordinator(tmp_path / "coordinator")
    await found.start()
    yield found
    await found.close()


PATHS = [("GET", f"/{name}") for name in ("progress", "healthz", "checkpoint")]
PATHS += [("POST", f"/{name}") for name in ("register", "beat", "leave", "replica")]


def test_every_path_is_tried() -> None:
    assert {path.lstrip("/") for _, path in PATHS} == set(ALLOWED)


def _expired(folder: Path) -> Path:
    return store_bundle(AUTHORITY.worker("pi-01", None, now() - LIFETIME - timedelta(hours=1)), folder)


STRANGERS = {
    "no certificate": lambda _: None,
    "a certificate of another job": lambda folder: worker_folder(folder, "pi-01", authority=STRANGE_AUTHORITY),
    "the operator of another job": lambda folder: operator_folder(folder, STRANGE_AUTHORITY),
    "an expired certificate": _expired,
}


@pytest.mark.parametrize("who", STRANGERS)
async def test_a_stranger_gets_a_tls_alert_on_every_path(coordinator: Coordinator, tmp_path: Path, who: str) -> None:
    context = client_context(STRANGERS[who](tmp_path / "stranger"))
    for method, path in PATHS:
        with pytest.raises(aiohttp.ClientError):
            await coordinator.ask(method, path, context, HELLO)
    assert coordinator.members.all() == ()


class Connection:
    """What a request knows of the certificate it came with."""

    def __init__(self, job: str) -> None:
        self._certificate = {"subjectAltName": (("URI", f"sunward://{job}/worker/pi-01"),)}

    def get_extra_info(self, name: str) -> Any:
        return self._certificate if name == "peercert" else None


def test_a_certificate_of_another_job_is_no_members_even_from_the_same_authority(tmp_path: Path) -> None:
    callers = CertifiedCallers(Credentials(coordinator_folder(tmp_path)))
    own, other = cast(web.Request, Connection(JOB_UID)), cast(web.Request, Connection("another-job"))
    assert callers.identify(own).node == "pi-01"
    with pytest.raises(NotOurs, match="another-job"):
        callers.identify(other)


def test_a_short_key_of_checkpoints_is_refused(tmp_path: Path) -> None:
    folder = coordinator_folder(tmp_path)
    assert Credentials(folder).checkpoint_key() == AUTHORITY.checkpoint_key
    (folder / "checkpoint.key").write_bytes(b"short")
    with pytest.raises(CredentialsError, match="at least 32 bytes"):
        Credentials(folder).checkpoint_key()


@pytest.mark.parametrize(("size", "is_taken"), [(1000, True), (1001, False)])
async def test_no_more_is_fetched_than_a_shard_may_have(
    size: int, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "LARGEST_BYTES", 1000)

    async def send(_: web.Request) -> web.Response:
        return web.Response(body=bytes(size))

    app = web.Application()
    app.add_routes([web.get("/shards/a", send)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        if is_taken:
            assert len(await asyncio.to_thread(fetch, address, "/shards/a", None, server_name="n")) == size
        else:
            with pytest.raises(OSError, match="more than 1000 bytes"):
                await asyncio.to_thread(fetch, address, "/shards/a", None, server_name="n")
    finally:
        await runner.cleanup()


async def test_plain_http_gets_nothing(coordinator: Coordinator) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{coordinator.port}/progress")


async def test_each_role_has_its_paths(coordinator: Coordinator, tmp_path: Path) -> None:
    operator, worker = (
        client_context(operator_folder(tmp_path / "o")),
        client_context(worker_folder(tmp_path / "w", "n")),
    )
    another = client_context(coordinator_folder(tmp_path / "c"))
    assert await coordinator.ask("GET", "/progress", operator) == 200
    assert await coordinator.ask("GET", "/progress", worker) == 403
    assert await coordinator.ask("GET", "/progress", another) == 403
    assert await coordinator.ask("GET", "/checkpoint", operator) == 403
    for path in ("/register", "/beat", "/leave", "/replica"):
        assert await coordinator.ask("POST", path, operator, HELLO) == 403
    for context in (operator, worker, another):
        assert await coordinator.ask("GET", "/healthz", context) == 200


async def test_a_worker_is_whom_its_certificate_names_whatever_it_says(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    """Registering, beating and leaving as another node: the body's name counts for nothing."""
    first, second = (client_context(worker_folder(tmp_path / node, node)) for node in ("pi-01", "pi-02"))
    coordinator.keys.register("pi-01", b"key of pi-01")
    coordinator.keys.register("pi-02", b"key of pi-02")
    assert await coordinator.ask("POST", "/register", first, HELLO) == 200
    as_another = {**HELLO, "node": "pi-01", "flower_node": 2}
    assert await coordinator.ask("POST", "/register", second, as_another) == 200
    assert {member.node: member.flower_node for member in coordinator.members.all()} == {"pi-01": 1, "pi-02": 2}
    assert await coordinator.ask("POST", "/leave", second, {"node": "pi-01"}) == 200
    assert {member.node: member.left for member in coordinator.members.all()} == {"pi-01": False, "pi-02": True}
    beat = {"node": "pi-01", "epoch": coordinator.members.epoch, "after": 0, "cached": [], "batches_done": {}}
    assert await coordinator.ask("POST", "/beat", second, {**beat, "seconds_per_batch": 9.0}) == 409
    first_member = coordinator.members.find("pi-01")
    assert first_member is not None
    assert first_member.seconds_per_batch is None


async def test_the_flower_node_of_another_worker_cannot_be_claimed(coordinator: Coordinator, tmp_path: Path) -> None:
    coordinator.keys.register("pi-01", b"key of pi-01")
    second = client_context(worker_folder(tmp_path / "w", "pi-02"))
    assert await coordinator.ask("POST", "/register", second, HELLO) == 403
    assert coordinator.members.all() == ()


def test_a_flower_key_belongs_to_the_worker_that_registered_it_last() -> None:
    keys = FleetKeys()
    keys.open(FLOWER_NODES.get)
    assert keys.register("pi-01", b"key of pi-01")
    assert not keys.register("pi-02", b"key of pi-01")
    assert keys.may_use("pi-01", b"key of pi-01")
    assert not keys.may_use("pi-02", b"key of pi-01")
    assert keys.register("pi-01", b"newer")
    assert not keys.may_use("pi-01", b"key of pi-01")
    assert not keys.owns("pi-01", 1)


# the shard server


async def _home(tmp_path: Path, *, site: str | None = None, only: bool = False) -> Running:
    credentials = Credentials(worker_folder(tmp_path / "home", "pi-01", site=site))
    file = store(SHARD, tmp_path / "shards")
    shards = ShardStore([file], tmp_path / "none", credentials)
    rule = OnlySite(site=credentials.identity.site) if only else None
    return Running(build_shard_server(shards, callers=callers_of(credentials), only=rule), credentials)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Running]:
    found = await _home(tmp_path)
    await found.start()
    yield found
    await found.close()


def _fetch(home: Running, folder: Path, *, server: str = "pi-01") -> bytes:
    return fetch(f"127.0.0.1:{home.port}", "/shards/a", Credentials(folder), server_name=worker_name(server))


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("path", ["/shards", "/shards/a", "/healthz", "/checkpoint"])
async def test_a_stranger_gets_no_shard(home: Running, tmp_path: Path, who: str, path: str) -> None:
    context = client_context(STRANGERS[who](tmp_path / "stranger"))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            async with session.get(f"https://127.0.0.1:{home.port}{path}", ssl=context) as answer:
                await answer.read()


async def test_a_worker_of_the_job_gets_the_shard_and_the_operator_does_not(home: Running, tmp_path: Path) -> None:
    assert await asyncio.to_thread(_fetch, home, worker_folder(tmp_path / "w", "pi-02"))
    with pytest.raises(OSError, match="HTTP 403"):
        await asyncio.to_thread(_fetch, home, operator_folder(tmp_path / "o"))


async def test_a_server_that_is_not_the_shards_home_is_not_believed(home: Running, tmp_path: Path) -> None:
    elsewhere = ShardStore([], tmp_path / "cache", Credentials(worker_folder(tmp_path / "w", "pi-02")))
    source = Source(address=f"127.0.0.1:{home.port}", sha256="ab")
    with pytest.raises(DataError, match="Hostname mismatch"):
        await asyncio.to_thread(lambda: elsewhere.get("a", source, home="pi-03"))


@pytest.mark.parametrize(
    ("own", "other", "passes"),
    [("garage", "garage", True), ("garage", "roof", False), ("garage", None, False), (None, None, False)],
)
async def test_shards_that_stay_at_their_site_are_served_there_alone(
    tmp_path: Path, own: str | None, other: str | None, passes: bool
) -> None:
    home = await _home(tmp_path, site=own, only=True)
    await home.start()
    folder = worker_folder(tmp_path / "w", "pi-02", site=other)
    if passes:
        assert await asyncio.to_thread(_fetch, home, folder)
    else:
        with pytest.raises(OSError, match="HTTP 403: shards of this node stay at its site"):
            await asyncio.to_thread(_fetch, home, folder)
    await home.close()


# credentials


def test_the_certificate_has_to_be_for_the_process(tmp_path: Path) -> None:
    found = Credentials(worker_folder(tmp_path, "pi-01", site="garage & roof"))
    assert found.identity == Identity(job=JOB_UID, role=Role.WORKER, node="pi-01", site="garage & roof")
    found.require(Role.WORKER, "pi-01")
    with pytest.raises(CredentialsError, match=r"tls\.crt: is for worker pi-01, this process is worker pi-02"):
        found.require(Role.WORKER, "pi-02")
    with pytest.raises(CredentialsError, match="this process is coordinator"):
        found.require(Role.COORDINATOR)
    with pytest.raises(CredentialsError, match=r"checkpoint\.key: cannot be read"):
        found.checkpoint_key()


@pytest.mark.parametrize("missing", ["ca.crt", "tls.crt", "tls.key"])
def test_a_missing_or_foreign_file_is_named(tmp_path: Path, missing: str) -> None:
    folder = worker_folder(tmp_path, "pi-01")
    (folder / missing).write_text("not PEM")
    with pytest.raises(CredentialsError, match=str(folder)):
        Credentials(folder)
    (folder / missing).unlink()
    with pytest.raises(CredentialsError, match=f"{missing}: cannot be read"):
        Credentials(folder)


def test_a_renewed_certificate_is_noticed_and_a_folder_in_between_is_not_one(tmp_path: Path) -> None:
    found = Credentials(worker_folder(tmp_path, "pi-01"))
    assert not found.has_changed()
    (tmp_path / "tls.key").rename(tmp_path / "away")
    assert not found.has_changed()
    worker_folder(tmp_path, "pi-01")
    assert found.has_changed()


@pytest.mark.parametrize(
    "uris",
    [
        [],
        ["https://job/worker/pi-01"],
        ["sunward://job/worker/pi-01", "sunward://job/operator"],
        ["sunward://job/worker"],
        ["sunward://job/worker/"],
        ["sunward://job/operator/pi-01"],
        ["sunward:///operator"],
        ["sunward://job/root"],
        ["sunward://job"],
    ],
)
def test_a_certificate_that_names_nobody_is_refused(uris: list[str]) -> None:
    with pytest.raises(NotOurs):
        identity_of(uris)


def test_a_names_special_characters_survive_the_certificate() -> None:
    certificate = x509.load_pem_x509_certificate(AUTHORITY.worker("a.b-c/../d?site=x", "s/1", now()).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = identity_of(names.get_values_for_type(x509.UniformResourceIdentifier))
    assert (found.node, found.site) == ("a.b-c/../d?site=x", "s/1")
