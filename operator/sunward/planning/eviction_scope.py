"""In which namespaces a drain may evict: where the policy lets it, and the operator has the right. Pure."""

from __future__ import annotations

from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot


def not_evictable(snapshot: Snapshot, namespace: str) -> Cause | None:
    """Why no pod of a namespace is evicted, or None."""
    if not snapshot.policy.lets_evict(namespace, snapshot.namespace_labels.get(namespace)):
        why = f"is in a namespace in which the operator may evict nothing; add {namespace} to spec.namespaces, or"
        return Cause(Reason.NAMESPACE_NOT_ALLOWED, f"{why} to spec.evictNamespaces, of EnergyPolicy default")
    missing = snapshot.without_right.get(namespace)
    return None if missing is None else Cause(missing.reason, f"must stay: {missing.message}")
