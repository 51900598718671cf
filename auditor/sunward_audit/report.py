"""What the auditor has to say: a line per violation, a table of all invariants, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sunward_audit.verdicts import Invariant, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that must not be, from the first to the last event at which it was seen."""

    invariant: str
    subject: str
    what: str
    evidence: str
    first: datetime
    last: datetime
    times: int = 1

    def line(self) -> str:
        """One line for people."""
        evidence = f" ({self.evidence})" if self.evidence else ""
        return f"{self.first:%Y-%m-%dT%H:%M:%S.%f}Z {self.invariant} {self.subject}: {self.what}{evidence}"


class Result(StrEnum):
    """What became of an invariant."""

    HELD = "held"
    BROKEN = "broken"
    NOTHING = "nothing to judge"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the table. `unjudged` names what could not be observed, even where the rest held."""

    invariant: str
    sentence: str
    result: Result
    judged: int
    violations: int
    unjudged: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything at the end of an audit."""

    began: datetime | None
    ended: datetime | None
    violations: tuple[Violation, ...]
    findings: tuple[Finding, ...]

    def table(self) -> Iterator[str]:
        """A row per invariant, with what could not be judged below it."""
        for row in self.findings:
            counts = f"{row.judged:>7} judged {row.violations:>4} broken"
            yield f"{row.invariant:<4} {row.result:<17} {counts}  {row.sentence}"
            yield from (f"       not judged: {what}" for what in row.unjudged)

    def as_json(self) -> dict[str, Any]:
        """The same for machines; times are RFC 3339."""
        violations = [asdict(v) | {"first": v.first.isoformat(), "last": v.last.isoformat()} for v in self.violations]
        return {
            "began": self.began.isoformat() if self.began else None,
            "ended": self.ended.isoformat() if self.ended else None,
            "violations": violations,
            "invariants": [asdict(row) | {"result": str(row.result)} for row in self.findings],
        }


def finding(invariant: Invariant, judged: int, violations: int, sources: Set[Source]) -> Finding:
    """A row: an invariant without its sources, or without an occasion, is never called held."""
    missing = sorted(invariant.needs - sources)
    unjudged = [f"all of it needs {source}" for source in missing]
    if not missing:
        unjudged += [f"{what} (needs {source})" for source, what in invariant.helped_by if source not in sources]
        unjudged += [invariant.blind_to] if invariant.blind_to else []
    result = Result.HELD if judged else Result.NOTHING
    if violations:
        result = Result.BROKEN
    elif missing:
        result = Result.NOT_JUDGED
    return Finding(
        invariant=invariant.id,
        sentence=invariant.sentence,
        result=result,
        judged=judged,
        violations=violations,
        unjudged=tuple(unjudged),
    )
