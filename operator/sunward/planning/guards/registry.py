"""Every guard by name, and the moments at which it is asked. The one registry: what is not here is not asked.

A guard can be left out (`without`), so that a test can show for each of them what would happen if it were not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sunward.planning.guards import (
    budgets,
    rules_data,
    rules_node,
    rules_power,
    rules_shutdown,
    rules_time,
    rules_work,
)
from sunward.planning.guards.case import Blocker, Case, GuardStage, Rule

SLEEPING = (GuardStage.PLAN, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT)
"""Whatever forbids a sleep forbids it until the power is cut."""
DOWN = (GuardStage.CUT_HALTED, GuardStage.REPEAT_CUT)
"""The system was shut down: its power may be cut whatever else is said of the node, because nothing runs there."""
PROOFS = (GuardStage.OFF, GuardStage.ON, GuardStage.REPEAT_OFF, GuardStage.REPEAT_ON, GuardStage.HALTED, *DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A rule and the stages at which it is asked."""

    stages: frozenset[GuardStage]
    rule: Rule


Guards = Mapping[str, Guard]


def _guard(rule: Rule, *stages: GuardStage) -> Guard:
    return Guard(stages=frozenset(stages), rule=rule)


GUARDS: Guards = MappingProxyType(
    {
        # who may act
        "leader": _guard(rules_power.leader, GuardStage.ACT, GuardStage.START),
        "fencing": _guard(rules_power.fencing, GuardStage.ACT),
        # what the node is
        "node-exists": _guard(rules_node.node_exists, *SLEEPING),
        "unambiguous": _guard(rules_node.unambiguous, *SLEEPING, GuardStage.REPEAT_OFF, *DOWN),
        "control-plane": _guard(rules_node.control_plane, *SLEEPING, GuardStage.KEEP),
        "always-on": _guard(rules_node.always_on, *SLEEPING, GuardStage.KEEP),
        "managed": _guard(rules_node.managed, *SLEEPING, GuardStage.KEEP),
        "opted-out": _guard(rules_node.opted_out, *SLEEPING, GuardStage.KEEP),
        "kept-by-others": _guard(rules_node.kept_by_others, *SLEEPING),
        "hosts-operator": _guard(rules_node.hosts_operator, *SLEEPING),
        "hosts-coordinator": _guard(rules_node.hosts_coordinator, *SLEEPING),
        "foreign-cordon": _guard(rules_node.foreign_cordon, *SLEEPING),
        "cordoned": _guard(rules_node.cordoned, GuardStage.CUT, GuardStage.REPEAT_OFF),
        "still-cordoned": _guard(rules_node.still_cordoned, GuardStage.KEEP),
        "power-driver": _guard(rules_node.power_driver, *SLEEPING),
        "node-ready": _guard(rules_node.node_ready, *SLEEPING),
        "override-awake": _guard(rules_node.override_awake, *SLEEPING, GuardStage.KEEP),
        "sleep-enabled": _guard(rules_node.sleep_enabled, *SLEEPING, GuardStage.KEEP),
        "active-mode": _guard(
            rules_node.active_mode, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT, GuardStage.KEEP
        ),
        # what is known
        "snapshot-fresh": _guard(rules_data.snapshot_fresh, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT),
        "command-recent": _guard(rules_data.command_recent, GuardStage.CUT),
        "data-hold": _guard(rules_data.data_hold, *SLEEPING),
        "sensors-available": _guard(rules_data.sensors_available, *SLEEPING),
        "power-meter": _guard(rules_data.power_meter, *SLEEPING),
        "harvest-meter": _guard(rules_data.harvest_meter, *SLEEPING),
        "battery-meter": _guard(rules_data.battery_meter, *SLEEPING),
        "intensity": _guard(rules_data.intensity, *SLEEPING),
        "pipeline": _guard(rules_data.pipeline, *SLEEPING),
        # how often
        "warm-up": _guard(rules_time.warm_up, GuardStage.PLAN, GuardStage.START),
        "minimum-awake-time": _guard(rules_time.minimum_awake_time, GuardStage.PLAN, GuardStage.START),
        "dwell-time": _guard(rules_time.dwell_time, GuardStage.PLAN, GuardStage.START),
        "cycle-limit": _guard(rules_time.cycle_limit, GuardStage.PLAN, GuardStage.START),
        # how many
        "transition-budget": _guard(budgets.transition_budget, GuardStage.START),
        "sleep-limit": _guard(budgets.sleep_limit, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT),
        "policy-limit": _guard(budgets.policy_limit, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT),
        "excess-sleepers": _guard(budgets.excess_sleepers, GuardStage.KEEP),
        "minimum-awake-nodes": _guard(
            budgets.minimum_awake_nodes, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT
        ),
        "wake-interval": _guard(budgets.wake_interval, GuardStage.WAKE),
        # what runs there
        "work-moved": _guard(rules_work.work_moved, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT),
        "shard-copied": _guard(rules_work.shard_copied, GuardStage.START, GuardStage.PREFLIGHT, GuardStage.CUT),
        "pods-evictable": _guard(rules_work.pods_evictable, *SLEEPING),
        "budgets-allow": _guard(rules_work.budgets_allow, GuardStage.PLAN, GuardStage.START),
        "pods-pending": _guard(rules_work.pods_pending, *SLEEPING, GuardStage.KEEP),
        "pods-placeable": _guard(rules_work.pods_placeable, GuardStage.PLAN, GuardStage.START, GuardStage.PREFLIGHT),
        "eviction-possible": _guard(rules_work.eviction_possible, GuardStage.PREFLIGHT),
        "drained": _guard(rules_work.drained, GuardStage.CUT),
        "volumes-detached": _guard(rules_work.volumes_detached, GuardStage.CUT),
        # what is proven
        "relay-answers": _guard(rules_power.relay_answers, GuardStage.START, GuardStage.CUT, *PROOFS),
        "relay-recent": _guard(rules_power.relay_recent, GuardStage.CUT, *PROOFS),
        "relay-open": _guard(rules_power.relay_open, GuardStage.OFF, GuardStage.REPEAT_ON),
        "relay-closed": _guard(
            rules_power.relay_closed, GuardStage.CUT, GuardStage.ON, GuardStage.REPEAT_OFF, GuardStage.HALTED, *DOWN
        ),
        "draw-halted": _guard(rules_shutdown.draw_halted, GuardStage.HALTED),
        "system-down": _guard(rules_shutdown.system_down, *DOWN),
        "draw-gone": _guard(rules_power.draw_gone, GuardStage.OFF, GuardStage.REPEAT_ON),
        "draw-there": _guard(rules_power.draw_there, GuardStage.ON, GuardStage.REPEAT_OFF),
        "relay-sound": _guard(
            rules_power.relay_sound, GuardStage.PLAN, GuardStage.START, GuardStage.CUT, GuardStage.REPEAT_ON
        ),
        "trip-pause": _guard(rules_power.trip_pause, GuardStage.WAKE),
        "request-lost": _guard(
            rules_power.request_lost, GuardStage.REPEAT_OFF, GuardStage.REPEAT_ON, GuardStage.REPEAT_CUT
        ),
        "retry-due": _guard(rules_power.retry_due, GuardStage.WAKE),
        "cut-by-others": _guard(rules_power.cut_by_others, GuardStage.WAKE),
        "ready-now": _guard(rules_power.ready_now, GuardStage.READY),
    }
)


def obstacles(case: Case, stage: GuardStage, guards: Guards = GUARDS) -> tuple[Blocker, ...]:
    """Everything that stands in the way at a stage, in the registry's order; empty when nothing does."""
    found = ((name, guard.rule(case)) for name, guard in guards.items() if stage in guard.stages)
    return tuple(Blocker(guard=name, cause=refusal) for name, refusal in found if refusal)


def without(name: str) -> Guards:
    """The registry less one guard. Raises KeyError for a name that is not in it."""
    _ = GUARDS[name]
    return MappingProxyType({key: guard for key, guard in GUARDS.items() if key != name})
