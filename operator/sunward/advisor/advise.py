"""The advisor: a request and a base in, an answer out. It reads and computes, and acts on nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sunward.advisor.account import Meter
from sunward.advisor.answer import Advice
from sunward.advisor.compiling.compile import Compiled, as_grid_energy, compile_request
from sunward.advisor.explaining import text_of
from sunward.advisor.knowledge.index import index
from sunward.advisor.parser.parse import parse
from sunward.advisor.request.check import check
from sunward.advisor.request.types import Base, Draft, NotSolvable, Request, Status
from sunward.advisor.solving import Outcome, Solve, solved

Merge = Callable[[Request], Request]
"""What a conversation adds to a turn's request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A request up to its problem."""

    draft: Draft
    request: Request
    compiled: Compiled


def advise(request: str, base: Base, solve: Solve, meter: Meter, merge: Merge = lambda request: request) -> Advice:
    """The answer to one request. Raises SolverFailed where the solver proves no optimum, and nothing else."""
    with meter.stage("retrieve"):
        pages = index()
        found = pages.search(request)
    sources = tuple(one.as_data() for one in found)  # for people to read; nothing is computed from them
    return replace(_advised(request, base, solve, meter, merge), sources=sources, knowledge_digest=pages.digest)


def _advised(request: str, base: Base, solve: Solve, meter: Meter, merge: Merge) -> Advice:
    """The answer without its sources."""
    try:
        understood = understand(request, base, meter, merge)
        with meter.stage("solve"):
            outcome = _outcome(understood, base, solve)
    except NotSolvable as refusal:
        return Advice(status=refusal.status, text=refusal.question, account=meter.account(), refusal=refusal)
    return _answered(understood, outcome, meter)


def understand(request: str, base: Base, meter: Meter, merge: Merge) -> Understood:
    """Draft, check and compile. Raises NotSolvable."""
    with meter.stage("draft"):
        draft = parse(request, base)
    with meter.stage("check"):
        checked = merge(check(request, draft, base))
    with meter.stage("compile"):
        compiled = compile_request(checked, base)
    return Understood(draft=draft, request=checked, compiled=compiled)


def _outcome(understood: Understood, base: Base, solve: Solve) -> Outcome:
    request = understood.request
    before = as_grid_energy(base.problem) if request.objective == "grid-energy" else base.problem
    return solved(understood.compiled.problem, before, request.objective, request.limits, solve)


def _answered(understood: Understood, outcome: Outcome, meter: Meter) -> Advice:
    account = meter.account()
    return Advice(
        status=Status.SOLVED if outcome.is_met else Status.INFEASIBLE,
        text=text_of(understood.request, understood.compiled, outcome, account),
        account=account,
        draft=understood.draft,
        request=understood.request,
        compiled=understood.compiled,
        solution=outcome.solution,
        objective_value=outcome.value,
        base_objective_value=outcome.base.objective_grams,
        limits=outcome.limits,
    )
