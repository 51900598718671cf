"""Every policy by name; those that plan are given the solver."""

from __future__ import annotations

from collections.abc import Mapping

from sunward.simulation.policies.base import Policy
from sunward.simulation.policies.planned import Planned, Solve
from sunward.simulation.policies.rules import BASELINE, RULES

__all__ = ["BASELINE", "policies"]


def policies(solve: Solve) -> Mapping[str, Policy]:
    """All policies in the order of tables, the baseline first."""
    found: list[Policy] = [
        *RULES,
        _planned("temporal only", "ablation: own node, best time", solve, "sleep shift"),
        _planned("DAT", "the paper: task allocation", solve, "offload sleep shift"),
        _planned("DETA", "the paper: both", solve, "share offload sleep shift"),
        _planned("DETA, no sleep", "ablation", solve, "share offload shift"),
        _planned("DETA, oracle", "perfect forecasts", solve, "share offload sleep shift", oracle=True),
    ]
    return {policy.name: policy for policy in found}


def _planned(name: str, source: str, solve: Solve, allowed: str, *, oracle: bool = False) -> Planned:
    words = allowed.split()
    return Planned(
        name=name,
        source=source,
        solve=solve,
        share_energy="share" in words,
        offload_tasks="offload" in words,
        sleep="sleep" in words,
        shift_in_time="shift" in words,
        oracle=oracle,
    )
