"""The values that the page shows. The page's script reads every field by its name.

Watts and grams are those of the field's name; times are RFC 3339 in UTC. What is not known is None, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason of `docs/operations.md`, its sentence, and since when it holds."""

    reason: str
    message: str
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCard:
    """One node: its state and why, what it draws and harvests, what keeps it awake, what is wrong with it."""

    name: str
    site: str
    zone: str
    state: str
    why: Why | None
    obstacle: Why | None
    problem: Why | None
    next_wake: str | None
    watts: float | None
    watts_missing: str | None
    harvest_watts: float | None
    harvests: bool
    battery_percent: int | None
    grams_per_hour: float | None
    pinned_by: tuple[str, ...]
    pinned_grams_per_hour: float | None
    override: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A flow of energy between two places of the picture, as mean watts of a settled period."""

    source: str
    target: str
    watts: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPicture:
    """The flows of the youngest settled period; `incomplete` counts nodes whose row of the ledger is not known."""

    start: str
    end: str
    by_site: bool
    incomplete: int
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Grams of the settled periods of about an hour: emitted, by the baseline, and the difference, which has a sign.

    `unknown` counts settled periods whose totals are not known; they are in no sum.
    """

    start: str
    end: str
    periods: int
    unknown: int
    emitted_grams: float
    baseline_grams: float
    avoided_grams: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The first pane. `grams_per_hour` is of grid power by the meters, without the nodes counted in `unknown_nodes`."""

    mode: str
    hold: Why | None
    ready: Why | None
    counts: dict[str, int]
    grams_per_hour: float | None
    unknown_nodes: int
    saved: Saved | None
    flow: FlowPicture | None
    nodes: tuple[NodeCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A time [start, end) in a lane; `kind` is Awake, Work or Sleep. `open_ended` where it lasts beyond the plan."""

    kind: str
    start: str
    end: str
    text: str
    open_ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One node in the plan."""

    node: str
    blocks: tuple[Block, ...]
    decisions: tuple[Decided, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision of the plan; `dry_run` where the policy keeps it from being carried out."""

    kind: str
    subject: str
    why: Why
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """The plan in force from `start` to `reach`; `alternatives` are grams over the horizon by mode."""

    name: str
    start: str
    reach: str
    dry_run: bool
    status: str
    solver: str | None
    why: Why | None
    alternatives: dict[str, float]
    prices: dict[str, float]
    lanes: tuple[Lane, ...]
    others: tuple[Decided, ...]
    omitted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCard:
    """One training job: how far it is, what it has emitted, and what is the matter with it."""

    name: str
    rounds_done: int | None
    rounds: int
    accuracy_percent: int | None
    target_percent: int | None
    workers: int | None
    ready_workers: int | None
    emitted_grams: float | None
    baseline_grams: float | None
    avoided_grams: float | None
    budget_grams: float | None
    unaccounted_periods: int
    refused_updates: int
    stages: dict[str, float | None]
    deadline: str | None
    expected_end: str | None
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done to a node or decided about it or a job, and why."""

    time: str
    what: str
    subject: str
    why: Why
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything on the page; `failures` are lists that could not be read, in words."""

    taken_at: str
    failures: tuple[str, ...]
    now: Now
    plan: PlanView | None
    jobs: tuple[JobCard, ...]
    acts: tuple[Act, ...]
