"""Whatever people, machines, relays and crashes do, the rules of sleeping hold after every single pass."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sunward.domain.nodes import PowerState
from sunward.domain.steps import Act
from support.fake_cluster import QUICK, Crash, FakeCluster, some_pods
from support.planning import a_pod, a_policy

NAMES = tuple(f"pi-0{index}" for index in range(1, 6))
NODE = st.sampled_from(NAMES)


class SleepingCluster(RuleBasedStateMachine):
    """Five machines, wishes that change at random, and everything that can go wrong between two passes."""

    @initialize()
    def begin(self) -> None:
        policy = a_policy(budgets=replace(QUICK, drain_timeout_seconds=60.0, power_off_timeout_seconds=40.0))
        self.cluster = FakeCluster(names=NAMES, policy=policy)
        self.wishes = dict.fromkeys(NAMES, True)
        self.touched: set[str] = set()
        self.foreign: set[str] = set()
        self.log_seen = 0

    @rule(wishes=st.lists(st.booleans(), min_size=len(NAMES), max_size=len(NAMES)))
    def people_change_their_minds(self, wishes: list[bool]) -> None:
        self.wishes = dict(zip(NAMES, wishes, strict=True))

    @rule(passes=st.integers(1, 4))
    def time_passes(self, passes: int) -> None:
        for _ in range(passes):
            before = {name: machine.record.power_state for name, machine in self.cluster.machines.items()}
            trusted = self.cluster.measured
            steps = self.cluster.run(self.wishes)
            for step in steps:
                state = step.record.power_state
                begins = before[step.node] is not state and state in (
                    PowerState.CORDONED,
                    PowerState.POWER_OFF_REQUESTED,
                )
                assert trusted or not begins, "a sleep went on although nothing was measured"
            self._judge_power_log()

    def _judge_power_log(self) -> None:
        for name, act, _, token in self.cluster.power_log[self.log_seen :]:
            assert token == self.cluster.token
            if act is Act.POWER_OFF:
                machine = self.cluster.machines[name]
                assert machine.unschedulable
                assert all(pod.is_daemon for pod in machine.pods)
        self.log_seen = len(self.cluster.power_log)

    @rule(node=NODE, count=st.integers(1, 2))
    def pods_arrive(self, node: str, count: int) -> None:
        machine = self.cluster.machines[node]
        if machine.is_alive(self.cluster.now) and not machine.unschedulable:
            machine.pods += some_pods(count)[: max(0, 2 - len(machine.pods))]

    @rule(node=NODE)
    def a_daemon_runs(self, node: str) -> None:
        machine = self.cluster.machines[node]
        if not any(pod.is_daemon for pod in machine.pods):
            machine.pods.append(a_pod("exporter", is_daemon=True))

    @rule(node=NODE, stuck=st.booleans())
    def a_pod_ignores_its_end(self, node: str, stuck: bool) -> None:
        self.cluster.machines[node].stuck_pods = {"web-0"} if stuck else set()

    @rule(node=NODE, on=st.booleans())
    def somebody_turns_the_relay(self, node: str, on: bool) -> None:
        self.cluster.machines[node].switch(on, self.cluster.now)
        if not on:
            self.cluster.machines[node].pods = [p for p in self.cluster.machines[node].pods if p.is_daemon]

    @rule(node=NODE, listens=st.booleans(), silent=st.booleans(), boots=st.booleans())
    def hardware_acts_up(self, node: str, listens: bool, silent: bool, boots: bool) -> None:
        machine = self.cluster.machines[node]
        machine.relay_listens, machine.relay_silent, machine.boots = listens, silent, boots

    @rule(node=NODE)
    def hardware_recovers(self, node: str) -> None:
        self.hardware_acts_up(node, listens=True, silent=False, boots=True)

    @rule(node=NODE)
    def somebody_cordons(self, node: str) -> None:
        machine = self.cluster.machines[node]
        if not machine.unschedulable:
            machine.unschedulable = True
            self.foreign.add(node)

    @rule(node=NODE)
    def somebody_uncordons(self, node: str) -> None:
        self.cluster.machines[node].unschedulable = False
        self.foreign.discard(node)

    @rule(measured=st.booleans())
    def sensors_come_and_go(self, measured: bool) -> None:
        self.cluster.measured = measured

    @rule(point=st.integers(1, 4))
    def the_operator_dies(self, point: int) -> None:
        self.cluster.crash_at = self.cluster.writes + point
        try:
            self.cluster.run(self.wishes, passes=2)
        except Crash:
            self.cluster.tick()
        self.cluster.restart()
        self.log_seen = len(self.cluster.power_log)

    @invariant()
    def budgets_hold(self) -> None:
        if not hasattr(self, "cluster"):
            return
        states = [machine.record.power_state for machine in self.cluster.machines.values()]
        assert sum(state.falling_asleep for state in states) <= 1
        requested = {name for name, act, *_ in self.cluster.power_log if act is Act.POWER_OFF}
        ours = [n for n in requested if self.cluster.machines[n].record.power_state is PowerState.ASLEEP]
        assert len(ours) <= len(NAMES) // 2 + 1

    @invariant()
    def foreign_cordons_survive(self) -> None:
        if hasattr(self, "cluster"):
            assert all(self.cluster.machines[node].unschedulable for node in self.foreign)

    @invariant()
    def no_request_is_repeated_that_was_obeyed(self) -> None:
        if hasattr(self, "cluster"):
            assert self.cluster.needless_repeats == []

    def teardown(self) -> None:
        """When all faults end and everybody is wanted, everybody works again, and then nothing is written."""
        if not hasattr(self, "cluster"):
            return
        self.cluster.measured, self.cluster.crash_at = True, None
        for machine in self.cluster.machines.values():
            machine.relay_listens, machine.relay_silent, machine.boots, machine.stuck_pods = True, False, True, set()
            if machine.record.power_state is PowerState.DEGRADED or not machine.relay_on:
                machine.switch(True, self.cluster.now)  # a person looks after what is degraded or was cut by hand
        self.cluster.run(dict.fromkeys(NAMES, True), passes=220)
        assert set(self.cluster.states().values()) == {PowerState.AWAKE}
        marked = [machine.name for machine in self.cluster.machines.values() if machine.mark or machine.taint]
        assert marked == []
        writes = self.cluster.writes
        self.cluster.run(dict.fromkeys(NAMES, True), passes=12)
        assert self.cluster.writes == writes


TestSleepingCluster = SleepingCluster.TestCase
TestSleepingCluster.settings = settings(max_examples=25, stateful_step_count=30)
