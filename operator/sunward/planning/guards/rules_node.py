"""Guards about what a node is: some nodes never sleep, whatever it would save."""

from __future__ import annotations

from sunward.domain.cause import Cause
from sunward.domain.nodes import OverridePower, Role
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Case
from sunward.planning.guards.drain import is_coordinator

NO_DRIVER = "None"


def wants(case: Case, power: OverridePower) -> bool:
    """Whether a person's override in force asks for *power*."""
    override = case.node.spec.override
    return override is not None and override.power is power and override.holds(case.now)


def node_exists(case: Case) -> Cause | None:
    """Without a Node object nothing is known of what runs there."""
    facts = case.node.facts
    if facts is not None and facts.exists:
        return None
    return Cause(Reason.NODE_MISSING, f"Kubernetes has no Node named {case.node.spec.node_name}; correct spec.nodeName")


def unambiguous(case: Case) -> Cause | None:
    """Two EnergyNodes that speak of one Node, or share a relay, would switch each other's machine."""
    mine = case.node.spec
    for other in case.snapshot.nodes:
        if other.name == mine.name:
            continue
        if other.spec.node_name == mine.node_name:
            return Cause(Reason.AMBIGUOUS_NODE, f"EnergyNode {other.name} refers to node {mine.node_name} as well")
        if mine.sleep.driver_ref is not None and other.spec.sleep.driver_ref == mine.sleep.driver_ref:
            return Cause(Reason.AMBIGUOUS_NODE, f"EnergyNode {other.name} uses relay {mine.sleep.driver_ref} as well")
    if case.power is not None and case.power.shared_with:
        others = ", ".join(case.power.shared_with)
        return Cause(Reason.AMBIGUOUS_NODE, f"relay {mine.sleep.driver_ref} is the same switch as relay {others}")
    return None


def control_plane(case: Case) -> Cause | None:
    """The API server, etcd and whatever else keeps the cluster."""
    if case.node.facts is None or not case.node.facts.is_control_plane:
        return None
    return Cause(Reason.CONTROL_PLANE, "it is part of the control plane")


def always_on(case: Case) -> Cause | None:
    """`role: AlwaysOn`."""
    if case.node.spec.role is not Role.ALWAYS_ON:
        return None
    return Cause(Reason.ALWAYS_ON, "its role is AlwaysOn")


def managed(case: Case) -> Cause | None:
    """Only nodes that people handed over by label are touched."""
    if case.node.facts is None or case.node.facts.is_managed:
        return None
    return Cause(Reason.NOT_MANAGED, "the node is not labelled sunward.dev/managed=true")


def opted_out(case: Case) -> Cause | None:
    """The node says do-not-sleep."""
    if case.node.facts is None or not case.node.facts.do_not_sleep:
        return None
    return Cause(Reason.OPTED_OUT, "the node is marked sunward.dev/do-not-sleep")


def kept_by_others(case: Case) -> Cause | None:
    """Another tool keeps the node, reboots it or takes it away: two that switch one machine would harm it."""
    if case.node.facts is None or case.node.facts.kept_by is None:
        return None
    return Cause(Reason.OPTED_OUT, f"the node is marked {case.node.facts.kept_by} by another tool")


def hosts_operator(case: Case) -> Cause | None:
    """The operator would cut its own power and nothing would wake the others."""
    if not case.answers_to(case.snapshot.operator_node):
        return None
    return Cause(Reason.HOSTS_OPERATOR, "the operator itself runs on this node")


def hosts_coordinator(case: Case) -> Cause | None:
    """A job's coordinator holds the model; it is told by the job and, in doubt, by the pods."""
    jobs = [job.spec.key for job in case.snapshot.jobs if case.answers_to(job.coordinator_node) and not job.finished]
    pods = [pod.name for pod in case.node.pods if is_coordinator(pod) and pod.phase not in ("Succeeded", "Failed")]
    if not jobs and not pods:
        return None
    return Cause(Reason.HOSTS_COORDINATOR, f"it coordinates {', '.join(sorted(jobs) or sorted(pods))}")


def foreign_cordon(case: Case) -> Cause | None:
    """Another user cordoned it: their purpose comes first, and their cordon stays."""
    facts = case.node.facts
    if facts is None or not facts.unschedulable or facts.has_our_cordon_mark:
        return None
    return Cause(Reason.CORDONED_BY_OTHERS, "cordoned by another client")


def cordoned(case: Case) -> Cause | None:
    """Power is cut under a cordon only: without one, pods may arrive while the order is under way."""
    facts = case.node.facts
    if facts is not None and facts.exists and facts.unschedulable:
        return None
    return Cause(Reason.NO_LONGER_HOLDS, "it is not cordoned")


def still_cordoned(case: Case) -> Cause | None:
    """Our cordon is gone from a sleeper: a person wants it back, as one who uncordons a node that drains does."""
    facts = case.node.facts
    if facts is None or not facts.exists or facts.unschedulable or not case.node.record.cordoned_by_us:
        return None
    return Cause(Reason.NO_LONGER_HOLDS, "uncordoned by another client")


def power_driver(case: Case) -> Cause | None:
    """Nothing that could wake it again."""
    if case.node.spec.sleep.driver != NO_DRIVER:
        return None
    return Cause(Reason.NO_POWER_DRIVER, "spec.sleep.driver is None")


def node_ready(case: Case) -> Cause | None:
    """A node in trouble is left to Kubernetes and to people."""
    if case.node.facts is None or case.node.facts.ready:
        return None
    return Cause(Reason.NODE_NOT_READY, "it is not Ready")


def override_awake(case: Case) -> Cause | None:
    """A person holds it awake."""
    if not wants(case, OverridePower.AWAKE):
        return None
    override = case.node.spec.override
    return Cause(Reason.OVERRIDDEN, f"held awake: {override.reason if override else ''}")


def sleep_enabled(case: Case) -> Cause | None:
    """The policy switches sleeping off; a person's own order to one node still counts."""
    if case.snapshot.policy.sleep or wants(case, OverridePower.ASLEEP):
        return None
    return Cause(Reason.SLEEP_DISABLED, "the policy sets sleep: false")


def active_mode(case: Case) -> Cause | None:
    """DryRun plans and never acts."""
    if case.snapshot.policy.mode is OperatingMode.ACTIVE:
        return None
    return Cause(Reason.DRY_RUN, "the policy's mode is DryRun")
