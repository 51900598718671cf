"""Values that the stages hand on: a draft, a request, a question or refusal instead of either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sunward.optimisation.problem.instance import Problem

SCHEMA = "sunward.dev/request/v1alpha1"
Edit = dict[str, Any]


class Status(StrEnum):
    """How an answer ends."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    CLARIFY = "clarify"
    REFUSED = "refused"


class Code(StrEnum):
    """Why nothing was solved."""

    UNKNOWN_NAME = "unknown-name"
    MISSING_VALUE = "missing-value"
    AMBIGUOUS = "ambiguous"
    UNREAD = "unread"
    CONTRADICTION = "contradiction"
    IMPOSSIBLE_VALUE = "impossible-value"
    OUTSIDE_HORIZON = "outside-horizon"
    NOT_EXPRESSIBLE = "not-expressible"
    ACTUATION = "actuation"
    UNSAFE = "unsafe"
    OUT_OF_SCOPE = "out-of-scope"
    UNSUPPORTED_OBJECTIVE = "unsupported-objective"
    UNSUPPORTED_CLAIM = "unsupported-claim"
    INJECTION = "injection"


REFUSALS = frozenset(
    {Code.ACTUATION, Code.UNSAFE, Code.OUT_OF_SCOPE, Code.UNSUPPORTED_OBJECTIVE, Code.UNSUPPORTED_CLAIM, Code.INJECTION}
)


class NotSolvable(Exception):
    """A stage ends with a question or a refusal: code, one sentence, what can be chosen."""

    def __init__(self, code: Code, question: str, choices: tuple[str, ...] = ()) -> None:
        self.code = code
        self.question = question
        self.choices = choices
        super().__init__(question)

    @property
    def status(self) -> Status:
        """Refused, or asked back."""
        return Status.REFUSED if self.code in REFUSALS else Status.CLARIFY


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Edits whose values are pieces of the request; `notes` are conventions used while reading."""

    edits: tuple[Edit, ...] = ()
    limits: tuple[Edit, ...] = ()
    objective: str = "emissions"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Edits in numbers and periods; `because` has the piece of the request for each edit."""

    edits: tuple[Edit, ...]
    limits: tuple[Edit, ...]
    objective: str
    because: tuple[str, ...]
    assumptions: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """The request as JSON shows it."""
        return {"schema": SCHEMA, "objective": self.objective, "edits": list(self.edits), "limits": list(self.limits)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a request changes: a problem, and when its first period begins (with its offset)."""

    problem: Problem
    start: datetime

    @property
    def period(self) -> timedelta:
        """Length of a period."""
        return timedelta(seconds=self.problem.period_seconds)

    @property
    def end(self) -> datetime:
        """The end of the last period."""
        return self.start + self.problem.period_count * self.period

    @property
    def is_night(self) -> bool:
        """Whether `tonight` means the whole horizon."""
        return self.start.hour >= 17 and (self.end - self.start).total_seconds() <= 15 * 3600
