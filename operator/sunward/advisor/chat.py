"""A conversation: each turn adds its edits to the accepted ones; `undo`, `why`, `changes` and `reset` are commands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sunward.advisor.account import Meter
from sunward.advisor.advise import advise
from sunward.advisor.answer import Advice
from sunward.advisor.request.types import Base, Edit, Request, Status
from sunward.advisor.solving import Solve

COMMANDS = ("undo", "why", "changes", "reset")
_TARGETS = ("edit", "name", "jobs", "nodes", "zones", "from_period", "to_period")


@dataclass(slots=True)
class Conversation:
    """Accepted answers of one conversation, oldest first."""

    base: Base
    solve: Solve
    accepted: list[Advice] = field(default_factory=list)

    def say(self, line: str, meter: Meter) -> Advice | str:
        """The answer to a turn, or the text of a command."""
        command = line.strip().lower().rstrip(".!")
        if command in COMMANDS:
            return self._command(command)
        answer = advise(line, self.base, self.solve, meter, self._merged)
        if answer.status in (Status.SOLVED, Status.INFEASIBLE):
            self.accepted.append(answer)
        return answer

    def _merged(self, request: Request) -> Request:
        if not self.accepted or self.accepted[-1].request is None:
            return request
        before = self.accepted[-1].request
        kept = [
            (edit, because)
            for edit, because in zip(before.edits, before.because, strict=True)
            if not _replaced(edit, request)
        ]
        quantities = {limit["limit"] for limit in request.limits}
        return replace(
            request,
            edits=(*(edit for edit, _ in kept), *request.edits),
            because=(*(because for _, because in kept), *request.because),
            limits=(*(limit for limit in before.limits if limit["limit"] not in quantities), *request.limits),
            objective=request.objective if request.objective != "emissions" else before.objective,
            assumptions=tuple(dict.fromkeys((*before.assumptions, *request.assumptions))),
        )

    def _command(self, command: str) -> str:
        if command == "reset":
            self.accepted.clear()
            return "All accepted turns are gone; the base holds."
        if command == "undo":
            if not self.accepted:
                return "There is no turn to take back."
            self.accepted.pop()
            return f"The last turn is taken back; {len(self.accepted)} remain."
        if not self.accepted:
            return "No turn is accepted yet; the base holds."
        return self.accepted[-1].text if command == "why" else _changes(self.accepted[-1])


def _changes(answer: Advice) -> str:
    compiled = answer.compiled
    rows = compiled.changes if compiled is not None else ()
    return (
        "\n".join(f"{row['path']}: {row['from']} -> {row['to']} ({row['because']})" for row in rows)
        or "nothing differs from the base"
    )


def _replaced(edit: Edit, request: Request) -> bool:
    """Whether a new edit sets the same field of the same things."""
    return any(_target(edit) == _target(new) and _fields(edit) & _fields(new) for new in request.edits)


def _target(edit: Edit) -> tuple[str, ...]:
    return tuple(str(edit.get(key)) for key in _TARGETS)


def _fields(edit: Edit) -> set[str]:
    found = {key for key, value in edit.items() if key not in _TARGETS and value is not None}
    return found or {"all"}
