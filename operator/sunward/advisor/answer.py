"""The answer to a request, exactly the fields of its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sunward.advisor.compiling.compile import Compiled
from sunward.advisor.request.types import Draft, NotSolvable, Request, Status
from sunward.optimisation.problem.solution import Solution

SCHEMA = "sunward.dev/advice/v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One answer; `refusal` where nothing was solved, and then no value. `account` is what answering took.

    `sources` are the nearest pages of the knowledge base and `similar` the nearest requests of a repository, for people
    to read; nothing is computed from either."""

    status: Status
    text: str
    account: Mapping[str, Any]
    refusal: NotSolvable | None = None
    draft: Draft | None = None
    request: Request | None = None
    compiled: Compiled | None = None
    solution: Solution | None = None
    objective_value: float | None = None
    base_objective_value: float | None = None
    limits: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    sources: tuple[Mapping[str, Any], ...] = ()
    knowledge_digest: str = ""
    similar: tuple[Mapping[str, Any], ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The answer as JSON shows it."""
        refusal, request, compiled = self.refusal, self.request, self.compiled
        objective = request.objective if request is not None else "emissions"
        return {
            "schema": SCHEMA,
            "status": self.status.value,
            "code": refusal.code.value if refusal is not None else None,
            "question": refusal.question if refusal is not None else None,
            "choices": list(refusal.choices) if refusal is not None else [],
            "objective": objective,
            "objective_value": self.objective_value,
            "unit": unit(objective),
            "base_objective_value": self.base_objective_value,
            "limits": list(self.limits),
            "request": request.as_data() if request is not None else None,
            "draft": _draft(self.draft),
            "problem": json.loads(compiled.problem.to_json()) if compiled is not None else None,
            "changes": list(compiled.changes) if compiled is not None else [],
            "assumptions": list(request.assumptions) if request is not None else [],
            "warnings": [*(compiled.warnings if compiled is not None else ()), *self.warnings],
            "solution": json.loads(self.solution.to_json()) if self.solution is not None else None,
            "sources": [dict(source) for source in self.sources],
            "similar": [dict(one) for one in self.similar],
            "text": self.text,
            "account": dict(self.account),
            "knowledge_digest": self.knowledge_digest,
        }


def unit(objective: str) -> str:
    """The unit of an objective."""
    return "Wh" if objective == "grid-energy" else "g"


def _draft(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None:
        return None
    return {"objective": draft.objective, "edits": list(draft.edits), "limits": list(draft.limits)}
