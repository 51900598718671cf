"""The objects a training job consists of: coordinator pod and Service, worker pods, assignment ConfigMap.

Pure: domain values in, manifests out. Names are derived from the job, so that creating twice is refused by the API
server instead of doubling the work. Every pod meets the restricted profile and mounts no token.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import Any

from sunward.domain.foreign_json import parse_foreign_json
from sunward.domain.jobs import Assignment, DataMobility, JobSpec

Body = dict[str, Any]
JOB_LABEL = "sunward.dev/job"
JOB_UID_LABEL = "sunward.dev/job-uid"
"""In the Service's selector, so that no pod of another job, or of an earlier one of the same name, is behind it."""
COMPONENT_LABEL = "sunward.dev/component"
NODE_LABEL = "sunward.dev/node"
PROGRESS_PORT = 9812
SUPERLINK_PORT = 9813
SHARD_PORT = 9814
ASSIGNMENT_SCHEMA = "sunward.dev/assignment/v1alpha1"
DEFAULT_MODEL = "mnist-mlp"
UNPRIVILEGED = 65532
POD_NAME_LIMIT = 240
"""Characters, below the 253 that Kubernetes allows: what is named after a pod needs some of them."""
LABEL_LIMIT = 63
HASH_LENGTH = 10
BYTES_PER_MEBIBYTE = 1 << 20
STATE_MEBIBYTES = 1024
TMP_MEBIBYTES = 512
LOG_MEBIBYTES = 128
CPU_LIMIT = "4"
"""As many cores as the machines have that these jobs are made for."""
TLS_FOLDER = "/etc/sunward-tls"
SECRET_MODE = 0o440
"""Readable for the pod's group, which is the trainer's own (fsGroup)."""


def coordinator_name(job: JobSpec) -> str:
    """Name of the coordinator pod and its Service."""
    return f"{job.name}-coordinator"


def worker_name(job: JobSpec, node: str) -> str:
    """Name of the job's worker on a node: no other pod of any job of the namespace has it.

    Job and node are joined by words that may be part of both, so a name that can be read in two ways ends in a hash.
    """
    name = f"{job.name}-worker-{node}"
    words = name.split("-")
    is_plain = words.count("worker") == 1 and words[-1] != "coordinator" and len(name) <= POD_NAME_LIMIT
    return name if is_plain else _cut(name, f"{job.uid}/{node}", POD_NAME_LIMIT)


def label_value(name: str) -> str:
    """A name of an object as the value of a label: itself, or as much of it as fits, with a hash of the whole."""
    return name if len(name) <= LABEL_LIMIT else _cut(name, name, LABEL_LIMIT)


def _cut(name: str, whole: str, limit: int) -> str:
    digest = hashlib.sha256(whole.encode()).hexdigest()[:HASH_LENGTH]
    return f"{name[: limit - HASH_LENGTH - 1].rstrip('-.')}-{digest}"


def secret_name(pod: str) -> str:
    """Name of the Secret with a pod's certificate; admission policies 6 and 10 expect it."""
    return f"{pod}-door"


def worker_policy_name(job: JobSpec) -> str:
    """Name of the NetworkPolicy of the job's workers; the coordinator's has its Service's name."""
    return f"{job.name}-worker"


def assignment_name(job: JobSpec) -> str:
    """Name of the ConfigMap with the assignment file."""
    return f"{job.name}-assignment"


def assignment_file(job: JobSpec, assignments: Sequence[Assignment], plan: str, until_round: int | None = None) -> str:
    """JSON text of the assignment file: who works on which batches in every round until the next plan.

    No workers means that the job waits. After `until_round`, where there is one, it waits for the next plan.
    """
    by_node: dict[str, list[Body]] = defaultdict(list)
    for row in sorted(assignments, key=lambda a: (a.node, a.shard)):
        by_node[row.node].append({"shard": row.shard, "from_node": row.from_node, "batches": row.batches})
    content: Body = {
        "schema": ASSIGNMENT_SCHEMA,
        "job": job.key,
        "plan": plan,
        "workers": [{"node": node, "shards": rows} for node, rows in sorted(by_node.items())],
    }
    if until_round is not None:
        content["until_round"] = until_round
    return json.dumps(content, sort_keys=True, indent=1)


def work_of(text: str) -> Any:
    """The work an assignment file asks for, without the name of its plan; None when it cannot be read."""
    try:
        content = parse_foreign_json(text)
        return content.get("workers"), content.get("until_round")
    except (ValueError, AttributeError):
        return None


def assignment_map(job: JobSpec, text: str) -> Body:
    """ConfigMap with the assignment file."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(job, assignment_name(job), "assignment"),
        "data": {"assignment.json": text},
    }


def coordinator_service(job: JobSpec) -> Body:
    """Service in front of the coordinator: workers and the operator reach it by the cluster IP."""
    ports = (("progress", PROGRESS_PORT), ("superlink", SUPERLINK_PORT))
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(job, coordinator_name(job), "coordinator"),
        "spec": {
            "selector": labels(job, "coordinator"),
            "publishNotReadyAddresses": True,
            "ports": [{"name": name, "port": port, "targetPort": port} for name, port in ports],
        },
    }


def labels(job: JobSpec, component: str) -> dict[str, str]:
    """What the pods of one part of a job carry, and are selected by."""
    return {
        "app.kubernetes.io/managed-by": "sunward",
        JOB_LABEL: job.name,
        JOB_UID_LABEL: job.uid,
        COMPONENT_LABEL: component,
    }


def metadata(job: JobSpec, name: str, component: str) -> Body:
    """Name, labels and owner of one of the job's objects."""
    return {
        "name": name,
        "namespace": job.namespace,
        "labels": labels(job, component),
        "ownerReferences": [
            {
                "apiVersion": "sunward.dev/v1alpha1",
                "kind": "TrainingJob",
                "name": job.name,
                "uid": job.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def coordinator_pod(job: JobSpec, node_name: str, service_account: str) -> Body:
    """The coordinator, on a node that never sleeps.

    Its checkpoints live as long as the pod; a new pod takes the last weights and round back from the workers.
    """
    arguments = [
        "coordinator",
        "--job", job.key,
        "--assignment", "/etc/sunward/assignment.json",
        "--state-dir", "/var/lib/sunward/state",
        "--rounds", str(job.rounds),
        "--steps-per-round", str(job.steps_per_round),
        "--batch-size", str(job.batch_size),
        "--minimum-workers", str(job.minimum_workers),
        "--update-rule", job.update_rule.value,
        "--maximum-norm-factor", str(job.maximum_norm_factor),
        "--listen", f"0.0.0.0:{PROGRESS_PORT}",
        "--superlink", f"0.0.0.0:{SUPERLINK_PORT}",
        *_door(job),
        *(["--target-accuracy", str(job.target_accuracy_percent)] if job.target_accuracy_percent else []),
        "--model", job.app or DEFAULT_MODEL,
        *_shards(job),
        *_extra(job, worker=False),
    ]  # fmt: skip
    pod = _pod(job, coordinator_name(job), "coordinator", node_name, service_account, arguments)
    mount = {"name": "assignment", "mountPath": "/etc/sunward", "readOnly": True}
    pod["spec"]["volumes"].append({"name": "assignment", "configMap": {"name": assignment_name(job)}})
    container = pod["spec"]["containers"][0]
    container["volumeMounts"].append(mount)
    container["ports"] = [{"containerPort": PROGRESS_PORT}, {"containerPort": SUPERLINK_PORT}]
    return pod


def worker_pod(job: JobSpec, node: str, node_name: str, coordinator_ip: str, service_account: str) -> Body:
    """The worker of a job on one node; it holds the shards whose home the node is and caches those it works on."""
    arguments = [
        "worker",
        "--node", node,
        "--coordinator", coordinator_ip,
        "--coordinator-port", str(PROGRESS_PORT),
        "--superlink-port", str(SUPERLINK_PORT),
        "--shard-server-port", str(SHARD_PORT),
        *_door(job),
        "--shards-dir", "/var/lib/sunward/shards",
        "--cache-dir", "/var/lib/sunward/cache",
        *_shards(job),
        *_extra(job, worker=True),
    ]  # fmt: skip
    pod = _pod(job, worker_name(job, node), "worker", node_name, service_account, arguments)
    pod["metadata"]["labels"][NODE_LABEL] = label_value(node)
    if job.data_mobility is not DataMobility.NEVER:
        pod["spec"]["containers"][0]["ports"] = [{"containerPort": SHARD_PORT}]
    return pod


def _shards(job: JobSpec) -> list[str]:
    """Workers cut the data by them; the coordinator knows by their homes who may register."""
    return [part for s in job.shards for part in ("--shard", f"{s.name}={s.node}:{s.samples}")]


def _door(job: JobSpec) -> list[str]:
    return ["--tls-dir", TLS_FOLDER, "--data-mobility", str(job.data_mobility)]


WORKER_ARGUMENTS = frozenset({"partition"})
SHARED_ARGUMENTS = frozenset({"seed", "data-dir", "shared-data"})


def _extra(job: JobSpec, *, worker: bool) -> list[str]:
    """The user's own arguments, each given to the part that knows it."""
    return [
        part
        for key, value in job.arguments
        if key in SHARED_ARGUMENTS or (key in WORKER_ARGUMENTS) is worker
        for part in (f"--{key}", value)
    ]


def _pod(job: JobSpec, name: str, component: str, node_name: str, account: str, arguments: list[str]) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(job, name, component),
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "OnFailure",
            "terminationGracePeriodSeconds": 10,
            "affinity": _pinned(node_name),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UNPRIVILEGED,
                "runAsGroup": UNPRIVILEGED,
                "fsGroup": UNPRIVILEGED,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(job, component, arguments)],
            "volumes": [
                {"name": "state", "emptyDir": {"sizeLimit": f"{_state_mebibytes(job)}Mi"}},
                {"name": "tmp", "emptyDir": {"sizeLimit": f"{TMP_MEBIBYTES}Mi"}},
                {"name": "door", "secret": {"secretName": secret_name(name), "defaultMode": SECRET_MODE}},
            ],
        },
    }


def _container(job: JobSpec, component: str, arguments: list[str]) -> Body:
    return {
        "name": component,
        "image": job.image or "sunward-trainer:0.1.0",
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108  # an emptyDir of the pod
            {"name": "FLWR_HOME", "value": "/tmp/flwr"},  # noqa: S108  # an emptyDir of the pod
        ],
        "resources": _resources(job),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "state", "mountPath": "/var/lib/sunward"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # an emptyDir of the pod
            {"name": "door", "mountPath": TLS_FOLDER, "readOnly": True},
        ],
    }


def _resources(job: JobSpec) -> Body:
    """What a part of a job asks for, and what it may take of its node at most: of the disk, its volumes and its log.

    It asks for no disk: without a request of its own, a limit is one, and no node would have room for a large cache.
    """
    disk = _state_mebibytes(job) + TMP_MEBIBYTES + LOG_MEBIBYTES
    return {
        "requests": {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "0"},
        "limits": {"cpu": CPU_LIMIT, "memory": "1Gi", "ephemeral-storage": f"{disk}Mi"},
    }


def _state_mebibytes(job: JobSpec) -> int:
    """Checkpoints and caches, and room for every shard: a worker may come to hold them all."""
    return STATE_MEBIBYTES + ceil(sum(shard.gigabytes for shard in job.shards) * 1e9 / BYTES_PER_MEBIBYTE)


def _pinned(node_name: str) -> Body:
    """Affinity and not nodeName: the scheduler must still respect cordons and taints."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node_name]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
