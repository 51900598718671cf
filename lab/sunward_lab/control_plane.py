"""etcd, API server, controller manager and scheduler as processes of the host.

A control plane stands alone as well, on a loopback address of its own, so that tests run several side by side.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from sunward_lab import identities, processes
from sunward_lab.api import Api
from sunward_lab.identities import Identities, Identity
from sunward_lab.processes import Process
from sunward_lab.settings import API_PORT, SERVICE_NETWORK, RunFolder, Settings

_ETCD_PORT: Final = 2379
_ETCD_PEER_PORT: Final = 2380
_RATES: Final = ("--kube-api-qps=300", "--kube-api-burst=500")
_READY_SECONDS: Final = 120.0
_WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """Where one control plane listens, and from which binaries it runs.

    `local` is a loopback address that no other control plane uses: etcd and the two managers listen on it,
    and the API server too when there are no machines to serve. `audited_user` may be empty.
    """

    run: RunFolder
    binaries: Path
    local: str
    address: str
    grace_seconds: int = 50
    unhealthy_zone_threshold_percent: int | None = None
    audited_user: str = ""
    service_network: IPv4Network = SERVICE_NETWORK

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:{API_PORT}"

    @property
    def identities(self) -> Identities:
        """All identities of this cluster."""
        return Identities(self.run.identities)

    def start(self, users: Sequence[Identity]) -> None:
        """Start all four and wait until the API server serves; raises LabError that names the log."""
        service = str(self.service_network[1])
        addresses = [self.address, self.local, "127.0.0.1", service]
        self.identities.create(self.server, list(dict.fromkeys(addresses)), users)
        self.run.kubeconfig.unlink(missing_ok=True)
        self._start("etcd", self._etcd())
        server = self._start("kube-apiserver", self._api_server())
        api = Api.from_kubeconfig(self.identities.kubeconfig(identities.ADMINISTRATOR))
        self._wait(server, lambda: api.text("/readyz") == "ok")
        manager = self._start("kube-controller-manager", self._controller_manager())
        self._start("kube-scheduler", self._scheduler())
        source = self.identities.kubeconfig(identities.ADMINISTRATOR)
        self.run.kubeconfig.touch(mode=0o600)
        self.run.kubeconfig.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        self._wait(manager, lambda: _has_default_account(api))

    def _start(self, name: str, argv: Sequence[str]) -> Process:
        command = [str(self.binaries / name), *argv]
        return processes.start(name, command, records=self.run.processes, logs=self.run.logs)

    def _wait(self, process: Process, is_ready: Callable[[], bool]) -> None:
        processes.wait_ready(process, is_ready, _READY_SECONDS, self.run.logs / f"{process.name}.log")

    def _etcd(self) -> list[str]:
        client = f"http://{self.local}:{_ETCD_PORT}"
        peer = f"http://{self.local}:{_ETCD_PEER_PORT}"
        return [
            "--name=lab",
            f"--data-dir={self.run.etcd}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=lab={peer}",
            "--unsafe-no-fsync",  # a thrown-away cluster need not survive a power cut of the host
            "--log-level=warn",
        ]

    def _api_server(self) -> list[str]:
        who = self.identities
        loopback = ["--endpoint-reconciler-type=none"] if self.address == self.local else []
        return [
            f"--etcd-servers=http://{self.local}:{_ETCD_PORT}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={API_PORT}",
            *loopback,
            f"--tls-cert-file={who.certificate('apiserver')}",
            f"--tls-private-key-file={who.key('apiserver')}",
            f"--client-ca-file={who.authority}",
            f"--token-auth-file={who.tokens}",
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--enable-aggregator-routing=true",
            f"--kubelet-client-certificate={who.certificate('apiserver-client')}",
            f"--kubelet-client-key={who.key('apiserver-client')}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-cluster-ip-range={self.service_network}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={who.service_account_key}",
            f"--service-account-signing-key-file={who.service_account_key}",
            "--allow-privileged=true",
            "--profiling=false",
            *self._audit(),
        ]

    def _audit(self) -> list[str]:
        """Flags for a log of one user's writes, each kept when it is answered."""
        if not self.audited_user:
            return []
        writes = {"users": [self.audited_user], "verbs": list(_WRITES)}
        whole = {"group": "", "resources": ["nodes", "pods", "pods/eviction"]}
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [
                {"level": "RequestResponse", "resources": [whole], **writes},
                {"level": "Request", **writes},
                {"level": "None"},
            ],
        }
        self.run.logs.mkdir(parents=True, exist_ok=True)
        self.run.audit_policy.write_text(json.dumps(policy), encoding="utf-8")
        return [f"--audit-policy-file={self.run.audit_policy}", f"--audit-log-path={self.run.audit_log}"]

    def _controller_manager(self) -> list[str]:
        who = self.identities
        return [
            f"--kubeconfig={who.kubeconfig(identities.CONTROLLER_MANAGER)}",
            f"--bind-address={self.local}",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={who.service_account_key}",
            f"--root-ca-file={who.authority}",
            f"--cluster-signing-cert-file={who.authority}",
            f"--cluster-signing-key-file={who.authority_key}",
            f"--node-monitor-grace-period={self.grace_seconds}s",
            f"--node-monitor-period={max(1, min(5, self.grace_seconds // 4))}s",
            *self._threshold(),
            *_RATES,
        ]

    def _threshold(self) -> list[str]:
        """The flag for how many nodes may be out before evictions stop; none leaves Kubernetes' own."""
        percent = self.unhealthy_zone_threshold_percent
        return [] if percent is None else [f"--unhealthy-zone-threshold={percent / 100}"]

    def _scheduler(self) -> list[str]:
        kubeconfig = self.identities.kubeconfig(identities.SCHEDULER)
        return [f"--kubeconfig={kubeconfig}", f"--bind-address={self.local}", "--leader-elect=false", *_RATES]


def for_settings(settings: Settings, run: RunFolder, binaries: Path) -> ControlPlane:
    """The control plane of a cluster: on the bridge when there are machines, else on loopback alone."""
    local = _unused_loopback_address()
    address = str(settings.host_address) if settings.has_machines else local
    return ControlPlane(
        run=run,
        binaries=binaries,
        local=local,
        address=address,
        grace_seconds=settings.node_monitor_grace_seconds,
        unhealthy_zone_threshold_percent=settings.unhealthy_zone_threshold_percent,
        audited_user=settings.audited_user,
        service_network=IPv4Network(settings.service_network),
    )


def _unused_loopback_address() -> str:
    """One of 4 million loopback addresses: fixed ports on it cannot meet another cluster's."""
    high, middle, low = secrets.randbelow(64) + 64, secrets.randbelow(256), secrets.randbelow(254) + 1
    return f"127.{high}.{middle}.{low}"


def _has_default_account(api: Api) -> bool:
    """Pods can only be created once the controller manager has made their service account."""
    return api.exists("/api/v1/namespaces/default/serviceaccounts/default")
