"""A world of real processes around the operator: etcd, API server, controllers, scheduler, KWOK, relays and meters.

    with real_cluster(nodes=4) as world:
        operator = world.operator("a")          # `sunward run` with the rights of the chart's ServiceAccount
        operator.start(); operator.wait_ready()
        world.deploy("web", 4)
        world.allow_asleep(2)                   # the planner finds every node dirty: two go to sleep
        world.wait_asleep(2)
        print(world.journal.switches())         # what reached the relays, in order

Nothing is waited for with a plain sleep: every wait has a condition and a deadline and raises TimeoutError.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sunward_lab import checks, cluster, kwok
from sunward_lab.settings import RunFolder, Settings
from support import chart, crds
from support.crds import Api
from support.lab import ControlPlane, running_control_plane
from support.real import objects as real_objects
from support.real.journal import Journal, wait_until
from support.real.machines import Machine, close_all
from support.real.operator_process import PROGRAM, Operator
from support.real.surroundings import Surroundings, serving
from support.real.training import Training

Body = dict[str, Any]
GRACE_SECONDS: Final = 12
RULES: Final = (*chart.RIGHTS, "ServiceAccount", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
NODES: Final = "/api/v1/nodes"
ENERGY_NODES: Final = "/apis/sunward.dev/v1alpha1/energynodes"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
POLICY: Final = "/apis/sunward.dev/v1alpha1/energypolicies/default"


@dataclass(slots=True, kw_only=True)
class RealWorld:
    """A running cluster with everything around it. `admin` speaks as the administrator."""

    plane: ControlPlane
    admin: Api
    machines: dict[str, Machine]
    surroundings: Surroundings
    journal: Journal
    training: Training
    operators: list[Operator] = field(default_factory=list)

    @property
    def run(self) -> RunFolder:
        """The folder of all logs and records."""
        return self.plane.run

    @property
    def names(self) -> list[str]:
        """All nodes, those without a KWOK of their own included."""
        return list(self.machines)

    def operator(
        self, name: str, *, program: Sequence[str] = PROGRAM, server: str = "", clock_ahead_seconds: float = 0.0
    ) -> Operator:
        """A replica that is not started yet; see Operator for the fields."""
        made = Operator(
            name=name,
            run=self.run,
            admin=self.admin,
            nodes=self.names,
            surroundings=self.surroundings.address,
            scrape_seconds=self.surroundings.scrape_seconds,
            program=program,
            server=server,
            clock_ahead_seconds=clock_ahead_seconds,
        )
        self.operators.append(made)
        return made

    # what people do

    def make_server(self, node: str, *arguments: str) -> None:
        """Give a node the role of the control plane, and with arguments the annotation by which k3s tells its own."""
        annotations = {"k3s.io/node-args": json.dumps(["server", *arguments])} if arguments else {}
        labels = {"node-role.kubernetes.io/control-plane": "true"}
        self._accepted(
            self.admin.merge(f"{NODES}/{node}", {"metadata": {"labels": labels, "annotations": annotations}})
        )

    def allow_asleep(self, nodes: int) -> None:
        """At most this many nodes may sleep; the planner wants as many as it may. None may: all are woken."""
        self.change_policy(sleep=nodes > 0, budgets={"maximumAsleepNodes": nodes})

    def change_policy(self, **spec: Any) -> None:
        """Merge into the policy's spec. Raises AssertionError when the server refuses."""
        self._accepted(self.admin.merge(POLICY, {"spec": spec}))

    def hold(self, node: str, power: str | None) -> None:
        """A person holds a node `Awake` or `Asleep`, or lets go of it (None)."""
        patch = real_objects.override(power) if power else {"spec": {"override": None}}
        self._accepted(self.admin.merge(f"{ENERGY_NODES}/{node}", patch))

    def deploy(self, name: str, replicas: int, *, leave_seconds: int = 300, seconds: float = 60.0) -> None:
        """Run some pods and wait until all of them do."""
        body = real_objects.deployment(name, replicas, leave_seconds=leave_seconds)
        self._accepted(self.admin.create(body))
        wait_until(lambda: len(self.running_pods(name)) == replicas, seconds, f"{replicas} pods of {name} run")

    def create(self, body: Body) -> Body:
        """Create anything. Raises AssertionError when the server refuses."""
        return self._accepted(self.admin.create(body))

    # what can be seen

    def items(self, path: str) -> list[Body]:
        """Objects of a list."""
        found: list[Body] = self._accepted(self.admin.get(path))["items"]
        return found

    def power_states(self) -> dict[str, str]:
        """What the record of each EnergyNode says."""
        return {body["metadata"]["name"]: power_state(body) for body in self.items(ENERGY_NODES)}

    def asleep(self) -> list[str]:
        """Nodes whose record says that they sleep."""
        return sorted(name for name, state in self.power_states().items() if state == "Asleep")

    def pods_on(self, node: str, app: str = "") -> list[Body]:
        """Pods bound to a node, those that are about to end included."""
        return [pod for pod in self.pods(app) if pod["spec"].get("nodeName") == node]

    def not_ready(self) -> list[str]:
        """Nodes that Kubernetes does not call Ready."""
        return sorted(body["metadata"]["name"] for body in self.items(NODES) if not is_ready(body))

    def pods(self, app: str = "") -> list[Body]:
        """Pods of the namespace default, of one Deployment or all."""
        query = f"?labelSelector=app={app}" if app else ""
        return self.items(f"/api/v1/namespaces/default/pods{query}")

    def running_pods(self, app: str = "") -> list[Body]:
        """Pods that run, are not about to end, and whose node is alive."""
        return [pod for pod in self.pods(app) if runs(pod, self.machines)]

    def marked(self) -> list[str]:
        """Nodes that carry a cordon or a taint of ours."""
        return sorted(body["metadata"]["name"] for body in self.items(NODES) if is_marked(body))

    def operator_writes(self) -> list[Body]:
        """Every write of the operators' account that the API server answered, in order (audit events)."""
        lines = self.run.audit_log.read_text(encoding="utf-8").splitlines() if self.run.audit_log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    # waits

    def wait_asleep(self, nodes: int, seconds: float = 120.0) -> float:
        """Until exactly so many nodes sleep and nobody is on the way; returns the seconds it took."""

        def settled() -> bool:
            states = list(self.power_states().values())
            return states.count("Asleep") == nodes and states.count("Awake") == len(states) - nodes

        return self.wait(settled, seconds, f"{nodes} nodes asleep, the others awake")

    def wait_on_the_way(self, seconds: float) -> bool:
        """Until a node is on its way to sleep or back; False when none is within that time."""
        try:
            wait_until(lambda: set(self.power_states().values()) - {"Awake", "Asleep"}, seconds, "a node on its way")
        except TimeoutError:
            return False
        return True

    def wait(self, holds: Callable[[], object], seconds: float, what: str) -> float:
        """Until something holds; the TimeoutError says what the records were instead."""
        try:
            return wait_until(holds, seconds, what)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; records: {self.power_states()}") from None

    def _accepted(self, answer: crds.Answer) -> Body:
        assert answer.code in (200, 201), answer.message
        return answer.body


def runs(pod: Body, machines: Mapping[str, Machine]) -> bool:
    """Whether a pod runs on a living machine and is not about to end."""
    where = pod["spec"].get("nodeName", "")
    going = pod["metadata"].get("deletionTimestamp") or pod["status"]["phase"] != "Running"
    return not going and where in machines and machines[where].alive


def power_state(energy_node: Body) -> str:
    """What a record says; one without a status is awake."""
    return str((energy_node.get("status") or {}).get("powerState") or "Awake")


def is_ready(node: Body) -> bool:
    """Whether Kubernetes calls a node Ready."""
    conditions = node.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_marked(node: Body) -> bool:
    """Whether a node carries the operator's taint or its cordon mark."""
    taints = [taint["key"] for taint in node["spec"].get("taints") or ()]
    annotations = node["metadata"].get("annotations") or {}
    return "sunward.dev/asleep" in taints or "sunward.dev/cordoned-by" in annotations


def obstacle() -> str | None:
    """Why no such cluster can be started on this machine; None when it can."""
    settings = Settings(nodes=0, kwok_nodes=1, world=False)
    missing = checks.missing(settings, RunFolder(Path(tempfile.gettempdir())), cluster.binaries())
    return "; ".join(missing) or None


@contextmanager
def real_cluster(
    *,
    nodes: int = 4,
    more_nodes: int = 0,
    grace_seconds: int = GRACE_SECONDS,
    zone: str = "",
    boot_seconds: float = 1.0,
    energy_nodes: bool = True,
    policy: Body | None = None,
    scrape_seconds: float = 1.0,
    more_sleep: bool = False,
    unhealthy_zone_threshold_percent: int | None = None,
) -> Iterator[RealWorld]:
    """Start everything but the operator, and take it down again whatever happens.

    `nodes` have a machine of their own that can be switched; `more_nodes` only fill the cluster: they are always alive,
    and AlwaysOn unless `more_sleep` gives them relays like the others'.
    `zone` is the failure zone of all nodes with machines, the threshold is Kubernetes' own unless given. Skips a test
    where the binaries are missing.
    """
    with (
        running_control_plane(
            kwok_nodes=more_nodes,
            grace_seconds=grace_seconds,
            unhealthy_zone_threshold_percent=unhealthy_zone_threshold_percent,
            audited_user=real_objects.OPERATOR,
            service_network=f"127.{192 + secrets.randbelow(62)}.{secrets.randbelow(256)}.0/24",
        ) as plane,
        tempfile.TemporaryDirectory(prefix="sunward-chart-") as folder,
    ):
        admin = crds.administrator(plane.kubeconfig)
        _install(admin, Path(folder))
        kwok.grant_rights(plane.api)
        journal = Journal(plane.run.path / "journal.jsonl")
        machines = {
            name: Machine(
                name=name,
                run=plane.run,
                journal=journal,
                drop_lease=lambda name: admin.delete(f"{LEASES}/{name}"),
                switchable=switchable,
                boot_seconds=boot_seconds,
            )
            for name, switchable in _names(nodes, more_nodes).items()
        }
        _create(admin, [real_objects.node(name, zone=zone) for name, one in machines.items() if one.switchable])
        if energy_nodes:
            always_on = {name: not (one.switchable or more_sleep) for name, one in machines.items()}
            _create(admin, [real_objects.energy_node(name, always_on=on) for name, on in always_on.items()])
        _create(admin, [policy or real_objects.policy()])
        yield from _running(
            RealWorld(
                plane=plane,
                admin=admin,
                machines=machines,
                journal=journal,
                training=Training(admin=admin, runs=lambda pod: runs(pod, machines)),
                surroundings=Surroundings(machines=machines, journal=journal, scrape_seconds=scrape_seconds),
            )
        )


def _running(world: RealWorld) -> Iterator[RealWorld]:
    with serving(world.surroundings):
        try:
            for machine in world.machines.values():
                machine.start()
            world.wait(lambda: not world.not_ready(), 60.0, "every node Ready")
            world.training.start()
            yield world
        finally:
            world.training.close()
            for operator in world.operators:
                operator.kill()
            close_all(list(world.machines.values()))


def _names(own: int, more: int) -> dict[str, bool]:
    """Names of all nodes, and which have a machine of their own."""
    with_machine = {f"pi-{number:02d}": True for number in range(1, own + 1)}
    return with_machine | {f"kwok-{number:03d}": False for number in range(1, more + 1)}


def _install(admin: Api, folder: Path) -> None:
    """The definitions, and what of the chart the API server itself enforces."""
    crds.install(admin)
    _create(admin, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": chart.NAMESPACE}}])
    rendered = chart.render(folder, values={"jobNamespaces": ["default"]})
    for manifest in chart.of_kind(rendered, *RULES):
        answer = admin.apply(manifest)
        assert answer.code in (200, 201), answer.message


def _create(admin: Api, bodies: Sequence[Body]) -> None:
    for body in bodies:
        answer = admin.create(body)
        assert answer.code == 201, answer.message
