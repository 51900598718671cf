"""Relays behind https: the authority that the administrator names is trusted, and no other."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from sunward.domain.errors import SourceUnavailable
from sunward.power.finder import Drivers
from support.tree.registries import relay


def authority(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """The certificate of an authority that signs itself for loopback, and a server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.crt", folder / f"{name}.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return public, context


async def confirm(_: web.Request) -> web.StreamResponse:
    return web.json_response({"id": 1, "result": {"was_on": True}})


async def ordered(ca_file: Path | None, context: ssl.SSLContext) -> None:
    """An order to a relay behind https. Raises SourceUnavailable unless it was accepted."""
    application = web.Application()
    application.router.add_post("/rpc", confirm)
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=context)
    async with server, aiohttp.ClientSession() as session:
        more = {} if ca_file is None else {"ca_file": ca_file}
        driver = Drivers(session, {"relay-1": relay("Shelly", str(server.make_url("")), **more)}).at("relay-1")
        assert driver is not None
        await driver.switch(False, "op", 1)


async def test_a_relay_with_a_certificate_of_its_own_authority_is_switched(tmp_path: Path) -> None:
    ours, context = authority(tmp_path, "ours")
    await ordered(ours, context)


@pytest.mark.parametrize("trusted", ["theirs", "missing", None])
async def test_any_other_certificate_is_not_trusted(tmp_path: Path, trusted: str | None) -> None:
    _, context = authority(tmp_path, "ours")
    authority(tmp_path, "theirs")
    with pytest.raises(SourceUnavailable, match=r"trusted authority|certificate file"):
        await ordered(None if trusted is None else tmp_path / f"{trusted}.crt", context)


async def test_a_file_that_holds_no_certificate_is_told(tmp_path: Path) -> None:
    ours, context = authority(tmp_path, "ours")
    ours.write_text("no certificate", encoding="utf-8")
    with pytest.raises(SourceUnavailable, match="certificate file"):
        await ordered(ours, context)


def test_a_certificate_that_nothing_uses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="used with https only"):
        relay("Shelly", "http://10.0.0.2", ca_file=tmp_path / "ca.crt")
