"""The certificate that this process holds, and the TLS connections made with it.

A folder contains `ca.crt`, `tls.crt` and `tls.key`; a coordinator's also `checkpoint.key`. Both ends of each connection
show a certificate of the job's own authority, over TLS 1.3. The files are read once: when they change, the process has
to be started again, which `has_changed` tells.
"""

import asyncio
import hashlib
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509

from sunward_trainer.protocol.identity import Identity, NotOurs, Role, identity_of

_FILES: Final = ("ca.crt", "tls.crt", "tls.key")
_CHECKPOINT_KEY: Final = "checkpoint.key"
_SHORTEST_KEY_BYTES: Final = 32
_LOOK_SECONDS: Final = 60.0
RENEWED_STATUS: Final = 3
"""Exit status of a process that ends because its certificate was renewed; the pod starts it again."""


class CredentialsError(ValueError):
    """The folder with the certificate cannot be used; the text names the file and what to do."""


class Credentials:
    """Certificate, key and authority from a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises CredentialsError."""
        self._folder = folder
        self._digest = self._read_digest()
        self.identity = self._identity()
        self.server = self._context(ssl.PROTOCOL_TLS_SERVER)
        self.client = self._context(ssl.PROTOCOL_TLS_CLIENT)

    def require(self, role: Role, node: str = "") -> None:
        """Raise CredentialsError unless the certificate is for this role, and this node."""
        own = self.identity
        if (own.role, own.node) != (role, node):
            raise CredentialsError(
                f"{self._folder / 'tls.crt'}: is for {own.role} {own.node}, this process is {role} {node}; "
                "mount the certificate that was made for it"
            )

    def checkpoint_key(self) -> bytes:
        """The key that signs checkpoints. Raises CredentialsError."""
        key = self._read(_CHECKPOINT_KEY)
        if len(key) < _SHORTEST_KEY_BYTES:
            raise CredentialsError(f"{self._folder / _CHECKPOINT_KEY}: needs at least {_SHORTEST_KEY_BYTES} bytes")
        return key

    def has_changed(self) -> bool:
        """Whether the files now contain another certificate; False while they cannot be read."""
        try:
            return self._read_digest() != self._digest
        except CredentialsError:
            return False

    def _read_digest(self) -> bytes:
        return hashlib.sha256(b"".join(self._read(name) for name in _FILES)).digest()

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise CredentialsError(f"{self._folder / name}: cannot be read ({error.strerror})") from error

    def _identity(self) -> Identity:
        try:
            certificate = x509.load_pem_x509_certificate(self._read("tls.crt"))
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return identity_of(names.get_values_for_type(x509.UniformResourceIdentifier))
        except (NotOurs, ValueError, x509.ExtensionNotFound) as error:
            raise CredentialsError(f"{self._folder / 'tls.crt'}: {error}") from error

    def _context(self, protocol: int) -> ssl.SSLContext:
        """Either end demands a certificate of the authority; only a client also demands a name."""
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if protocol == ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0  # no client of ours resumes a session
        try:
            context.load_verify_locations(self._folder / "ca.crt")
            context.load_cert_chain(self._folder / "tls.crt", self._folder / "tls.key")
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(f"{self._folder}: ca.crt, tls.crt and tls.key do not fit ({error})") from error
        return context


async def until_renewed(credentials: Credentials | None) -> None:
    """Return when the files contain another certificate; never where there is none.

    OpenSSL cannot exchange the certificate and the authority of connections that are open, so the process ends and is
    started again, which happens once in weeks.
    """
    while credentials is None or not await asyncio.to_thread(credentials.has_changed):  # noqa: ASYNC110  # files
        await asyncio.sleep(_LOOK_SECONDS)
