"""A worker's copy of the coordinator's newest checkpoint, for the day that the coordinator loses its disk.

A worker could give back anything, so the coordinator seals what it gives out: an HMAC over the description, which names
job and round, and the weights, with a key that workers do not have. A copy is checked before anything in it is read.
Its bytes are the seal, the description's length, the description and the weights, without any packing.
"""

import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np

from sunward_trainer.learning.models import Weights

_PURPOSE: Final = b"sunward.dev/checkpoint/v1alpha1\n"
_SEAL_BYTES: Final = hashlib.sha256().digest_size
_LENGTH_BYTES: Final = 8


class SealError(ValueError):
    """The bytes are not a checkpoint that this job's coordinator sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDescription:
    """What a checkpoint's description says, with the seal over it and its weights."""

    round: int
    seal: str
    description: str

    def text(self) -> str:
        """As one text, in which an order carries it."""
        return json.dumps({"round": self.round, "seal": self.seal, "description": self.description})

    @classmethod
    def parse(cls, text: str) -> "SealedDescription":
        """Read that text. Raises ValueError or TypeError."""
        return cls(**json.loads(text))


class Seal:
    """Signs and checks checkpoints with the job's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, description: str, weights: Weights) -> SealedDescription:
        """Seal a checkpoint; the description is JSON with its round."""
        seal = self._seal(description.encode(), _flat(weights)).hex()
        return SealedDescription(round=int(json.loads(description)["round"]), seal=seal, description=description)

    def open(self, content: bytes) -> tuple[str, Weights]:
        """Description and weights, (parameters,), of a copy. Raises SealError unless this key sealed them."""
        start = _SEAL_BYTES + _LENGTH_BYTES
        length = int.from_bytes(content[_SEAL_BYTES:start], "big")
        description, weights = content[start : start + length], content[start + length :]
        if len(content) < start + length or len(weights) % 4:
            raise SealError("is cut short")
        if not hmac.compare_digest(content[:_SEAL_BYTES], self._seal(description, weights)):
            raise SealError("was not sealed by this job's coordinator")
        return description.decode(), np.frombuffer(weights, dtype="<f4").astype(np.float32)

    def _seal(self, description: bytes, weights: bytes) -> bytes:
        mac = hmac.new(self._key, _PURPOSE, hashlib.sha256)
        for part in (len(description).to_bytes(_LENGTH_BYTES, "big"), description, weights):
            mac.update(part)
        return mac.digest()


def encode(sealed: SealedDescription, weights: Weights) -> bytes:
    """The bytes of a copy."""
    text = sealed.description.encode()
    return bytes.fromhex(sealed.seal) + len(text).to_bytes(_LENGTH_BYTES, "big") + text + _flat(weights)


def _flat(weights: Weights) -> bytes:
    return np.ascontiguousarray(weights, dtype="<f4").tobytes()


class CheckpointReplica:
    """Holds the newest copy. Written by the training thread and the loop, read by the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._round: int | None = None
        self._content = b""

    @property
    def round(self) -> int | None:
        """Round of the copy, None while there is none."""
        with self._lock:
            return self._round

    @property
    def content(self) -> bytes:
        """The copy's bytes, empty while there is none."""
        with self._lock:
            return self._content

    def keep(self, description: str, weights: Weights) -> None:
        """Take the checkpoint that an order described; one of round 0 is not worth keeping."""
        sealed = SealedDescription.parse(description)
        if sealed.round:
            self.keep_bytes(sealed.round, encode(sealed, weights))

    def keep_bytes(self, number: int, content: bytes) -> None:
        """Take the copy of that round."""
        with self._lock:
            self._round, self._content = number, content

    def drop(self) -> None:
        """Forget a copy that the coordinator does not take back."""
        with self._lock:
            self._round, self._content = None, b""
