"""For every guard a named scenario in which it alone stands between a node and harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Case, GuardStage
from support.guards.scenarios_limits import OF_THE_LIMITS
from support.guards.scenarios_node import OF_THE_NODE


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A healthy, idle node that is wanted asleep, with one thing wrong."""

    guard: str
    stage: GuardStage
    reason: Reason
    build: Callable[[], Case]


SCENARIOS = [
    Scenario(guard=guard, stage=stage, reason=reason, build=build)
    for guard, stage, reason, build in (*OF_THE_NODE, *OF_THE_LIMITS)
]
