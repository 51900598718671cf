"""Keeps what fails to the object that fails: every job, node, plan, report and settlement on its own.

Whatever one of them raises becomes a cause that is remembered here. Conditions, events, metrics and the EnergyPolicy
are fed from it, and the object is tried again after a pause that grows up to a limit. Nothing else waits for it.
What is remembered is a cache: losing it means trying again at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sunward.cluster.access.causes import cause_of, is_unreachable
from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason


class Part(StrEnum):
    """The part of a pass in which an object failed; also the label `part` of the metric."""

    READ = "read"
    PLAN = "plan"
    STEP = "step"
    APPLY = "apply"
    REPORT = "report"
    SETTLE = "settle"


FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE: Mapping[Part, timedelta] = {
    Part.READ: timedelta(0),
    Part.PLAN: timedelta(seconds=30),
    Part.STEP: timedelta(seconds=4),
    Part.APPLY: timedelta(seconds=60),
    Part.REPORT: timedelta(seconds=60),
    Part.SETTLE: timedelta(seconds=60),
}
"""A node is tried again soon, because a person may be waiting for it; everything else need not be tried often."""
PASSING = frozenset({Reason.WRITE_CONFLICT, Reason.NOT_LEADER})
"""Reasons that say nothing about the object: another writer came first. The next pass need not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object by its kind and its name, with its namespace where it has one; `generation` is that of its spec."""

    kind: str
    name: str
    generation: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What failed in which part, why, how often in a row, and when it is tried again."""

    part: Part
    subject: Subject
    cause: Cause
    attempts: int
    again_at: datetime


Told = Callable[[Failure, Exception | None], None]


class Containment:
    """The failures of all parts, by part and object. `told` hears of each, with the error behind it."""

    def __init__(self, clock: Callable[[], datetime], told: Told) -> None:
        self._clock = clock
        self._told = told
        self._failures: dict[tuple[Part, str, str], Failure] = {}
        self.unreachable: Exception | None = None

    @contextmanager
    def contain(self, part: Part, subject: Subject) -> Iterator[None]:
        """Whatever is raised inside ends there and is remembered; a success forgets what failed before."""
        try:
            yield
        except Exception as error:  # the shell around one object: it becomes a cause
            self._note_error(part, subject, error)
        else:
            self.forget(part, subject)

    def _note_error(self, part: Part, subject: Subject, error: Exception) -> None:
        """A server that does not answer while a job is applied may be a webhook that hangs; elsewhere it is the server
        itself, and the pass says so at its end."""
        if part is not Part.APPLY and is_unreachable(error):
            self.unreachable = self.unreachable or error
        self.note(part, subject, cause_of(error), error=error)

    def note(self, part: Part, subject: Subject, cause: Cause, *, error: Exception | None = None) -> None:
        """Remember that an object cannot be carried out."""
        before = self._failures.get(_key(part, subject))
        attempts = 1 if before is None else before.attempts + 1
        again_at = self._clock() + _pause(part, cause, attempts)
        failure = Failure(part=part, subject=subject, cause=cause, attempts=attempts, again_at=again_at)
        self._failures[_key(part, subject)] = failure
        if before is None or part is not Part.READ or before.cause != cause:  # what is read is read in every pass
            self._told(failure, error)

    def is_due(self, part: Part, subject: Subject) -> bool:
        """Whether an object may be tried now: it has not failed, its pause is over, or its spec is another."""
        failure = self._failures.get(_key(part, subject))
        if failure is None or failure.subject.generation != subject.generation:
            return True
        return self._clock() >= failure.again_at

    def cause(self, subject: Subject, *parts: Part) -> Cause | None:
        """Why an object fails in one of the parts, the first that does; None when it fails in none of them."""
        found = (self._failures.get(_key(part, subject)) for part in parts)
        return next((failure.cause for failure in found if failure is not None), None)

    def failing(self) -> Collection[Failure]:
        """What fails, in the order of parts and names; what passes by itself is not worth telling."""
        return [failure for _, failure in sorted(self._failures.items()) if failure.cause.reason not in PASSING]

    def forget(self, part: Part, subject: Subject) -> None:
        """It is as it should be."""
        self._failures.pop(_key(part, subject), None)

    def keep_only(self, part: Part, kind: str, names: Collection[str]) -> None:
        """Forget objects of a kind that are no longer among those that a part deals with."""
        gone = [key for key in self._failures if key[:2] == (part, kind) and key[2] not in names]
        for key in gone:
            del self._failures[key]

    def ended(self) -> None:
        """The pass is over. Raises the error of a server that did not answer, after everything else was tried."""
        error, self.unreachable = self.unreachable, None
        if error is not None:
            raise error


def _key(part: Part, subject: Subject) -> tuple[Part, str, str]:
    return part, subject.kind, subject.name


def _pause(part: Part, cause: Cause, attempts: int) -> timedelta:
    """Doubled with each failure in a row, up to the part's limit."""
    if cause.reason in PASSING:
        return timedelta(0)
    return min(LONGEST_PAUSE[part], FIRST_PAUSE * float(2 ** min(attempts - 1, 16)))
