"""Certificates for tests of the trainer's door, issued as the operator issues them."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sunward.cluster.training.certificates import Authority, Bundle
from sunward_trainer.protocol.credentials import Credentials

JOB_UID = "5d0c1f5e-6f0a-4d0e-9a51-3f0a36a3a001"
AUTHORITY = Authority(b"a seed that is thirty-two bytes.", JOB_UID)
STRANGE_AUTHORITY = Authority(b"a seed that is thirty-two bytes.", "another-job")


def now() -> datetime:
    """The present; certificates are checked against the real clock."""
    return datetime.now(UTC)


def store_bundle(bundle: Bundle, folder: Path, *, checkpoint_key: bytes | None = None) -> Path:
    """Write a certificate as a mounted Secret has it; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.crt").write_bytes(bundle.authority)
    (folder / "tls.crt").write_bytes(bundle.certificate)
    (folder / "tls.key").write_bytes(bundle.key)
    if checkpoint_key is not None:
        (folder / "checkpoint.key").write_bytes(checkpoint_key)
    return folder


def coordinator_folder(folder: Path, authority: Authority = AUTHORITY) -> Path:
    """The coordinator's certificate with the key for checkpoints."""
    return store_bundle(authority.coordinator(now()), folder, checkpoint_key=authority.checkpoint_key)


def worker_folder(folder: Path, node: str, *, site: str | None = None, authority: Authority = AUTHORITY) -> Path:
    """The certificate of a node's worker."""
    return store_bundle(authority.worker(node, site, now()), folder)


def operator_folder(folder: Path, authority: Authority = AUTHORITY) -> Path:
    """The operator's certificate."""
    return store_bundle(authority.operator(now()), folder)


def client_context(folder: Path | None, *, authority: Authority = AUTHORITY) -> ssl.SSLContext:
    """A client with the certificate in a folder, or with none; it trusts the authority and asks for no name."""
    context = ssl.create_default_context(cadata=authority.coordinator(now()).authority.decode())
    context.check_hostname = False
    if folder is not None:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context


def server_context(authority: Authority = AUTHORITY) -> ssl.SSLContext:
    """A coordinator's end of a connection."""
    with tempfile.TemporaryDirectory() as folder:
        return Credentials(coordinator_folder(Path(folder), authority)).server
