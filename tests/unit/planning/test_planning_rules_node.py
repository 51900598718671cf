"""Guards about what a node is: by which of its names, on whose word, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sunward.domain.nodes import NodeRecord, NodeView, OverridePower, PowerOverride, PowerState, Role, SleepSpec
from sunward.domain.pods import PodFacts
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason
from sunward.planning.guards import rules_node
from sunward.planning.guards.case import Case, Rule
from support.guards.cases import A_MOMENT, case_of, facts, reason_of
from support.planning import NOW, a_job, a_node, a_pod, a_policy, some_facts

RENAMED = a_node("roof", node_name="pi-01", facts=some_facts())
"""An EnergyNode that has another name than its Node."""


def a_coordinator(phase: str = "Running") -> PodFacts:
    return a_pod("mnist-coordinator", phase=phase, labels=(("sunward.dev/component", "coordinator"),))


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (a_node(), None),
        (a_node(has_facts=False), Reason.NODE_MISSING),
        (facts(exists=False), Reason.NODE_MISSING),
    ],
)
def test_a_node_that_kubernetes_does_not_have_is_not_touched(node: NodeView, reason: Reason | None) -> None:
    assert reason_of(rules_node.node_exists, case_of(node)) is reason


@pytest.mark.parametrize(
    ("rule", "changed", "reason"),
    [
        (rules_node.control_plane, {"is_control_plane": True}, Reason.CONTROL_PLANE),
        (rules_node.managed, {"is_managed": False}, Reason.NOT_MANAGED),
        (rules_node.opted_out, {"do_not_sleep": True}, Reason.OPTED_OUT),
        (rules_node.node_ready, {"ready": False}, Reason.NODE_NOT_READY),
    ],
)
def test_what_the_node_says_forbids_its_sleep(rule: Rule, changed: dict[str, bool], reason: Reason) -> None:
    assert reason_of(rule, case_of(facts(**changed))) is reason
    assert reason_of(rule, case_of()) is None
    assert reason_of(rule, case_of(a_node(has_facts=False))) is None, "node-exists tells that"


@pytest.mark.parametrize(
    ("unschedulable", "ours", "reason"),
    [
        (False, False, None),
        (False, True, None),
        (True, True, None),
        (True, False, Reason.CORDONED_BY_OTHERS),
    ],
)
def test_a_cordon_without_our_mark_is_somebody_elses(unschedulable: bool, ours: bool, reason: Reason | None) -> None:
    node = facts(unschedulable=unschedulable, has_our_cordon_mark=ours)
    assert reason_of(rules_node.foreign_cordon, case_of(node)) is reason
    assert reason_of(rules_node.foreign_cordon, case_of(a_node(has_facts=False))) is None


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (facts(unschedulable=True), None),
        (facts(unschedulable=True, has_our_cordon_mark=True), None),
        (facts(unschedulable=False, has_our_cordon_mark=True), Reason.NO_LONGER_HOLDS),
        (facts(unschedulable=True, exists=False), Reason.NO_LONGER_HOLDS),
        (a_node(has_facts=False), Reason.NO_LONGER_HOLDS),
    ],
)
def test_power_is_cut_only_where_no_pod_can_arrive(node: NodeView, reason: Reason | None) -> None:
    assert reason_of(rules_node.cordoned, case_of(node)) is reason


@pytest.mark.parametrize(
    ("unschedulable", "ours", "reason"),
    [
        (True, True, None),
        (False, True, Reason.NO_LONGER_HOLDS),
        (False, False, None),
        (True, False, None),
    ],
)
def test_a_sleeper_whose_cordon_was_ours_and_is_gone_is_wanted_back(
    unschedulable: bool, ours: bool, reason: Reason | None
) -> None:
    record = NodeRecord(power_state=PowerState.ASLEEP, cordoned_by_us=ours)
    node = a_node(record=record, facts=some_facts(unschedulable=unschedulable))
    assert reason_of(rules_node.still_cordoned, case_of(node)) is reason
    gone = a_node(record=record, facts=some_facts(unschedulable=unschedulable, exists=False))
    for unknown in (gone, a_node(record=record, has_facts=False)):
        assert reason_of(rules_node.still_cordoned, case_of(unknown)) is None, "nobody can say"


def test_a_role_a_missing_driver_and_a_mode_forbid_a_sleep() -> None:
    assert reason_of(rules_node.always_on, case_of(a_node(role=Role.ALWAYS_ON))) is Reason.ALWAYS_ON
    assert reason_of(rules_node.always_on, case_of(a_node(role=Role.WORKER))) is None
    assert reason_of(rules_node.power_driver, case_of(a_node(sleep=SleepSpec(driver="None")))) is Reason.NO_POWER_DRIVER
    assert reason_of(rules_node.power_driver, case_of(a_node(sleep=SleepSpec(driver="CordonOnly")))) is None
    for mode, reason in ((OperatingMode.ACTIVE, None), (OperatingMode.DRY_RUN, Reason.DRY_RUN)):
        assert reason_of(rules_node.active_mode, case_of(policy=a_policy(mode=mode))) is reason


def test_two_records_of_one_node_are_told_apart_from_one() -> None:
    alone, twin = a_node(), a_node("twin", node_name="pi-01")
    stranger = a_node("pi-02")
    assert reason_of(rules_node.unambiguous, case_of(alone, stranger)) is None
    refusal = rules_node.unambiguous(case_of(alone, stranger, twin))
    assert refusal is not None
    assert refusal.reason is Reason.AMBIGUOUS_NODE
    assert "twin" in refusal.message, "a person has to find the other one"


def test_two_nodes_behind_one_relay_are_not_switched() -> None:
    shelly = SleepSpec(driver="Shelly", driver_ref="socket-1")
    mine, other = a_node(sleep=shelly), a_node("pi-02", sleep=shelly)
    refusal = rules_node.unambiguous(case_of(mine, a_node("pi-03"), other))
    assert refusal is not None
    assert "pi-02" in refusal.message
    assert "socket-1" in refusal.message


def test_nodes_without_a_relay_do_not_share_one() -> None:
    none = SleepSpec(driver="CordonOnly")
    assert reason_of(rules_node.unambiguous, case_of(a_node(sleep=none), a_node("pi-02", sleep=none))) is None


@pytest.mark.parametrize(
    ("operator_node", "reason"),
    [("roof", Reason.HOSTS_OPERATOR), ("pi-01", Reason.HOSTS_OPERATOR), ("hub", None), (None, None)],
)
def test_the_operator_does_not_cut_its_own_power(operator_node: str | None, reason: Reason | None) -> None:
    assert reason_of(rules_node.hosts_operator, case_of(RENAMED, operator_node=operator_node)) is reason


def coordinated(job_at: str | None, pod_phase: str | None, finished: Reason | None = None) -> Case:
    pods = [] if pod_phase is None else [a_coordinator(pod_phase)]
    node = a_node("roof", node_name="pi-01", facts=some_facts(), pods=[*pods, a_pod()])
    return case_of(node, jobs=[a_job(coordinator_node=job_at, finished=finished)])


@pytest.mark.parametrize(
    ("case", "named"),
    [
        (coordinated(None, None), None),
        (coordinated("hub", None), None),
        (coordinated("pi-01", None), "default/mnist"),
        (coordinated("roof", None), "default/mnist"),
        (coordinated("pi-01", None, Reason.ROUNDS_COMPLETE), None),
        (coordinated(None, "Running"), "mnist-coordinator"),
        (coordinated(None, "Pending"), "mnist-coordinator"),
        (coordinated("hub", "Unknown"), "mnist-coordinator"),
        (coordinated(None, "Succeeded"), None),
        (coordinated(None, "Failed"), None),
        (coordinated("pi-01", "Running"), "default/mnist"),
    ],
)
def test_a_job_that_is_not_over_keeps_its_coordinators_node_awake(case: Case, named: str | None) -> None:
    refusal = rules_node.hosts_coordinator(case)
    assert (refusal is None) is (named is None)
    if refusal is not None and named is not None:
        assert refusal.reason is Reason.HOSTS_COORDINATOR
        assert named in refusal.message


def overridden(power: OverridePower, until: timedelta | None, *, sleep: bool = False) -> Case:
    at = None if until is None else NOW + until
    override = PowerOverride(power=power, until=at, reason="firmware")
    return case_of(a_node(override=override), policy=a_policy(sleep=sleep))


@pytest.mark.parametrize(("until", "holds"), [(None, True), (A_MOMENT, True), (timedelta(0), False)], ids=str)
def test_a_persons_order_holds_until_its_end(until: timedelta | None, holds: bool) -> None:
    held, free = Reason.OVERRIDDEN, Reason.SLEEP_DISABLED
    assert reason_of(rules_node.override_awake, overridden(OverridePower.AWAKE, until)) is (held if holds else None)
    assert reason_of(rules_node.sleep_enabled, overridden(OverridePower.ASLEEP, until)) is (None if holds else free)


def test_an_order_is_obeyed_in_its_own_sense_only() -> None:
    assert reason_of(rules_node.override_awake, overridden(OverridePower.ASLEEP, None)) is None
    assert reason_of(rules_node.override_awake, case_of()) is None
    assert reason_of(rules_node.sleep_enabled, overridden(OverridePower.AWAKE, None)) is Reason.SLEEP_DISABLED
    assert reason_of(rules_node.sleep_enabled, overridden(OverridePower.AWAKE, None, sleep=True)) is None


def test_whoever_holds_a_node_awake_is_quoted() -> None:
    refusal = rules_node.override_awake(overridden(OverridePower.AWAKE, None))
    assert refusal is not None
    assert "firmware" in refusal.message
