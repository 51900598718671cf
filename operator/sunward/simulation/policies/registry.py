"""Every policy by name; those that plan are given the solver."""

from __future__ import annotations

from collections.abc import Mapping

from sunward.simulation.policies.base import Policy
from sunward.simulation.policies.guarded import GUARDED, Guarded
from sunward.simulation.policies.planned import Operated, Pure
from sunward.simulation.policies.rules import BASELINE, IN_ROUNDS, RULES
from sunward.simulation.snapshots import Allowed
from sunward.simulation.solving import Solve

__all__ = ["BASELINE", "GUARDED", "PURE", "SLEEPERS", "policies"]

PURE = ", pure"
"""Ends the names of policies that optimise without the operator's rules."""

SLEEPERS = ("none + sleep", "packing + sleep", "greedy lowest")
"""Rules that switch nodes off and that also run under the operator's safety rules."""

_PLANNED = (
    ("temporal only", "ablation: own node, best time", "sleep shift", False),
    ("DAT", "the paper: task allocation", "offload sleep", False),
    ("DETA", "the paper: both", "share offload sleep", False),
    ("DETA, no sleep", "ablation", "share offload", False),
    ("DETA, oracle", "perfect forecasts", "share offload sleep", True),
)
_WITH_EQUAL_FORECASTS = (
    ("none, oracle", "the paper's baseline, as the operator runs it", "", True),
    ("DET, oracle", "the paper: energy trading, perfect forecasts", "share", True),
    ("DAT, oracle", "the paper: task allocation, perfect forecasts", "offload sleep", True),
)


def policies(solve: Solve) -> Mapping[str, Policy]:
    """All policies in the order of tables: the baseline first, the pure ones last."""
    sleepers = [rule for rule in RULES if rule.name in SLEEPERS]
    found: list[Policy] = [*RULES, *(Guarded(rule=rule) for rule in (*sleepers, *IN_ROUNDS))]
    for name, source, words, oracle in (*_PLANNED, *_WITH_EQUAL_FORECASTS):
        found.append(Operated(name=name, source=source, solve=solve, allowed=_allowed(words), oracle=oracle))
    for name, source, words, oracle in _PLANNED:
        may = _allowed(words + " shift")
        found.append(Pure(name=name + PURE, source=f"{source}; optimiser alone", solve=solve, may=may, oracle=oracle))
    return {policy.name: policy for policy in found}


def _allowed(text: str) -> Allowed:
    words = text.split()
    return Allowed(
        share_energy="share" in words,
        offload_tasks="offload" in words,
        sleep="sleep" in words,
        shift_in_time="shift" in words,
    )
