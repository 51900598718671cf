"""The objects of a training job beside its pods: Service, assignment ConfigMap, and the names of everything.

Pure: domain values in, manifests out. Names are derived from the job, so that creating twice is refused by the API
server instead of doubling the work. `pods` makes the pods.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sunward.domain.foreign_json import parse_foreign_json
from sunward.domain.jobs import Assignment, JobSpec

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
POD_NAME_LIMIT = 240
"""Characters, below the 253 that Kubernetes allows: what is named after a pod needs some of them."""
LABEL_LIMIT = 63
HASH_LENGTH = 10


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
