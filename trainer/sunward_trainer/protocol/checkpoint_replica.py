"""A worker's copy of the coordinator's newest checkpoint, for the day that the coordinator loses its disk."""

import http.client
import io
import json
import threading

import numpy as np

from sunward_trainer.learning.models import Weights


def encode(description: str, weights: Weights) -> bytes:
    """The bytes of a checkpoint file."""
    buffer = io.BytesIO()
    np.savez(buffer, document=np.array(description), weights=weights)
    return buffer.getvalue()


class CheckpointReplica:
    """Holds the newest copy. Written by the training thread and the loop, read by the HTTP server."""

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
        """The copy as the bytes of a checkpoint file, empty while there is none."""
        with self._lock:
            return self._content

    def keep(self, description: str, weights: Weights) -> None:
        """Take the checkpoint that an order described; one of round 0 is not worth keeping."""
        number = int(json.loads(description)["round"])
        if number:
            self.keep_bytes(number, encode(description, weights))

    def keep_bytes(self, number: int, content: bytes) -> None:
        """Take a checkpoint file of that round."""
        with self._lock:
            self._round, self._content = number, content


def fetch(address: str, *, timeout_seconds: float = 10.0) -> bytes:
    """The copy that the worker at `address` (host:port) has kept. Raises OSError when it cannot be had."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=timeout_seconds)
    try:
        connection.request("GET", "/checkpoint")
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status}")
    return content
