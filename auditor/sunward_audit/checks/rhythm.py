"""I8, I9 and I10: how often, how long, and what happens when it takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sunward_audit import facts
from sunward_audit.events import Body, Event
from sunward_audit.facts import RISING
from sunward_audit.verdicts import Verdict
from sunward_audit.view import Step, View

GRACE_SECONDS = 30.0
CLOCK_SLACK_SECONDS = 2.0
DAY = timedelta(hours=24)


def dwell(view: View, event: Event) -> Iterator[Verdict]:
    """I8: a sleep begins at least `dwellSeconds` after the last transition and `minimumAwakeSeconds` after the wake."""
    step = view.step_of(event)
    if step is None or step.new != "Cordoned":
        return
    name = facts.name_of(step.body)
    last = facts.time_of(facts.part(step.before, "status", "lastTransition").get("time"))
    woken = facts.time_of(facts.part(step.before, "status", "timers").get("awakeSince"))
    sleep = facts.part(step.body, "spec", "sleep")
    yield from _not_before(name, "its last transition", last, step, view.limits.dwell_seconds)
    yield from _not_before(name, "its wake", woken, step, float(sleep.get("minimumAwakeSeconds", 1800)))


def cycles(view: View, event: Event) -> Iterator[Verdict]:
    """I8: at most `maximumCyclesPerDay` power cuts within 24 hours, by the record and by what was seen."""
    step = view.step_of(event)
    if step is None or step.new != "PowerOffRequested":
        return
    name = facts.name_of(step.body)
    seen = [s for s in view.steps[name] if s.new == "PowerOffRequested" and view.now - s.time < DAY]
    written = [facts.time_of(text) for text in facts.part(step.body, "status").get("cycles") or ()]
    recent = [moment for moment in written if moment is not None and view.now - moment < DAY]
    most = int(facts.part(step.body, "spec", "sleep").get("maximumCyclesPerDay", 6))
    count = max(len(seen), len(recent))
    yield Verdict(subject=name, broken="sleeps too often" if count > most else None, evidence=f"{count} times in a day")
    forgotten = "a power cut is missing in its record" if len(recent) < len(seen) else None
    yield Verdict(subject=name, broken=forgotten, evidence=f"{len(recent)} on record, {len(seen)} seen")


def failed_drain(view: View, event: Event) -> Iterator[Verdict]:
    """I9: a drain that failed is undone, cordon included, at most 30 s after its deadline."""
    for energy in view.of("energynodes"):
        deadline = facts.time_of(facts.operation(energy).get("deadline"))
        if facts.power_state(energy) in ("Cordoned", "Draining") and deadline is not None:
            yield from _undone(view, energy, deadline, "is still being drained")
    step = view.step_of(event)
    if step is not None and step.old in ("Cordoned", "Draining") and step.new == "Awake":
        yield Verdict(subject=facts.name_of(step.body), evidence="rolled back")


def leftover_cordon(view: View, event: Event) -> Iterator[Verdict]:
    """I9: a node that counts as awake does not keep our cordon."""
    del event
    for node, since in view.cordoned_since.items():
        energy = view.energy_of(node)
        if energy is None or facts.power_state(energy) != "Awake":
            continue
        entered = _entered(view, energy)
        yield from _undone(view, energy, max(since, entered) if entered else since, "is awake with our cordon")


def wakes(view: View, event: Event) -> Iterator[Verdict]:
    """I10: a wake ends in time: Ready, another try, or Degraded."""
    step = view.step_of(event)
    if step is not None and step.old in RISING and step.new in ("Awake", "Degraded"):
        yield Verdict(subject=facts.name_of(step.body), evidence=step.new)
    for energy in view.of("energynodes"):
        if facts.power_state(energy) not in RISING:
            continue
        waits = facts.time_of(facts.part(energy, "status", "timers").get("nextAttemptAt"))
        until = waits or facts.time_of(facts.operation(energy).get("deadline"))
        if until is not None:
            pause = len(list(view.of("energynodes"))) * GRACE_SECONDS if waits else 0.0  # one wake at a time
            yield from _undone(view, energy, until, "neither woke nor gave up", extra_seconds=pause)


def tries(view: View, event: Event) -> Iterator[Verdict]:
    """I10: no more tries than the policy has pauses, by the record and by the orders at the relay."""
    step = view.step_of(event)
    if step is None or step.new not in (*RISING, "Degraded"):
        return
    name, most = facts.name_of(step.body), max(1, view.limits.wake_tries)
    attempt = int(facts.operation(step.body).get("attempt") or 0)
    asked = _asked(view, name)
    broken = "is woken more often than allowed" if max(attempt, asked) > most else None
    yield Verdict(subject=name, broken=broken, evidence=f"try {attempt}, {asked} requests, {most} allowed")


def degraded(view: View, event: Event) -> Iterator[Verdict]:
    """I10: a node that was given up says so in its conditions, with a reason, within a minute."""
    del event
    for energy in view.of("energynodes"):
        entered = _entered(view, energy)
        if facts.power_state(energy) != "Degraded" or entered is None:
            continue
        said = facts.condition(energy, "Degraded")
        if said.get("status") == "True" and said.get("reason"):
            yield Verdict(subject=facts.name_of(energy))
        elif view.led_seconds(entered, view.now) > 60:
            yield Verdict(subject=facts.name_of(energy), broken="is given up and no condition says so")


def _entered(view: View, energy: Body) -> datetime | None:
    """When a node entered its state: as it was seen, else as the record says."""
    steps = view.steps[facts.name_of(energy)]
    written = facts.time_of(facts.part(energy, "status", "lastTransition").get("time"))
    return steps[-1].time if steps else written


def _not_before(name: str, what: str, since: datetime | None, step: Step, seconds: float) -> Iterator[Verdict]:
    begun = facts.time_of(facts.part(step.body, "status", "lastTransition").get("time")) or step.time
    if since is None:
        return
    passed = (begun - since).total_seconds()
    broken = f"sleeps too soon after {what}" if passed < seconds - CLOCK_SLACK_SECONDS else None
    yield Verdict(subject=name, broken=broken, evidence=f"{passed:.0f} s, at least {seconds:.0f} s")


def _undone(view: View, energy: Body, since: datetime, why: str, *, extra_seconds: float = 0.0) -> Iterator[Verdict]:
    """Broken when more than the grace has passed in which the Lease was held."""
    over = view.led_seconds(since, view.now) if view.now > since else 0.0
    if over > GRACE_SECONDS + extra_seconds:
        operation = str(facts.operation(energy).get("id") or "")
        yield Verdict(subject=f"{facts.name_of(energy)} {operation}".strip(), broken=why, evidence=f"{over:.0f} s late")


def _asked(view: View, name: str) -> int:
    """Distinct requests for power since the node was last known to be asleep."""
    fell = next((step.time for step in reversed(view.steps[name]) if step.old not in RISING), None)
    energy = view.find("energynodes", name)
    node = facts.kubernetes_node(energy) if energy is not None else name
    orders = [o for o in view.orders if o.node == node and o.on and (fell is None or o.time >= fell)]
    return len({order.operation for order in orders})
