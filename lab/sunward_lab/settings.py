"""Where a cluster lives and how its addresses are numbered; nothing here touches the machine."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError
from sunward_lab.spec import Role

HUB: Final = "hub"
MAXIMUM_WORKERS: Final = 40
FIRST_NODE_HOST: Final = 10
FIRST_POD_SUBNET: Final = 16
SERVICE_NETWORK: Final = IPv4Network("10.96.0.0/16")
DNS_ADDRESS: Final = IPv4Address("10.96.0.10")
API_PORT: Final = 6443


def cache_folder() -> Path:
    """Binaries and images, kept between checkouts; SUNWARD_CACHE moves it."""
    return Path(os.environ.get("SUNWARD_CACHE") or Path.home() / ".cache" / "sunward")


def default_run_folder() -> Path:
    """Where a cluster lives unless told otherwise; SUNWARD_LAB_DIR moves it."""
    return Path(os.environ.get("SUNWARD_LAB_DIR") or "/run/sunward-lab")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What kind of cluster to make.

    `instance` numbers clusters that run side by side: it picks the bridge `sunward<instance>` and the
    network 10.<77 + instance>.0.0/16, so that two never share an address. `worker_cores` is how much of this
    machine's cores the pods of one worker may use, None for no limit: a worker is then as fast whether it
    works alone or beside the others. Every write of `audited_user` is kept in the API server's audit log.
    From `unhealthy_zone_threshold_percent` of not ready nodes on, Kubernetes moves no pods off failed nodes; None is
    its own 55 %. The demo lets more than half of the workers sleep.
    A control plane without machines may number its Services from another `service_network`, of loopback for instance.
    """

    nodes: int = 3
    kwok_nodes: int = 0
    instance: int = 0
    world: bool = True
    scenario: str | None = None
    worker_cores: float | None = None
    node_monitor_grace_seconds: int = 50
    unhealthy_zone_threshold_percent: int | None = 95
    audited_user: str = ""
    service_network: str = str(SERVICE_NETWORK)

    def __post_init__(self) -> None:
        if not 0 <= self.nodes <= MAXIMUM_WORKERS:
            raise LabError(f"--nodes {self.nodes}: give 0 (control plane only) to {MAXIMUM_WORKERS}")
        if not 0 <= self.kwok_nodes <= 5000:
            raise LabError(f"--kwok-nodes {self.kwok_nodes}: give 0 to 5000")
        if not 0 <= self.instance <= 100:
            raise LabError(f"--instance {self.instance}: give 0 to 100")
        threshold = self.unhealthy_zone_threshold_percent
        if threshold is not None and not 1 <= threshold <= 100:
            raise LabError(f"--unhealthy-zone-threshold-percent {threshold}: give 1 to 100")
        if self.worker_cores is not None and not 0.01 <= self.worker_cores <= 1000.0:
            raise LabError(f"--worker-cores {self.worker_cores}: give 0.01 or more")

    @property
    def has_machines(self) -> bool:
        """Whether there are real nodes; without them there is no network to build."""
        return self.nodes > 0

    @property
    def bridge(self) -> str:
        """Name of the host's bridge."""
        return f"sunward{self.instance}"

    @property
    def network(self) -> IPv4Network:
        """The /16 that holds nodes and pods."""
        return IPv4Network(f"10.{77 + self.instance}.0.0/16")

    @property
    def host_address(self) -> IPv4Address:
        """The host on the bridge: API server, relays and the emissions API."""
        return self.network[1]

    def machines(self) -> tuple[Machine, ...]:
        """The hub and the workers; none for a bare control plane."""
        if not self.has_machines:
            return ()
        workers = (self._machine(f"pi-{index:02d}", index, "worker") for index in range(1, self.nodes + 1))
        return (self._machine(HUB, 0, "control-plane"), *workers)

    def _machine(self, name: str, index: int, role: Role) -> Machine:
        pods = next(iter([self.network[(FIRST_POD_SUBNET + index) * 256]]))
        return Machine(
            name=name,
            index=index,
            role=role,
            address=self.network[FIRST_NODE_HOST + index],
            pod_network=IPv4Network(f"{pods}/24"),
            namespace=f"{self.bridge}-{name}",
        )

    def to_json(self) -> str:
        """Kept in the run folder, so that every later command knows the cluster it finds."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One real node: its names and addresses."""

    name: str
    index: int
    role: Role
    address: IPv4Address
    pod_network: IPv4Network
    namespace: str


@dataclass(frozen=True, slots=True)
class RunFolder:
    """All files of one cluster. Whatever the lab starts or makes can be found from here."""

    path: Path

    @property
    def settings_file(self) -> Path:
        """What kind of cluster this is."""
        return self.path / "settings.json"

    @property
    def processes(self) -> Path:
        """One record per process on the host."""
        return self.path / "processes"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.path / "logs"

    @property
    def identities(self) -> Path:
        """Certificates, tokens and kubeconfigs of the components."""
        return self.path / "identities"

    @property
    def etcd(self) -> Path:
        """The store's data."""
        return self.path / "etcd"

    @property
    def audit_policy(self) -> Path:
        """What the API server keeps a log of; there is none unless a user is audited."""
        return self.path / "audit-policy.json"

    @property
    def audit_log(self) -> Path:
        """One line of JSON per request that the audit policy keeps."""
        return self.logs / "audit.jsonl"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.path / "kubeconfig"

    def node(self, name: str) -> NodeFolder:
        """The files of one real node."""
        return NodeFolder(self.path / "nodes" / name)

    def sysfs(self, name: str) -> Path:
        """The tree that the world fills for one node's exporter."""
        return self.path / "sys" / name

    def read_settings(self) -> Settings:
        """The running cluster's settings; raises LabError when no cluster was started here."""
        try:
            return Settings.from_json(self.settings_file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise LabError(f"no cluster in {self.path}; start one with `sunward-lab up`") from error


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """The files of one real node; `disk` outlives a power cut, all else of the node is in memory."""

    path: Path

    @property
    def disk(self) -> Path:
        """Becomes /var/lib on the node."""
        return self.path / "disk"

    @property
    def memory(self) -> Path:
        """Where the node's own /run is prepared."""
        return self.path / "memory"

    @property
    def configuration(self) -> Path:
        """What the node's daemons read."""
        return self.path / "etc"

    @property
    def socket(self) -> Path:
        """containerd's socket, reachable from the host."""
        return self.path / "containerd.sock"

    @property
    def power_file(self) -> Path:
        """`on` or `off`: what the machine truly is."""
        return self.path / "power"
