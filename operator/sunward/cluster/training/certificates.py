"""The certificates of training jobs: one authority per job, and certificates bound to a node and the job.

The private key of a job's authority is derived from the operator's seed and the job's UID and stored nowhere. So the
operator can issue a certificate at any time without reading a Secret of a job namespace, no pod has the key, and a job
that is created again has another authority. Formats are the trainer's (docs/trainer.md, "The door").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SEED_BYTES = 32
LIFETIME = timedelta(days=30)
RENEW_BEFORE = timedelta(days=10)
"""A certificate is replaced so long before it expires: a node that sleeps for a week still wakes in time."""
BACKDATED = timedelta(days=1)
"""A small computer without a battery-backed clock may boot with yesterday's time."""
NEVER_EXPIRES = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
COORDINATOR_NAME = "coordinator"
NODE_NAME_LENGTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What one process needs to prove who it is, as PEM; `expires` is when its certificate ends."""

    authority: bytes
    certificate: bytes
    key: bytes
    expires: datetime


class Authority:
    """Issues the certificates of one job."""

    def __init__(self, seed: bytes, job_uid: str) -> None:
        """The same seed and UID give the same authority. Raises ValueError for a seed of another length."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"the seed has {len(seed)} bytes, {SEED_BYTES} are needed")
        self._job = job_uid
        self._key = Ed25519PrivateKey.from_private_bytes(_derived(seed, f"authority/{job_uid}"))
        self.checkpoint_key = _derived(seed, f"checkpoint/{job_uid}")
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"job {job_uid}"[:64])])

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that identify the authority's key."""
        return hashlib.sha256(self._key.public_key().public_bytes_raw()).hexdigest()[:16]

    def coordinator(self, now: datetime) -> Bundle:
        """The coordinator's certificate."""
        return self._issue("coordinator", COORDINATOR_NAME, now)

    def worker(self, node: str, site: str | None, now: datetime) -> Bundle:
        """The certificate of the worker on a node."""
        query = f"?{urlencode({'site': site})}" if site else ""
        return self._issue(f"worker/{quote(node, safe='')}{query}", _node_name(node), now)

    def operator(self, now: datetime) -> Bundle:
        """The operator's own certificate, a client's only."""
        return self._issue("operator", None, now)

    def _issue(self, path: str, server_name: str | None, now: datetime) -> Bundle:
        key = Ed25519PrivateKey.generate()
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"sunward://{self._job}/{path}")]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if server_name is not None:
            names.append(x509.DNSName(server_name))
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        expires = (now + LIFETIME).replace(microsecond=0)
        builder = (
            self._builder(key.public_key(), now, expires)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path[:64])]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        return Bundle(
            authority=self._certificate(now),
            certificate=_pem(builder.sign(self._key, None)),
            key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            expires=expires,
        )

    def _certificate(self, now: datetime) -> bytes:
        """The authority's own certificate. It ends with the job and has no expiry of its own."""
        builder = (
            self._builder(self._key.public_key(), now, NEVER_EXPIRES)
            .subject_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
        )
        return _pem(builder.sign(self._key, None))

    def _builder(self, key: Ed25519PublicKey, now: datetime, expires: datetime) -> x509.CertificateBuilder:
        own = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(expires)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )


def _derived(seed: bytes, purpose: str) -> bytes:
    info = f"sunward.dev/v1/{purpose}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(seed)


def _node_name(node: str) -> str:
    """DNS name of a node's shard server: a hash, because a node's name may be longer than a label."""
    return f"worker-{hashlib.sha256(node.encode()).hexdigest()[:NODE_NAME_LENGTH]}"


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
