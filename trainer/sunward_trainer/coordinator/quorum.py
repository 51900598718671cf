"""Whether a round can start: what the assignment asks for, and which of its workers are there."""

from collections.abc import Callable

from sunward_trainer.protocol.assignment import RoundAssignment
from sunward_trainer.protocol.members import Members


class Quorum:
    """Of one coordinator. A worker for which `is_paused` holds counts as absent; times are monotonic seconds."""

    def __init__(
        self,
        members: Members,
        *,
        minimum_workers: int,
        join_seconds: float,
        clock: Callable[[], float],
        is_paused: Callable[[str], bool] = lambda _node: False,
    ) -> None:
        self._members = members
        self._minimum_workers = minimum_workers
        self._join_seconds = join_seconds
        self._clock = clock
        self._is_paused = is_paused
        self._absent_since: dict[str, float] = {}

    def why_not(self, assignment: RoundAssignment | None, round_number: int, problem: str | None) -> str | None:
        """Why a round cannot start now, or None when it can; `problem` is what is wrong with the assignment file."""
        if assignment is None:
            return problem or "no assignment yet"
        last = assignment.until_round
        if last is not None and round_number > last:
            return f"plan {assignment.plan} asks for rounds up to {last}; waits for the next plan"
        nodes, quorum = assignment.nodes, self._minimum_workers
        if len(nodes) < quorum:
            return f"plan {assignment.plan} gives batches to {len(nodes)} workers, the quorum is {quorum}"
        absent = [node for node in nodes if not self.is_there(node)]
        if len(nodes) - len(absent) < quorum:
            listed = ", ".join(map(self._name_absent, absent))
            return f"{len(nodes) - len(absent)} of {quorum} required workers are present; absent: {listed}"
        hoped_for = [node for node in absent if self._may_still_come(node)]
        return f"waiting for {', '.join(hoped_for)} to join" if hoped_for else None

    def _name_absent(self, node: str) -> str:
        return f"{node} (updates refused)" if self._is_paused(node) else node

    def is_there(self, node: str) -> bool:
        """Whether the worker can be asked: it is alive, and was not refused again and again."""
        member = self._members.find(node)
        found = member is not None and self._members.is_alive(member) and not self._is_paused(node)
        if found:
            self._absent_since.pop(node, None)
        return found

    def _may_still_come(self, node: str) -> bool:
        if self._is_paused(node):
            return False
        since = self._absent_since.setdefault(node, self._clock())
        return self._clock() - since < self._join_seconds
