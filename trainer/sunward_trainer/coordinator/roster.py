"""Who may be a worker of this job: the homes of its shards, and every node that an assignment has named."""

from collections.abc import Iterable

from sunward_trainer.protocol.assignment import AssignmentFile


class Roster:
    """Reads the assignment file anew when a name is not known, because a worker may be quicker than the next round.

    Without homes and before the first assignment nothing is known of the job, and every name may be one of it.
    """

    def __init__(self, homes: Iterable[str], assignments: AssignmentFile) -> None:
        self._names = set(homes)
        self._assignments = assignments

    def knows(self, node: str) -> bool:
        """Whether the node has a part in the job."""
        if node not in self._names:
            self._learn()
        return node in self._names or not self._names

    def _learn(self) -> None:
        found = self._assignments.read()
        for worker in found.workers if found is not None else ():
            self._names.add(worker.node)
            self._names.update(work.from_node for work in worker.shards)
