"""Suite R2: the real loop under everything that people, machines, meters and crashes can do, against a model.

The model is small and knows nothing of the operator: which way a power state may go, when power may be cut at all, what
a person's word means, and where everything ends once all faults are over. The auditor judges every single write.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sunward.cluster.access.api import ApiError, core, ours
from support.loop.auditor import Auditor
from support.loop.crash import last_telling_write, misses
from support.loop.objects import WORKERS
from support.loop.process import Death, Process
from support.loop.store import Body
from support.loop.world import World, Write, add_job, cordon_by_hand, override

NODE = st.sampled_from(sorted(WORKERS))
AWAKE, CUT, UP = ("Awake",), "PowerOffRequested", ("WakeRequested", "Booting")
ARROWS = {
    "Awake": {"Cordoned", "Asleep"},
    "Cordoned": {"Draining", "Awake", "Asleep"},
    "Draining": {"PowerOffRequested", "Awake", "Asleep"},
    "PowerOffRequested": {"Asleep", "WakeRequested"},
    "Asleep": {"WakeRequested", "Booting"},
    "WakeRequested": {"Booting", "Awake", "Degraded", "WakeRequested"},
    "Booting": {"Awake", "WakeRequested", "Degraded"},
    "Degraded": {"Awake"},
}
"""Where a record may go from each state; Asleep from above when somebody else cut the power."""
REFUSALS = (409, 422, 429, 500, 503, 0)
SEEN: Counter[str] = Counter()
"""What has happened in all runs of this process, so that a suite can tell that enough did."""
NOT_JUDGED = ("I3:", "I7:", "I8:", "I9:", "I10:", "I11:", "I14:")
LONGEST_REPAIR_PASSES = 400
QUIET_PASSES = 5


@dataclass(slots=True)
class Faults:
    """What the API server and the relays' network do wrong, for every process that lives."""

    odds: float = 0.0
    evictions: int | None = None
    dice: random.Random = field(default_factory=random.Random)

    def __call__(self, verb: str, path: str, done: bool) -> None:
        """Refuse, or lose the answer."""
        if verb == "POST" and path.endswith("/eviction") and self.evictions is not None and not done:
            raise ApiError(self.evictions, verb, path, "injected")
        if verb != "switch" and self.dice.random() < self.odds:
            raise ApiError(0 if done else self.dice.choice(REFUSALS), verb, path, "injected")


class OperatorMachine(RuleBasedStateMachine):
    """Three workers, a hub, and forty ways to disturb them."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = World(period_seconds=40, jobs=False)
        self.auditor = Auditor(self.world)
        self.faults = Faults(dice=random.Random(seed))
        self.process = Process(self.world, "op", faults=self.faults)
        self.stopped: list[Process] = []
        self.foreign_cordons: set[str] = set()
        self.by_hand: set[str] = set()
        self.rounds: dict[str, int] = {}
        self.jobs = 0
        self.mode = "Active"
        self.found: list[str] = []
        self.runner = asyncio.Runner()
        self.world.before_write.append(self._judge)

    # time and the operator

    def _pass(self) -> None:
        try:
            self.runner.run(self.process.tick())
        except Death:
            self.process = self.process.successor()
        self.world.advance()

    @rule(passes=st.integers(1, 6))
    def time_passes(self, passes: int) -> None:
        for _ in range(passes):
            self._pass()

    @rule(write=st.integers(1, 12), phase=st.sampled_from(["before", "after"]))
    def the_operator_dies_at_a_write(self, write: int, phase: str) -> None:
        self.process.die_at = (len(self.world.writes) + write, phase)
        self.time_passes(3)

    @rule()
    def the_operator_is_restarted(self) -> None:
        self.process.dead = True
        self.process = self.process.successor()

    @rule()
    def the_leader_stops_and_another_takes_over(self) -> None:
        self.stopped = [*self.stopped[-1:], self.process]
        self.process = self.process.successor()
        self.time_passes(4)

    @precondition(lambda self: bool(self.stopped))
    @rule()
    def a_stopped_leader_goes_on(self) -> None:
        late = self.stopped.pop()
        late.die_at = None
        self.runner.run(late.tick())

    @rule(seconds=st.sampled_from([-90, -30, 30, 200]))
    def the_operators_clock_jumps(self, seconds: int) -> None:
        self.world.skew = timedelta(seconds=seconds)

    @rule()
    def the_operators_clock_is_set_right(self) -> None:
        self.world.skew = timedelta(0)

    @rule(odds=st.sampled_from([0.02, 0.1, 0.3]))
    def the_api_server_falters(self, odds: float) -> None:
        self.faults.odds = odds

    @rule()
    def the_api_server_recovers(self) -> None:
        self.faults.odds = 0.0

    # data

    @rule(how=st.sampled_from(["silent", "stale"]))
    def data_are_lost(self, how: str) -> None:
        self.world.data = how

    @rule()
    def data_come_back(self) -> None:
        self.world.data = "fresh"

    # machines and relays

    @rule(node=NODE)
    def a_plug_is_pulled(self, node: str) -> None:
        self.world.machines[node].on = False
        self.by_hand.add(node)

    @rule(node=NODE)
    def a_plug_is_put_back(self, node: str) -> None:
        self._switch_on(node)

    @rule(node=NODE)
    def a_node_reboots_by_itself(self, node: str) -> None:
        self.world.machines[node].boot_done = self.world.now + timedelta(seconds=30)

    @rule(node=NODE, alive=st.booleans())
    def a_kubelet_dies_or_lives(self, node: str, alive: bool) -> None:
        self.world.machines[node].kubelet = alive

    @rule(node=NODE, boots=st.booleans())
    def a_machine_fails_to_boot_or_is_mended(self, node: str, boots: bool) -> None:
        self.world.machines[node].boots = boots

    @rule(node=NODE, seconds=st.sampled_from([0, 7, 45]))
    def a_relay_is_slow(self, node: str, seconds: int) -> None:
        self.world.machines[node].relay_lag = timedelta(seconds=seconds)

    @rule(node=NODE, silent=st.booleans())
    def a_relay_falls_silent_or_answers(self, node: str, silent: bool) -> None:
        self.world.machines[node].silent = silent

    @rule(node=NODE, listens=st.booleans())
    def a_relay_ignores_orders_or_follows(self, node: str, listens: bool) -> None:
        self.world.machines[node].listens = listens

    @rule(node=NODE, lies=st.booleans())
    def a_relay_lies_or_tells_the_truth(self, node: str, lies: bool) -> None:
        self.world.machines[node].lies = lies

    # people and their objects

    @rule(node=NODE, power=st.sampled_from(["Awake", "Asleep", None]))
    def a_person_overrides(self, node: str, power: str | None) -> None:
        override(self.world, node, power)

    @rule(node=NODE)
    def a_person_cordons(self, node: str) -> None:
        if not self._node(node)["spec"].get("unschedulable"):
            cordon_by_hand(self.world, node)
            self.foreign_cordons.add(node)

    @rule(node=NODE)
    def a_person_uncordons(self, node: str) -> None:
        self.world.store.patch(core("nodes", node), {"spec": {"unschedulable": None}})
        self.foreign_cordons.discard(node)

    @rule(node=NODE, there=st.booleans())
    def a_foreign_taint_comes_or_goes(self, node: str, there: bool) -> None:
        kept = [taint for taint in self._node(node)["spec"].get("taints") or () if taint["key"] != "example.org/repair"]
        new = [{"key": "example.org/repair", "effect": "PreferNoSchedule"}] if there else []
        self.world.store.patch(core("nodes", node), {"spec": {"taints": [*kept, *new]}})

    @rule(node=NODE, out=st.booleans())
    def a_node_is_opted_out_or_in(self, node: str, out: bool) -> None:
        value = "a person works at it" if out else None
        self.world.store.patch(core("nodes", node), {"metadata": {"annotations": {"sunward.dev/do-not-sleep": value}}})

    @rule(node=NODE, managed=st.booleans())
    def a_node_is_withdrawn_or_handed_over(self, node: str, managed: bool) -> None:
        self.world.store.patch(
            core("nodes", node), {"metadata": {"labels": {"sunward.dev/managed": "true" if managed else None}}}
        )

    @rule(node=NODE, zone=st.sampled_from(["CLEAN", "MIXED", "DIRTY"]))
    def a_node_changes_its_zone(self, node: str, zone: str) -> None:
        self.world.store.patch(ours("energynodes", node), {"spec": {"gridZone": zone}})

    @rule(mode=st.sampled_from(["Active", "DryRun"]))
    def the_policys_mode_is_changed(self, mode: str) -> None:
        self._policy({"mode": mode})
        self.mode = mode

    @rule(sleep=st.booleans(), awake=st.integers(0, 3))
    def the_policys_limits_are_changed(self, sleep: bool, awake: int) -> None:
        self._policy({"sleep": sleep, "budgets": {"minimumAwakeNodes": awake}})

    # work

    @precondition(lambda self: self.jobs < 3)
    @rule(home=NODE, other=NODE, rounds=st.integers(1, 3), mobility=st.sampled_from(["Anywhere", "Never"]))
    def a_job_is_submitted(self, home: str, other: str, rounds: int, mobility: str) -> None:
        self.jobs += 1
        homes = {home: "a"} | ({other: "b"} if other != home else {})
        add_job(self.world, f"job-{self.jobs}", homes, rounds=rounds, mobility=mobility)

    @rule(suspend=st.booleans())
    def jobs_are_suspended_or_resumed(self, suspend: bool) -> None:
        for job in self.world.store.of("trainingjobs"):
            path = ours("trainingjobs", job["metadata"]["name"], namespace="default")
            self.world.store.patch(path, {"spec": {"suspend": suspend}})

    @rule(node=NODE, owner=st.sampled_from(["ReplicaSet", "DaemonSet", None]))
    def a_pod_starts_on_a_node(self, node: str, owner: str | None) -> None:
        if self._node(node)["spec"].get("unschedulable") and owner != "DaemonSet":
            return
        self.world.respawned += 1
        name = f"guest-{self.world.respawned}"
        owners = [] if owner is None else [{"kind": owner, "name": "owner", "uid": "owner", "controller": True}]
        body = {
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "ownerReferences": owners},
            "spec": {"nodeName": node},
            "status": {"phase": "Pending"},
        }
        self.world.store.create(core("pods", namespace="default"), body)

    @rule()
    def guests_leave(self) -> None:
        for pod in self.world.store.of("pods"):
            if pod["metadata"]["name"].startswith("guest-"):
                self.world.store.delete(core("pods", pod["metadata"]["name"], namespace="default"))

    @rule(answer=st.sampled_from([429, 500]))
    def drains_are_blocked(self, answer: int) -> None:
        self.faults.evictions = answer

    @rule()
    def drains_are_free_again(self) -> None:
        self.faults.evictions = None

    @rule(node=NODE)
    def a_volume_is_attached(self, node: str) -> None:
        body = {"kind": "VolumeAttachment", "metadata": {"name": f"to-{node}"}, "spec": {"nodeName": node}}
        if self.world.store.find("volumeattachments", f"to-{node}") is None:
            self.world.store.create("/apis/storage.k8s.io/v1/volumeattachments", body)

    @rule()
    def volumes_are_detached(self) -> None:
        self.world.store.objects.pop("volumeattachments", None)

    # what the model says

    def _judge(self, world: World, write: Write) -> None:
        """Before every write: is it one that the model allows?"""
        if write.verb == "switch" and not write.body["on"]:
            self.found += [f"{why} at write {write}" for why in self._wrong_cut(write.body["node"])]
        elif write.address.kind == "energynodes" and write.address.sub == "status":
            self.found += [f"{why} at write {write}" for why in self._wrong_arrow(write)]

    def _wrong_cut(self, node: str) -> list[str]:
        energy = self.world.store.find("energynodes", node) or {}
        wish = ((energy.get("spec") or {}).get("override") or {}).get("power")
        seconds = self.world.skew.total_seconds()
        wrong = {
            "it is held awake by a person": wish == "Awake",
            "nothing trustworthy was measured": self.world.data != "fresh",
            "the clock is wrong by minutes": not -60 <= seconds <= 120,
            "the policy only plans": self.mode != "Active",
            "its relay does not answer": self.world.machines[node].silent,
        }
        return [f"{node} is cut although {why}" for why, holds in wrong.items() if holds]

    def _wrong_arrow(self, write: Write) -> list[str]:
        new = (write.body.get("status") or {}).get("powerState")
        old = ((write.before or {}).get("status") or {}).get("powerState") or "Awake"
        return [] if new in (None, old) or new in ARROWS[old] else [f"{old} -> {new}"]

    @invariant()
    def nothing_is_violated(self) -> None:
        if not hasattr(self, "world"):
            return
        SEEN["steps"] += 1
        # people pull plugs here, so that the share of nodes that are out is no longer the operator's alone
        audited = [why for why in self.auditor.violations if not why.startswith(NOT_JUDGED)]
        assert (audited, self.found) == ([], [])

    @invariant()
    def foreign_cordons_stay(self) -> None:
        if hasattr(self, "world"):
            assert all(self._node(node)["spec"].get("unschedulable") for node in self.foreign_cordons)

    @invariant()
    def rounds_only_grow(self) -> None:
        if hasattr(self, "world"):
            now = {name: state.round for name, state in self.world.training.items()}
            assert all(now[name] >= before for name, before in self.rounds.items())
            self.rounds = now

    # the end of all faults

    def teardown(self) -> None:
        """Faults end, people put right what only people can: then the goal is reached, and nothing is written."""
        if not hasattr(self, "world"):
            return
        try:
            self._mend()
            assert self._settles(), misses(self.world)
            self.nothing_is_violated()
            self._count()
        finally:
            self.runner.close()

    def _count(self) -> None:
        writes = self.world.writes
        SEEN["runs"] += 1
        SEEN["deaths"] += self.world.lives - 1
        SEEN["power_actions"] += sum(write.verb == "switch" for write in writes)
        SEEN["evictions"] += sum(write.address.sub == "eviction" for write in writes)
        SEEN["rounds"] += sum(state.round for state in self.world.training.values())
        SEEN["failed_passes"] += len(self.process.failures)
        SEEN["simulated_minutes"] += round(self.world.seconds / 60)

    def _mend(self) -> None:
        self.faults.odds, self.faults.evictions, self.process.die_at = 0.0, None, None
        self.world.data, self.world.skew = "fresh", timedelta(0)
        self.the_policys_mode_is_changed("Active")
        self._policy({"sleep": True, "budgets": {"minimumAwakeNodes": 1}})
        self.jobs_are_suspended_or_resumed(False)
        self.guests_leave()
        self.volumes_are_detached()
        for node in WORKERS:
            machine = self.world.machines[node]
            machine.listens, machine.silent, machine.lies, machine.boots, machine.kubelet = (
                True,
                False,
                False,
                True,
                True,
            )
            machine.relay_lag = timedelta(0)
            override(self.world, node, None)
            self.a_node_is_opted_out_or_in(node, False)
            self.a_node_is_withdrawn_or_handed_over(node, True)
            if node in self.foreign_cordons:
                self.a_person_uncordons(node)
            if node in self.by_hand or self.world.power(node) in ("Awake", "Degraded"):
                self._switch_on(node)

    def _settles(self) -> bool:
        quiet, before = 0, last_telling_write(self.world)
        for _ in range(LONGEST_REPAIR_PASSES):
            self._pass()
            now = last_telling_write(self.world)
            quiet, before = (quiet + 1 if now == before else 0), now
            if quiet >= QUIET_PASSES and not misses(self.world):
                return True
        return False

    def _switch_on(self, node: str) -> None:
        machine = self.world.machines[node]
        if not machine.on:
            machine.on, machine.boot_done = True, self.world.now + timedelta(seconds=15)
        self.by_hand.discard(node)

    def _node(self, node: str) -> Body:
        body = self.world.store.find("nodes", node)
        assert body is not None
        return body

    def _policy(self, spec: dict[str, Any]) -> None:
        self.world.store.patch(ours("energypolicies", "default"), {"spec": spec})


RULES = sum(1 for name in dir(OperatorMachine) if hasattr(getattr(OperatorMachine, name), "hypothesis_stateful_rule"))
"""How many ways there are to disturb it."""
