"""What lets the processes of a job recognise each other and keeps everybody else out. Pure.

Each pod mounts one Secret, which is named after it and contains its own certificate alone. Secrets are written and
never read, so the pod's annotation tells which certificate is in force.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.training import templates
from sunward.cluster.training.certificates import LIFETIME, RENEW_BEFORE, Authority, Bundle
from sunward.domain.jobs import DataMobility, JobSpec

Body = dict[str, Any]
CERTIFICATE_ANNOTATION = "sunward.dev/certificate"
"""Expiry and authority of the certificate that the pod's Secret contains."""
SECRET_TYPE = "sunward.dev/door"  # noqa: S105  # the type of our Secrets, which admission policy 10 knows
PENDING_LIMIT = timedelta(minutes=10)
"""A pod that waits for so long may wait for a Secret that was deleted: it is written again."""
DNS_PORT = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One certificate for one pod: its Secret, and the annotation for the pod."""

    secret: Body
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The door of one job at one moment."""

    job: JobSpec
    authority: Authority
    operator_namespace: str
    now: datetime

    def coordinator(self) -> Pass:
        """A new certificate for the coordinator, with the key that seals checkpoints."""
        name = templates.coordinator_name(self.job)
        return self._pass(
            name, "coordinator", self.authority.coordinator(self.now), {"checkpoint.key": self.authority.checkpoint_key}
        )

    def worker(self, node: str, site: str | None) -> Pass:
        """A new certificate for the worker on a node; the site decides who else may have its shards."""
        return self._pass(
            templates.worker_name(self.job, node), "worker", self.authority.worker(node, site, self.now), {}
        )

    def _pass(self, pod: str, component: str, bundle: Bundle, further: Mapping[str, bytes]) -> Pass:
        content = {"ca.crt": bundle.authority, "tls.crt": bundle.certificate, "tls.key": bundle.key, **further}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": templates.metadata(self.job, templates.secret_name(pod), component),
            "type": SECRET_TYPE,
            "data": {name: base64.b64encode(value).decode() for name, value in content.items()},
        }
        stamp = f"{format_time(bundle.expires)} {self.authority.fingerprint}"
        return Pass(secret=secret, annotations={CERTIFICATE_ANNOTATION: stamp})

    def is_current(self, pod: Body) -> bool:
        """Whether the pod's certificate can stay: of this authority, far from its end, and there if it is awaited."""
        phase = (pod.get("status") or {}).get("phase")
        if phase in ("Succeeded", "Failed"):
            return True
        stamp = (pod["metadata"].get("annotations") or {}).get(CERTIFICATE_ANNOTATION, "")
        time, _, fingerprint = stamp.partition(" ")
        expires = _time(time)
        if expires is None or fingerprint != self.authority.fingerprint:
            return False
        if phase == "Pending" and expires < self.now + LIFETIME - PENDING_LIMIT:
            return False
        return expires > self.now + RENEW_BEFORE

    def network_policies(self) -> tuple[Body, Body]:
        """Everything that is not listed is denied, in both directions, for coordinator and workers."""
        job, shards = self.job, self.job.data_mobility is not DataMobility.NEVER
        ours = templates.PROGRESS_PORT, templates.SUPERLINK_PORT
        coordinator = self._policy(
            "coordinator",
            templates.coordinator_name(job),
            ingress=[
                {"from": [self._pods("worker")], "ports": _tcp(*ours)},
                {"from": [self._operator()], "ports": _tcp(templates.PROGRESS_PORT)},
            ],
            egress=[_DNS],
        )
        between = [{"ports": _tcp(templates.SHARD_PORT)}] if shards else []
        worker = self._policy(
            "worker",
            templates.worker_policy_name(job),
            ingress=[{"from": [self._pods("worker")], **rule} for rule in between],
            egress=[
                {"to": [self._pods("coordinator")], "ports": _tcp(*ours)},
                *({"to": [self._pods("worker")], **rule} for rule in between),
                _DNS,
            ],
        )
        return coordinator, worker

    def _policy(self, component: str, name: str, *, ingress: list[Body], egress: list[Body]) -> Body:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": templates.metadata(self.job, name, component),
            "spec": {
                "podSelector": self._pods(component)["podSelector"],
                "policyTypes": ["Ingress", "Egress"],
                "ingress": ingress,
                "egress": egress,
            },
        }

    def _pods(self, component: str) -> Body:
        return {"podSelector": {"matchLabels": templates.labels(self.job, component)}}

    def _operator(self) -> Body:
        labels = {"app.kubernetes.io/name": "sunward", "app.kubernetes.io/component": "operator"}
        return {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.operator_namespace}},
            "podSelector": {"matchLabels": labels},
        }


_DNS: Body = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": DNS_PORT}, {"protocol": "TCP", "port": DNS_PORT}],
}
"""Names may be looked up at the cluster's own DNS; port 53 elsewhere would be a way out."""


def _tcp(*ports: int) -> list[Body]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _time(text: str) -> datetime | None:
    """A time that was written here; None for what another writer put there."""
    try:
        return parse_time(text)
    except ValueError:
        return None
