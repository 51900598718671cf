"""The guards of a job's door: module, what stands there, what stands there without the guard, and which tests notice.

Modules of the trainer first, then those of the operator, which makes certificates and policies.
"""

from __future__ import annotations

DOOR = "tests/unit/trainer/test_trainer_door.py"
REPLICA = "tests/unit/trainer/test_trainer_replica.py"
OURS = "tests/unit/cluster/test_cluster_door.py"
PODS = "tests/unit/cluster/test_cluster_pods.py"

TRAINER_PLACES: dict[str, tuple[str, str, str, str]] = {
    "a certificate of another job opens nothing": ("protocol.callers", "if found.job != self._job:", "if False:", DOOR),
    "a path is for the roles that it lists": (
        "protocol.callers",
        'if caller.role not in allowed.get(request.path.split("/")[1], frozenset()):',
        "if False:",
        DOOR,
    ),
    "a certificate names one member": ("protocol.identity", "if len(ours) != 1:", "if not ours:", DOOR),
    "a worker's certificate names its node, and no other does": (
        "protocol.identity",
        "or (role == Role.WORKER) is not bool(node):",
        "or False:",
        DOOR,
    ),
    "a process holds the certificate that was made for it": (
        "protocol.credentials",
        "if (own.role, own.node) != (role, node):",
        "if False:",
        DOOR,
    ),
    "both ends show a certificate": (
        "protocol.credentials",
        "context.verify_mode = ssl.CERT_REQUIRED",
        "context.verify_mode = ssl.CERT_OPTIONAL",
        DOOR,
    ),
    "the key of checkpoints is long": ("protocol.credentials", "if len(key) < _SHORTEST_KEY_BYTES:", "if False:", DOOR),
    "shards stay at their site": (
        "worker.shard_server",
        "(only.site is None or caller.site != only.site)",
        "False",
        DOOR,
    ),
    "what is fetched is bounded": ("protocol.fetching", "if len(content) > LARGEST_BYTES:", "if False:", DOOR),
    "a checkpoint that is taken back was sealed by this job": (
        "protocol.checkpoint_replica",
        "if not hmac.compare_digest(content[:_SEAL_BYTES], self._seal(description, weights)):",
        "if False:",
        REPLICA,
    ),
    "an older copy does not replace a newer one": (
        "coordinator.replicas",
        "if self._newest is None or found.round > self._newest.round:",
        "if True:",
        REPLICA,
    ),
    "a key of Flower belongs to one worker": (
        "coordinator.fleet_keys",
        "if any(known == key and owner != worker",
        "if any(False and known == key and owner != worker",
        DOOR,
    ),
    "a worker uses its own key": (
        "coordinator.fleet_keys",
        "return self._keys.get(worker) == key",
        "return True",
        DOOR,
    ),
    "a worker speaks for its own Flower node": (
        "coordinator.fleet_keys",
        "return key is not None and self._node_of(key) == flower_node",
        "return True",
        DOOR,
    ),
}

OPERATOR_PLACES: dict[str, tuple[str, str, str, str]] = {
    "a certificate of another authority is replaced": (
        "cluster.training.door",
        "if expires is None or fingerprint != self.authority.fingerprint:",
        "if expires is None:",
        OURS,
    ),
    "a certificate is replaced before it ends": (
        "cluster.training.door",
        "return expires > self.now + RENEW_BEFORE",
        "return True",
        OURS,
    ),
    "shards that may not move have no port": (
        "cluster.training.door",
        "self.job.data_mobility is not DataMobility.NEVER",
        "True",
        OURS,
    ),
    "the authority is the job's own": ("cluster.training.certificates", 'f"authority/{job_uid}"', '"authority"', OURS),
    "a worker's certificate signs no others": (
        "cluster.training.certificates",
        "x509.BasicConstraints(ca=False, path_length=None)",
        "x509.BasicConstraints(ca=True, path_length=None)",
        OURS,
    ),
    "a seed of another length is refused": (
        "cluster.training.authorities",
        "if len(seed) != SEED_BYTES:",
        "if False:",
        OURS,
    ),
    "a program of one's own is restricted": (
        "cluster.training.generic_pods",
        '"securityContext": dict(RESTRICTED),',
        '"securityContext": {},',
        PODS,
    ),
    "a program of one's own cannot change its part": (
        "cluster.training.generic_pods",
        "for name, value in (*one.env, *variables.items())",
        "for name, value in (*variables.items(), *one.env)",
        PODS,
    ),
}
