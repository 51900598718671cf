"""How long a round waits for workers that are alive: as long as they finish batches, within limits."""

from sunward_trainer.protocol.rounds import MissingReason


class Patience:
    """Of one try of a round, from `started` on; all times are monotonic seconds."""

    def __init__(self, *, stall_seconds: float, round_timeout_seconds: float, started: float) -> None:
        self._stall_seconds = stall_seconds
        self._round_timeout_seconds = round_timeout_seconds
        self._started = started
        self._seen: dict[str, tuple[int, float]] = {}

    def lost_with(self, node: str, batches_done: int, now: float) -> MissingReason | None:
        """Why patience with the worker has run out, or None while it has not."""
        done, since = self._seen.get(node, (-1, self._started))
        if batches_done != done:
            self._seen[node] = (batches_done, now)
        elif now - since > self._stall_seconds:
            return MissingReason.STALLED
        return MissingReason.TIMED_OUT if now - self._started > self._round_timeout_seconds else None
