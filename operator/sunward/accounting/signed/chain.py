"""The chain: each settled period holds the hash of the one settled before it. Pure; the key is the caller's.

The hash is SHA-256 over the canonical JSON of schema, index, previous hash, plan and settlement: keys sorted, no white
space, whole numbers only, absent figures left out. It is stated in docs/accounting.md, so that other tools can check.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

SCHEMA: Final = "sunward.dev/ledger/v1alpha1"
SEAL: Final = "seal"
"""The key of a settlement that holds its seal; all others are what is hashed."""
BEFORE_THE_FIRST: Final = "0" * 64


class Signer(Protocol):
    """Whoever holds the private key."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hexadecimal digits."""
        ...

    def sign(self, digest: str) -> str:
        """Signature of a hash, in base64."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest entry of a chain: its index, from 1, and its hash."""

    index: int = 0
    digest: str = BEFORE_THE_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What is written beside a settlement. `key_fingerprint` and `signature` are None where there is no key."""

    index: int
    previous: str
    digest: str
    key_fingerprint: str | None = None
    signature: str | None = None

    @property
    def head(self) -> Head:
        """The end of the chain once this entry is its last."""
        return Head(index=self.index, digest=self.digest)


def seal(plan: str, settlement: Mapping[str, Any], head: Head, signer: Signer | None) -> Seal:
    """The seal of the entry that follows `head`. Raises TypeError for a settlement with anything but whole numbers."""
    index = head.index + 1
    digest = hashed(plan, settlement, index, head.digest)
    if signer is None:
        return Seal(index=index, previous=head.digest, digest=digest)
    return Seal(
        index=index,
        previous=head.digest,
        digest=digest,
        key_fingerprint=signer.fingerprint,
        signature=signer.sign(digest),
    )


def hashed(plan: str, settlement: Mapping[str, Any], index: int, previous: str) -> str:
    """The hash of an entry, in hexadecimal digits. Raises TypeError as `seal` does."""
    body = {key: value for key, value in settlement.items() if key != SEAL}
    entry = {"schema": SCHEMA, "index": index, "previous": previous, "plan": plan, "settlement": body}
    text = json.dumps(_canonical(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: Any) -> Any:
    """A value without what is absent; a fraction has more than one spelling and is refused."""
    if isinstance(value, Mapping):
        return {key: _canonical(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_canonical(one) for one in value]
    if value is None or isinstance(value, str | int):  # bool is an int, and has one spelling
        return value
    raise TypeError(f"a ledger holds whole numbers and texts, not {type(value).__name__}")
