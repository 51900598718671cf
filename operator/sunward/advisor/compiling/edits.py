"""What each kind of edit does to a problem. Values are taken from the base, so a second edit does not compound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sunward.advisor.request.types import Base, Code, Edit, NotSolvable
from sunward.optimisation.problem.instance import Battery, ExportRule, Job, Node, Policy, Problem

SWITCHES = {
    "share-energy": "share_energy",
    "offload": "offload_tasks",
    "sleep": "sleep",
    "shift-in-time": "shift_in_time",
    "embodied": "include_embodied",
}
"""Fields of the policy by the name of a switch."""
ROUNDING = 1e-9


def job_names(edit: Edit, base: Base) -> list[str]:
    """The jobs that an edit is about."""
    names = [job.name for job in base.problem.jobs]
    return names if edit["jobs"] == "*" else [name for name in names if name in edit["jobs"]]


def node_names(labels: Any, base: Base) -> list[str]:
    """The nodes that labels stand for, in the base's order."""
    pools = {pool.name: pool.members for pool in base.problem.energy_pools}
    chosen: set[str] = set()
    for node in base.problem.nodes:
        for label in labels:
            in_pool = label.startswith("pool:") and node.name in pools[label.removeprefix("pool:")]
            if label in ("*", node.name, f"zone:{node.grid_zone}") or in_pool:
                chosen.add(node.name)
    return [node.name for node in base.problem.nodes if node.name in chosen]


def applied(problem: Problem, edit: Edit, base: Base) -> Problem:
    """The problem with one edit carried out. Raises NotSolvable where it would lower a floor or cannot be said."""
    return _RULES[str(edit["edit"])](problem, edit, base)


def _jobs(problem: Problem, names: Iterable[str], change: Callable[[Job], Job]) -> Problem:
    chosen = set(names)
    return replace(problem, jobs=tuple(change(job) if job.name in chosen else job for job in problem.jobs))


def _nodes(problem: Problem, names: Iterable[str], change: Callable[[Node], Node]) -> Problem:
    chosen = set(names)
    return replace(problem, nodes=tuple(change(node) if node.name in chosen else node for node in problem.nodes))


def _window(problem: Problem, edit: Edit, base: Base) -> Problem:
    first, last = edit["not_before_period"], edit["done_by_period"]

    def tightened(job: Job) -> Job:
        shift = edit.get("deadline_shift_seconds")
        end = last if shift is None else job.deadline_period + math.floor(shift / base.period.total_seconds())
        release, deadline = max(job.release_period, first or 1), min(job.deadline_period, end or job.deadline_period)
        return _windowed(job, release, deadline)

    return _jobs(problem, job_names(edit, base), tightened)


def _windowed(job: Job, release: int, deadline: int) -> Job:
    if deadline < release:
        question = f"{job.name} would have to end in period {deadline} and may begin in period {release} only."
        raise NotSolvable(Code.CONTRADICTION, f"{question} Which of the two holds?")
    return replace(job, release_period=release, deadline_period=deadline)


def _extend(problem: Problem, edit: Edit, base: Base) -> Problem:
    first, last = edit["not_before_period"], edit["done_by_period"]
    shift = edit.get("deadline_shift_seconds")

    def replaced(job: Job) -> Job:
        end = last if shift is None else job.deadline_period + math.floor(shift / base.period.total_seconds())
        if end is not None and end > base.problem.period_count:
            raise NotSolvable(
                Code.OUTSIDE_HORIZON,
                f"{job.name} would end after the last period. Which time within the plan is meant?",
            )
        return _windowed(job, first or job.release_period, end or job.deadline_period)

    return _jobs(problem, job_names(edit, base), replaced)


def _without(job: Job, gone: set[str]) -> Job:
    def kept(costs: Mapping[str, float]) -> dict[str, float]:
        return {name: value for name, value in costs.items() if name not in gone}

    return replace(
        job, watt_hours_per_batch=kept(job.watt_hours_per_batch), seconds_per_batch=kept(job.seconds_per_batch)
    )


def _no_work_on(problem: Problem, edit: Edit, base: Base) -> Problem:
    gone = set(node_names(edit["nodes"], base))
    return _jobs(problem, job_names(edit, base), lambda job: _without(job, gone))


def _only_on(problem: Problem, edit: Edit, base: Base) -> Problem:
    gone = {node.name for node in base.problem.nodes} - set(node_names(edit["nodes"], base))
    return _jobs(problem, job_names(edit, base), lambda job: _without(job, gone))


def _move(problem: Problem, edit: Edit, base: Base) -> Problem:
    return _jobs(
        problem, job_names(edit, base), lambda job: replace(job, maximum_offload_ratio=edit["at_most_percent"] / 100)
    )


def _movable_to(problem: Problem, edit: Edit, base: Base) -> Problem:
    names = None if edit["nodes"] == "*" else tuple(node_names(edit["nodes"], base))
    return _jobs(problem, job_names(edit, base), lambda job: replace(job, movable_to=names))


def _workers(problem: Problem, edit: Edit, base: Base) -> Problem:
    return _jobs(problem, job_names(edit, base), lambda job: replace(job, minimum_workers=edit["workers"]))


def _work(problem: Problem, edit: Edit, base: Base) -> Problem:
    homes = set(node_names(edit["nodes"], base))
    before = {job.name: job.batches for job in base.problem.jobs}

    def scaled(job: Job) -> Job:
        batches = {
            name: before[job.name][name] * edit["percent"] / 100 if name in homes else value
            for name, value in job.batches.items()
        }
        return replace(job, batches=batches)

    return _jobs(problem, job_names(edit, base), scaled)


def _plan_only(problem: Problem, edit: Edit, base: Base) -> Problem:
    kept = set(job_names(edit, base))
    if not kept:
        raise NotSolvable(Code.CONTRADICTION, "No job would be left to plan. Which one stays?")
    return replace(problem, jobs=tuple(job for job in problem.jobs if job.name in kept))


def _awake(problem: Problem, edit: Edit, base: Base) -> Problem:
    return _nodes(problem, node_names(edit["nodes"], base), lambda node: replace(node, can_sleep=False))


def _may_sleep(problem: Problem, edit: Edit, base: Base) -> Problem:
    most = base.problem.policy.maximum_asleep_nodes
    if most is not None and len(node_names(edit["nodes"], base)) > most:
        raise NotSolvable(Code.UNSAFE, f"At most {most} nodes may sleep at once, and no request may raise that.")
    held = [
        node.name for node in base.problem.nodes if node.name in node_names(edit["nodes"], base) and not node.can_sleep
    ]
    if held:
        raise NotSolvable(Code.UNSAFE, f"{held[0]} must not sleep in this problem, and no request may change that.")
    return problem


def _asleep_limit(problem: Problem, edit: Edit, base: Base) -> Problem:
    present = base.problem.policy.maximum_asleep_nodes
    if present is not None and edit["at_most"] > present:
        raise NotSolvable(
            Code.UNSAFE, f"At most {present} nodes may sleep at once in this problem, and no request may raise that."
        )
    return _policy(problem, maximum_asleep_nodes=edit["at_most"])


def _policy(problem: Problem, **fields: Any) -> Problem:
    policy: Policy = replace(problem.policy, **fields)
    return replace(problem, policy=policy)


def _switch(problem: Problem, edit: Edit, _: Base) -> Problem:
    return _policy(problem, **{SWITCHES[edit["name"]]: edit["on"]})


def _export(problem: Problem, edit: Edit, base: Base) -> Problem:
    ratio = edit["at_most_percent"] / 100
    return _nodes(problem, node_names(edit["nodes"], base), lambda node: replace(node, maximum_export_ratio=ratio))


def _export_rule(problem: Problem, edit: Edit, _: Base) -> Problem:
    return _policy(problem, export_rule=ExportRule(edit["rule"]))


def _battery(problem: Problem, edit: Edit, base: Base) -> Problem:
    names = node_names(edit["nodes"], base)
    present = {node.name: node.battery for node in base.problem.nodes if node.battery is not None}
    with_one = [name for name in names if name in present]
    named = [label for label in edit["nodes"] if label in names]
    bare = [name for name in named if name not in present]
    if not with_one or (bare and len(named) == 1):
        raise NotSolvable(
            Code.NOT_EXPRESSIBLE,
            f"{(bare or ['the problem'])[0]} has no battery. Which battery is meant?",
            tuple(present),
        )
    return _nodes(problem, with_one, lambda node: _charged(node, edit, present[node.name]))


def _charged(node: Node, edit: Edit, before: Battery) -> Node:
    assert node.battery is not None
    battery = node.battery
    if "capacity" in edit:
        battery = replace(battery, capacity_watt_hours=_level(edit["capacity"], before))
    for key in ("initial", "final"):
        if key in edit:
            level = _within(node.name, key, _level(edit[key], before), battery)
            battery = _with_level(battery, key, level)
    if "minimum" in edit:
        battery = _minimum(node.name, battery, _level(edit["minimum"], before), before)
    if "charge_from_grid" in edit:
        battery = replace(battery, charge_from_grid=edit["charge_from_grid"])
    return replace(node, battery=battery)


def _with_level(battery: Battery, key: str, level: float) -> Battery:
    if key == "initial":
        return replace(battery, initial_watt_hours=level)
    return replace(battery, final_watt_hours=level)


def _level(value: Mapping[str, float], before: Battery) -> float:
    return value["watt_hours"] if "watt_hours" in value else before.capacity_watt_hours * value["percent"] / 100


def _within(name: str, key: str, level: float, battery: Battery) -> float:
    low, high = battery.minimum_watt_hours, battery.capacity_watt_hours
    if not low - ROUNDING <= level <= high + ROUNDING:
        question = (
            f"{key} level of {name} of {level:g} Wh: it must lie between {low:g} and {high:g} Wh. Which level is meant?"
        )
        raise NotSolvable(Code.IMPOSSIBLE_VALUE, question)
    return level


def _minimum(name: str, battery: Battery, level: float, before: Battery) -> Battery:
    """A raised minimum raises the final level with it; above the initial charge it contradicts the base."""
    if level < before.minimum_watt_hours - ROUNDING:
        raise NotSolvable(
            Code.UNSAFE, f"The minimum of {name} is {before.minimum_watt_hours:g} Wh, and no request may lower it."
        )
    if level > battery.capacity_watt_hours + ROUNDING:
        held = f"{battery.capacity_watt_hours:g} Wh"
        question = f"A minimum of {level:g} Wh is more than {name} holds, {held}. Which level is meant?"
        raise NotSolvable(Code.IMPOSSIBLE_VALUE, question)
    if level > battery.initial_watt_hours + ROUNDING:
        question = f"{name} begins with {battery.initial_watt_hours:g} Wh, less than a minimum of {level:g} Wh."
        raise NotSolvable(Code.CONTRADICTION, f"{question} Which of the two holds?")
    if abs(level - battery.final_watt_hours) <= ROUNDING:
        level = battery.final_watt_hours
    return replace(battery, minimum_watt_hours=level, final_watt_hours=max(level, battery.final_watt_hours))


def _series(
    edit: Edit, present: tuple[float, ...], before: tuple[float, ...], change: Callable[[float], float]
) -> tuple[float, ...]:
    first, last = edit["from_period"] or 1, edit["to_period"] or len(present)
    return tuple(
        change(old) if first <= t <= last else now
        for t, (now, old) in enumerate(zip(present, before, strict=True), start=1)
    )


def _harvest(problem: Problem, edit: Edit, base: Base) -> Problem:
    before = {node.name: node.harvest_watt_hours for node in base.problem.nodes}

    def scaled(node: Node) -> Node:
        return replace(
            node,
            harvest_watt_hours=_series(
                edit, node.harvest_watt_hours, before[node.name], lambda v: v * edit["percent"] / 100
            ),
        )

    return _nodes(problem, node_names(edit["nodes"], base), scaled)


def _intensity(problem: Problem, edit: Edit, base: Base) -> Problem:
    before = base.problem.intensity_grams_per_kilowatt_hour
    zones = set(before) if edit["zones"] == "*" else set(edit["zones"])

    def changed(value: float) -> float:
        return float(value * edit["percent"] / 100 if "percent" in edit else edit["grams_per_kilowatt_hour"])

    series = {
        zone: _series(edit, values, before[zone], changed) if zone in zones else values
        for zone, values in problem.intensity_grams_per_kilowatt_hour.items()
    }
    return replace(problem, intensity_grams_per_kilowatt_hour=series)


def _power(problem: Problem, edit: Edit, base: Base) -> Problem:
    before = {node.name: node for node in base.problem.nodes}
    fields = {key: value for key, value in edit.items() if key not in ("edit", "nodes")}

    def changed(node: Node) -> Node:
        values = {
            key: getattr(before[node.name], key) * value["percent"] / 100 if isinstance(value, dict) else value
            for key, value in fields.items()
        }
        return replace(node, **values)

    return _nodes(problem, node_names(edit["nodes"], base), changed)


_RULES: dict[str, Callable[[Problem, Edit, Base], Problem]] = {
    "window": _window,
    "extend": _extend,
    "no-work-on": _no_work_on,
    "only-on": _only_on,
    "move": _move,
    "movable-to": _movable_to,
    "minimum-workers": _workers,
    "work": _work,
    "plan-only": _plan_only,
    "awake": _awake,
    "may-sleep": _may_sleep,
    "asleep-limit": _asleep_limit,
    "switch": _switch,
    "export": _export,
    "export-rule": _export_rule,
    "battery": _battery,
    "harvest": _harvest,
    "intensity": _intensity,
    "node-power": _power,
}
