"""I1 to I16: the sentences, their checks, and what cannot be observed from outside."""

from __future__ import annotations

from collections.abc import Iterable

from sunward_audit.checks import budgets, data, jobs, ledger, marks, pods, power, rhythm, secrets, writes
from sunward_audit.verdicts import Invariant, Source


def invariants(secret_values: Iterable[str] = ()) -> tuple[Invariant, ...]:
    """All sixteen. `secret_values` are looked for in everything that is shown, and never repeated."""
    return (*_power(), *_pods(), *_rhythm(), *_books(), _fencing(), _secrets(tuple(secret_values)))


def _power() -> tuple[Invariant, ...]:
    orders = ((Source.ORDERS, "power that is cut without an announcement"),)
    return (
        Invariant(
            id="I1",
            sentence="no power-off of control plane, opted-out, unmanaged or self-hosting nodes",
            checks=(power.protected,),
            helped_by=orders,
        ),
        Invariant(
            id="I2",
            sentence="at power-off no pod that would be lost is bound and no volume attached",
            checks=(power.undrained,),
            helped_by=orders,
        ),
        Invariant(
            id="I3",
            sentence="few nodes in transition, enough awake, asleep + not ready at most max(2, half)",
            checks=(budgets.in_transition, budgets.going_down, budgets.lasting),
        ),
    )


def _pods() -> tuple[Invariant, ...]:
    return (
        Invariant(
            id="I4",
            sentence="pods are removed by eviction only, and no disruption budget is broken",
            checks=(pods.deletions, pods.disruption_budgets),
            helped_by=((Source.REQUESTS, "who deleted a pod"),),
        ),
        Invariant(
            id="I5",
            sentence="every eviction carries the UID of a pod on a node that is being drained",
            checks=(pods.evictions,),
            needs=frozenset({Source.OBJECTS, Source.REQUESTS}),
        ),
        Invariant(
            id="I6",
            sentence="only our own cordons and taints are taken back, foreign ones survive",
            checks=(marks.foreign_parts, marks.foreign_cordon, marks.node_writes),
            helped_by=((Source.REQUESTS, "who took an unmarked cordon"),),
        ),
        Invariant(
            id="I7",
            sentence="every sleep rests on recorded inputs, measured and fresh",
            checks=(data.inputs,),
            blind_to="whether the recorded ages and qualities are true",
        ),
    )


def _rhythm() -> tuple[Invariant, ...]:
    return (
        Invariant(
            id="I8",
            sentence="dwell times and cycles per day are kept",
            checks=(rhythm.dwell, rhythm.cycles),
        ),
        Invariant(
            id="I9",
            sentence="a failed drain is undone at most 30 s after its timeout",
            checks=(rhythm.failed_drain, rhythm.leftover_cordon),
            blind_to="time in which the Lease was not held is not counted",
        ),
        Invariant(
            id="I10",
            sentence="a wake ends in time, after at most the allowed tries, or is given up aloud",
            checks=(rhythm.wakes, rhythm.tries, rhythm.degraded),
            helped_by=((Source.ORDERS, "requests for power that no record tells of"),),
            blind_to="time in which the Lease was not held is not counted",
        ),
        Invariant(
            id="I11",
            sentence="every job ends or keeps a reason, and its rounds never go back",
            checks=(jobs.rounds, jobs.reasons),
            blind_to="whether each round was aggregated once: only the trainer's own records tell",
        ),
    )


def _books() -> tuple[Invariant, ...]:
    return (
        Invariant(
            id="I12",
            sentence="after the last disturbance the goal is reached, and then nothing is written but the Lease",
            checks=(writes.settles,),
            needs=frozenset({Source.OBJECTS, Source.CALM}),
            helped_by=((Source.REQUESTS, "writes to other kinds than our own"),),
            blind_to="writes of a status that changed nothing",
        ),
        Invariant(
            id="I13",
            sentence="the energy ledger closes within 0.1 % in every interval",
            checks=(ledger.closes,),
            blind_to="whether the meters told the truth",
        ),
        Invariant(
            id="I14",
            sentence="at most one write per object and minute, and five a second in all",
            checks=(writes.frugal, writes.in_all),
            helped_by=((Source.REQUESTS, "writes that changed nothing"),),
        ),
    )


def _fencing() -> Invariant:
    return Invariant(
        id="I15",
        sentence="no two processes act under one fencing token, nor an older one after a younger",
        checks=(power.announced, power.fencing, power.needless, power.tokens_on_record, power.one_holder),
        helped_by=((Source.ORDERS, "what the relays were really told"),),
    )


def _secrets(values: tuple[str, ...]) -> Invariant:
    return Invariant(
        id="I16",
        sentence="no secret value in logs, events, status or metrics",
        checks=(secrets.no_shapes, secrets.no_values(values)) if values else (secrets.no_shapes,),
        helped_by=(
            (Source.LOGS, "logs and metrics pages"),
            (Source.SECRETS, "secrets without a telling shape"),
        ),
    )
