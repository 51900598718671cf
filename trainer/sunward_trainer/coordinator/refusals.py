"""Which workers' updates were refused, how often in a row, and who is not asked for a while because of it.

A worker that sends what cannot be used costs energy, its own and the round's. After some refusals in a row it is not
asked again for a while, and its shards are then handled like those of a worker that is not there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sunward_trainer.learning.inspection import Refusal
from sunward_trainer.protocol.rounds import Missing

IN_A_ROW: Final = 3
SHORTEST_PAUSE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
MOST_TOLD: Final = 256
"""Workers that are named; as many as a job can have shards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWorker:
    """A worker whose newest reply was refused; `until` is the monotonic time before which it is not asked."""

    node: str
    refusal: Refusal
    in_a_row: int
    until: float


class Refusals:
    """The memory of one coordinator. `counted` are those of earlier rounds, by reason, from its checkpoint."""

    def __init__(self, *, clock: Callable[[], float], counted: Mapping[str, int]) -> None:
        self._clock = clock
        self._totals: Counter[str] = Counter(counted)
        self._workers: dict[str, RefusedWorker] = {}

    def note(self, *, answered: Iterable[str], missing: Iterable[Missing]) -> None:
        """After a try: who was asked and sent something that counts, and what is missing. One bad pair is enough."""
        refused = [(entry.node, entry.refusal) for entry in missing if entry.refusal is not None]
        self._totals.update(refusal for _, refusal in refused)
        for node in set(answered) - {node for node, _ in refused}:
            self._workers.pop(node, None)
        for node, refusal in dict(refused).items():
            self._workers[node] = self._once_more(node, refusal)

    def _once_more(self, node: str, refusal: Refusal) -> RefusedWorker:
        before = self._workers.get(node)
        in_a_row = 1 if before is None else before.in_a_row + 1
        pause = min(SHORTEST_PAUSE_SECONDS * 2.0 ** min(in_a_row - IN_A_ROW, 10), LONGEST_PAUSE_SECONDS)
        until = self._clock() + (pause if in_a_row >= IN_A_ROW else 0.0)
        return RefusedWorker(node=node, refusal=refusal, in_a_row=in_a_row, until=until)

    def is_paused(self, node: str) -> bool:
        """Whether the worker is not to be asked now."""
        found = self._workers.get(node)
        return found is not None and self._clock() < found.until

    @property
    def workers(self) -> tuple[RefusedWorker, ...]:
        """Those whose newest reply was refused, the most stubborn first, bounded."""
        ordered = sorted(self._workers.values(), key=lambda worker: (-worker.in_a_row, worker.node))
        return tuple(ordered[:MOST_TOLD])

    @property
    def totals(self) -> dict[str, int]:
        """Refused updates by reason."""
        return {str(refusal): count for refusal, count in sorted(self._totals.items())}
