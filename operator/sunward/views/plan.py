"""The plan in force as lanes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sunward.views.fields import Body, at, later, moment, name_of, rows, scaled, stamp, text, whole, why
from sunward.views.flows import MICRO
from sunward.views.models import Block, Decided, Lane, PlanView, Why

Span = tuple[datetime, datetime, bool]


def view(body: Body | None, nodes: Sequence[Body]) -> PlanView | None:
    """The pane; None without a plan, or for one without times."""
    start, end = moment(text(body, "spec", "periodStart")), moment(text(body, "spec", "periodEnd"))
    if body is None or start is None or end is None:
        return None
    reach = later(start, (end - start).total_seconds() * max(1, whole(body, "spec", "horizonPeriods") or 1))
    decided = [decision(row) for row in rows(body, "status", "decisions")]
    names = sorted(name_of(node) for node in nodes)
    return PlanView(
        name=name_of(body),
        start=stamp(start),
        reach=stamp(reach),
        dry_run=text(body, "spec", "mode") != "Active",
        status=text(body, "status", "solution", "status") or "Unknown",
        solver=text(body, "status", "solution", "solver"),
        why=_why(body),
        alternatives=_grams_by_mode(body),
        prices=dict(_prices(body)),
        lanes=tuple(_lanes(body, names, decided, (start, end, reach))),
        others=tuple(one for one in decided if one.subject not in set(names)),
        omitted=sum(whole(row, "count") or 0 for row in rows(body, "status", "omitted")),
    )


def decision(row: Body) -> Decided:
    """A row of `status.decisions`."""
    return Decided(
        kind=text(row, "kind") or "",
        subject=text(row, "subject") or "",
        why=why(row),
        dry_run=text(row, "result") == "DryRun",
    )


def _why(body: Body) -> Why | None:
    solution = at(body, "status", "solution")
    return why(solution) if text(solution, "reason") else None


def _grams_by_mode(body: Body) -> dict[str, float]:
    modes = ((mode, scaled(body, "status", "emissions", mode, per=MICRO)) for mode in ("none", "det", "dat", "deta"))
    return {mode: grams for mode, grams in modes if grams is not None}


def _prices(body: Body) -> Iterator[tuple[str, float]]:
    """Pool -> g CO2e that one more Wh would save."""
    for row in rows(body, "status", "prices", "energy"):
        grams = scaled(row, "microgramsPerWattHour", per=MICRO)
        if grams is not None:
            yield text(row, "pool") or "", grams


def _lanes(
    body: Body, names: Sequence[str], decided: Sequence[Decided], times: tuple[datetime, datetime, datetime]
) -> Iterator[Lane]:
    sleeps, work = _sleeps(body, times[2]), _work(body)
    about: dict[str, list[Decided]] = defaultdict(list)
    for one in decided:
        about[one.subject].append(one)
    for name in names:
        blocks = tuple(_blocks(sleeps.get(name, []), work.get(name, ""), times))
        yield Lane(node=name, blocks=blocks, decisions=tuple(about[name]))


def _sleeps(body: Body, reach: datetime) -> Mapping[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for row in rows(body, "status", "sleeps"):
        start, until = moment(text(row, "time")), moment(text(row, "until"))
        if start is not None and start < min(until or reach, reach):
            found[text(row, "node") or ""].append((start, min(until or reach, reach), until is None))
    return found


def _work(body: Body) -> Mapping[str, str]:
    """Node -> what it does in the first period. Rows that stand for a whole job name no node and are left out."""
    batches: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows(body, "status", "assignments"):
        if text(row, "node"):
            batches[row["node"]][text(row, "job") or ""] += whole(row, "batches") or 0
    return {node: ", ".join(f"{job}: {n} batches" for job, n in sorted(jobs.items())) for node, jobs in batches.items()}


def _blocks(sleeps: list[Span], work: str, times: tuple[datetime, datetime, datetime]) -> Iterator[Block]:
    """Without a gap from the plan's start to its reach: sleeps as planned, and awake between them."""
    start, end, reach = times
    at_work = bool(work) and not any(begin < end and start < until for begin, until, _ in sleeps)
    if at_work:
        yield _block("Work", start, end, work)
    here = end if at_work else start
    for begin, until, open_ended in sorted(sleeps):
        if here < begin:
            yield _block("Awake", here, begin, "awake")
        if max(here, begin) < until:
            yield _block("Sleep", max(here, begin), until, "asleep", open_ended=open_ended)
        here = max(here, until)
    if here < reach:
        yield _block("Awake", here, reach, "awake")


def _block(kind: str, start: datetime, end: datetime, words: str, *, open_ended: bool = False) -> Block:
    return Block(kind=kind, start=stamp(start), end=stamp(end), text=words, open_ended=open_ended)
