"""The whole page from what was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sunward.views import acts, jobs, now, plan
from sunward.views.fields import Body, name_of, stamp, text
from sunward.views.models import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What was read of the cluster; `failures` are lists that could not be read, in words."""

    policy: Body | None = None
    nodes: Sequence[Body] = ()
    jobs: Sequence[Body] = ()
    plans: Sequence[Body] = ()
    failures: tuple[str, ...] = ()


def view(read: Resources, taken_at: datetime) -> State:
    """The page at *taken_at*."""
    plans = sorted(read.plans, key=lambda body: (text(body, "spec", "periodStart") or "", name_of(body)))
    current = text(read.policy, "status", "currentPlan")
    in_force = next((body for body in plans if name_of(body) == current), plans[-1] if plans else None)
    return State(
        taken_at=stamp(taken_at),
        failures=read.failures,
        now=now.view(read.policy, read.nodes, plans, taken_at),
        plan=plan.view(in_force, read.nodes),
        jobs=tuple(sorted((jobs.card(body) for body in read.jobs), key=lambda one: one.name)),
        acts=acts.view(read.nodes, plans),
    )
