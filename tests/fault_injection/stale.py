"""Suite R4: after a restart the operator's first lists are older than what it, or a person, did since.

The loop lives in this process on a real API server. It is killed after some passes of a sleep or a wake; something may
happen meanwhile; its successor is given lists of the past, of another age for each kind of object, and is judged by
what reaches the relays. Reads of one object by its name are true, as they are on every API server.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from support.faults.outcome import Options, Outcome
from support.faults.scene import audit_violations, fault_stage
from support.faults.stale import StaleTrials, Tally
from support.real.audit_process import audited
from support.real.operator_process import token

TITLE = "R4 stale state"
NODES = 3
PLANS = 50
LONG_CLUSTERS = 6
"""Fifty plans each: a node may sleep 48 times a day at most, and in more plans on three nodes it would have to."""


def run(options: Options) -> Outcome:
    """Fifty plans on one cluster; in long mode on six, one after the other."""
    tally, dice = Tally(), random.Random(options.seed)
    found: list[str] = []
    try:
        for _ in range(LONG_CLUSTERS if options.long else 1):
            found += _one_cluster(tally, dice)
    except pytest.skip.Exception as skipped:
        return _outcome(options, tally, [], not_run=str(skipped))
    return _outcome(options, tally, [*tally.violations, *found])


def _one_cluster(tally: Tally, dice: random.Random) -> list[str]:
    """The plans of one cluster; what relays and the auditor say of them."""
    with fault_stage(nodes=NODES, warmUpSeconds=0) as scene:
        kubeconfig = scene.proxy.kubeconfig(scene.world.run.path / "proxy.json", token(scene.world.admin))
        with audited(scene.world) as audit:
            trials = StaleTrials(scene=scene, kubeconfig=kubeconfig, dice=dice, tally=tally)
            asyncio.run(trials.run(PLANS))
        return [*scene.violations(), *audit_violations(audit)]


def _outcome(options: Options, tally: Tally, violations: list[str], *, not_run: str | None = None) -> Outcome:
    return Outcome(
        suite="stale",
        title=TITLE,
        seed=options.seed,
        counts={
            "plans": tally.plans,
            "stale_passes": tally.stale_passes,
            "passes_refused_by_the_server": tally.refused_passes,
            "power_actions_while_stale": tally.actions_while_stale,
        },
        violations=violations,
        not_run=not_run,
        figures={"interludes": tally.interludes, "most_passes_to_settle": tally.most_passes_after},
    )
