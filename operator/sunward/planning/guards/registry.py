"""Every guard by name, and the moments at which it is asked. The one registry: what is not here is not asked.

A guard can be left out (`without`), so that a test can show for each of them what would happen if it were not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sunward.planning.guards import budgets, rules_data, rules_node, rules_power, rules_time, rules_work
from sunward.planning.guards.case import Case, Obstacle, Rule, Stage

SLEEPING = (Stage.PLAN, Stage.START, Stage.RECHECK, Stage.CUT)
"""Whatever forbids a sleep forbids it until the power is cut."""
PROOFS = (Stage.OFF, Stage.ON, Stage.REPEAT_OFF, Stage.REPEAT_ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A rule and the stages at which it is asked."""

    stages: frozenset[Stage]
    rule: Rule


Guards = Mapping[str, Guard]


def _guard(rule: Rule, *stages: Stage) -> Guard:
    return Guard(stages=frozenset(stages), rule=rule)


GUARDS: Guards = MappingProxyType(
    {
        # who may act
        "leader": _guard(rules_power.leader, Stage.ACT, Stage.START),
        "fencing": _guard(rules_power.fencing, Stage.ACT),
        # what the node is
        "node-exists": _guard(rules_node.node_exists, *SLEEPING),
        "unambiguous": _guard(rules_node.unambiguous, *SLEEPING),
        "control-plane": _guard(rules_node.control_plane, *SLEEPING, Stage.KEEP),
        "always-on": _guard(rules_node.always_on, *SLEEPING, Stage.KEEP),
        "managed": _guard(rules_node.managed, *SLEEPING, Stage.KEEP),
        "opted-out": _guard(rules_node.opted_out, *SLEEPING, Stage.KEEP),
        "hosts-operator": _guard(rules_node.hosts_operator, *SLEEPING),
        "hosts-coordinator": _guard(rules_node.hosts_coordinator, *SLEEPING),
        "foreign-cordon": _guard(rules_node.foreign_cordon, *SLEEPING),
        "cordoned": _guard(rules_node.cordoned, Stage.CUT, Stage.REPEAT_OFF),
        "still-cordoned": _guard(rules_node.still_cordoned, Stage.KEEP),
        "power-driver": _guard(rules_node.power_driver, *SLEEPING),
        "node-ready": _guard(rules_node.node_ready, *SLEEPING),
        "override-awake": _guard(rules_node.override_awake, *SLEEPING, Stage.KEEP),
        "sleep-enabled": _guard(rules_node.sleep_enabled, *SLEEPING, Stage.KEEP),
        "active-mode": _guard(rules_node.active_mode, Stage.START, Stage.RECHECK, Stage.CUT, Stage.KEEP),
        # what is known
        "snapshot-fresh": _guard(rules_data.snapshot_fresh, Stage.START, Stage.RECHECK, Stage.CUT),
        "command-recent": _guard(rules_data.command_recent, Stage.CUT),
        "data-hold": _guard(rules_data.data_hold, *SLEEPING),
        "sensors-available": _guard(rules_data.sensors_available, *SLEEPING),
        "power-meter": _guard(rules_data.power_meter, *SLEEPING),
        "harvest-meter": _guard(rules_data.harvest_meter, *SLEEPING),
        "battery-meter": _guard(rules_data.battery_meter, *SLEEPING),
        "intensity": _guard(rules_data.intensity, *SLEEPING),
        "pipeline": _guard(rules_data.pipeline, *SLEEPING),
        # how often
        "warm-up": _guard(rules_time.warm_up, Stage.PLAN, Stage.START),
        "minimum-awake-time": _guard(rules_time.minimum_awake_time, Stage.PLAN, Stage.START),
        "dwell-time": _guard(rules_time.dwell_time, Stage.PLAN, Stage.START),
        "cycle-limit": _guard(rules_time.cycle_limit, Stage.PLAN, Stage.START),
        # how many
        "transition-budget": _guard(budgets.transition_budget, Stage.START),
        "sleep-limit": _guard(budgets.sleep_limit, Stage.START, Stage.RECHECK, Stage.CUT),
        "policy-limit": _guard(budgets.policy_limit, Stage.START, Stage.RECHECK, Stage.CUT),
        "excess-sleepers": _guard(budgets.excess_sleepers, Stage.KEEP),
        "minimum-awake-nodes": _guard(budgets.minimum_awake_nodes, Stage.START, Stage.RECHECK, Stage.CUT),
        "wake-interval": _guard(budgets.wake_interval, Stage.WAKE),
        # what runs there
        "work-moved": _guard(rules_work.work_moved, Stage.START, Stage.RECHECK, Stage.CUT),
        "shard-copied": _guard(rules_work.shard_copied, Stage.START, Stage.RECHECK, Stage.CUT),
        "pods-evictable": _guard(rules_work.pods_evictable, *SLEEPING),
        "pods-placeable": _guard(rules_work.pods_placeable, Stage.PLAN, Stage.START, Stage.RECHECK),
        "eviction-possible": _guard(rules_work.eviction_possible, Stage.RECHECK),
        "drained": _guard(rules_work.drained, Stage.CUT),
        "volumes-detached": _guard(rules_work.volumes_detached, Stage.CUT),
        # what is proven
        "relay-answers": _guard(rules_power.relay_answers, Stage.START, Stage.CUT, *PROOFS),
        "relay-recent": _guard(rules_power.relay_recent, Stage.CUT, *PROOFS),
        "relay-open": _guard(rules_power.relay_open, Stage.OFF, Stage.REPEAT_ON),
        "relay-closed": _guard(rules_power.relay_closed, Stage.CUT, Stage.ON, Stage.REPEAT_OFF),
        "draw-gone": _guard(rules_power.draw_gone, Stage.OFF, Stage.REPEAT_ON),
        "draw-there": _guard(rules_power.draw_there, Stage.ON, Stage.REPEAT_OFF),
        "request-lost": _guard(rules_power.request_lost, Stage.REPEAT_OFF, Stage.REPEAT_ON),
        "retry-due": _guard(rules_power.retry_due, Stage.WAKE),
        "cut-by-others": _guard(rules_power.cut_by_others, Stage.WAKE),
        "ready-now": _guard(rules_power.ready_now, Stage.READY),
    }
)


def obstacles(case: Case, stage: Stage, guards: Guards = GUARDS) -> tuple[Obstacle, ...]:
    """Everything that stands in the way at a stage, in the registry's order; empty when nothing does."""
    found = ((name, guard.rule(case)) for name, guard in guards.items() if stage in guard.stages)
    return tuple(Obstacle(guard=name, cause=refusal) for name, refusal in found if refusal)


def without(name: str) -> Guards:
    """The registry less one guard. Raises KeyError for a name that is not in it."""
    _ = GUARDS[name]
    return MappingProxyType({key: guard for key, guard in GUARDS.items() if key != name})
