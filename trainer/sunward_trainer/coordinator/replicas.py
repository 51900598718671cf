"""Checkpoints that workers give back to a coordinator which has none of its own.

A worker pushes its copy, so that the coordinator connects to no address that it was given. Whichever worker is
asked about later, the newest copy with a valid seal is the answer: a worker can withhold a round but not invent one.
"""

import threading

from sunward_trainer.coordinator.checkpoint import Checkpoint, CheckpointError, describe, restore
from sunward_trainer.learning.models import Weights
from sunward_trainer.protocol.checkpoint_replica import Seal, SealedDescription, SealError, encode


class Replicas:
    """Seals what is given out, and keeps the newest of what comes back. Safe to call from any thread."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._lock = threading.Lock()
        self._newest: Checkpoint | None = None
        self._rounds: dict[str, int] = {}
        self._sealed: tuple[Checkpoint, SealedDescription] | None = None

    def sealed(self, checkpoint: Checkpoint) -> SealedDescription:
        """The description of our checkpoint with its seal; sealed once, however many workers receive it."""
        with self._lock:
            if self._sealed is None or self._sealed[0] is not checkpoint:
                self._sealed = (checkpoint, self._seal.close(describe(checkpoint), checkpoint.weights))
            return self._sealed[1]

    def content(self, checkpoint: Checkpoint) -> bytes:
        """The bytes of a copy of our checkpoint."""
        return encode(self.sealed(checkpoint), checkpoint.weights)

    def take(self, node: str, content: bytes) -> None:
        """A worker gives its copy back. Raises SealError when this job's coordinator did not seal it."""
        description, weights = self._seal.open(content)
        found = self._read(node, description, weights)
        with self._lock:
            self._rounds[node] = found.round
            if self._newest is None or found.round > self._newest.round:
                self._newest = found

    def _read(self, node: str, description: str, weights: Weights) -> Checkpoint:
        try:
            return restore(description, weights)
        except CheckpointError as error:
            raise SealError(f"the checkpoint kept by {node}: {error}") from error

    def round_of(self, node: str) -> int | None:
        """Round of the copy that a worker gave back, None when it gave none."""
        with self._lock:
            return self._rounds.get(node)

    @property
    def newest(self) -> Checkpoint | None:
        """The newest copy that was given back, or None."""
        with self._lock:
            return self._newest
