"""Ed25519 keys (RFC 8032) of a ledger, from PEM files as `openssl genpkey -algorithm ed25519` writes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from sunward.domain.errors import InvalidInput

PURPOSE: Final = b"sunward.dev/ledger/v1alpha1\n"
"""Signed before the hash, so that a signature made for anything else is none of a ledger."""


class SigningKey:
    """The operator's private key. It shows its fingerprint and never itself."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.fingerprint = _fingerprint(key.public_key())

    def sign(self, digest: str) -> str:
        """Signature of a hash, in base64."""
        return base64.b64encode(self._key.sign(PURPOSE + digest.encode("ascii"))).decode("ascii")


class PublicKey:
    """The key that anybody may have."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.fingerprint = _fingerprint(key)

    def is_signed(self, digest: str, signature: str) -> bool:
        """Whether a signature of a hash is this key's; a text that is no signature is none."""
        try:
            self._key.verify(base64.b64decode(signature, validate=True), PURPOSE + digest.encode("utf-8"))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def signing_key(pem: str, where: str) -> SigningKey:
    """The private key of a PEM text. Raises InvalidInput, which never holds the text."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: the key has a password
        raise InvalidInput(
            where, "holds no Ed25519 key in PEM: make one by openssl genpkey -algorithm ed25519"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(where, "holds a key of another kind: make one by openssl genpkey -algorithm ed25519")
    return SigningKey(key)


def public_key(pem: str, where: str) -> PublicKey:
    """The public key of a PEM text. Raises InvalidInput."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput(
            where, "holds no public key in PEM: take it from the private key by openssl pkey -pubout"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(where, "holds a key of another kind: ledgers are signed by Ed25519")
    return PublicKey(key)


def _fingerprint(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()
