"""Does the demo still get anywhere? Counted in finished rounds and settled periods: a slow machine may be slow."""

from __future__ import annotations

from dataclasses import dataclass

from sunward_lab.demo.cluster import Look
from sunward_lab.demo.record import at
from sunward_lab.demo.verdict import settled


@dataclass(slots=True, kw_only=True)
class Progress:
    """What was finished last, and when. Times are seconds of one monotonic clock."""

    stall_seconds: float
    begun: float
    _finished: tuple[int, int | None] = (0, None)
    _settled_at_the_end: int | None = None

    def add(self, seen: Look, now: float) -> None:
        """Take in one look: until the job is over rounds count, then settled periods."""
        periods = len(settled(seen.plans))
        if self._settled_at_the_end is None and any(at(job, "status", "completionTime") for job in seen.jobs):
            self._settled_at_the_end = periods
        rounds = max((at(job, "status", "round") or 0 for job in seen.jobs), default=0)
        finished = (rounds, None if self._settled_at_the_end is None else periods)
        if finished != self._finished:
            self._finished, self.begun = finished, now

    def has_stalled(self, now: float) -> bool:
        """Whether nothing was finished for longer than the limit."""
        return now - self.begun > self.stall_seconds

    @property
    def periods_after_the_job(self) -> int | None:
        """Periods settled since the job was over; None while it is not."""
        periods = self._finished[1]
        return None if periods is None or self._settled_at_the_end is None else periods - self._settled_at_the_end
