"""Where the exporters are, as Prometheus' HTTP service discovery wants it.

For builds of Prometheus without Kubernetes discovery. The node's name comes from the pod's spec, never from its labels.
"""

from __future__ import annotations

from typing import Any

from sunward.cluster.access.api import Api, core

EXPORTER_PORT = 9811
SELECTOR = "app.kubernetes.io/name=sunward,app.kubernetes.io/component=exporter"


async def exporter_targets(api: Api, namespace: str) -> list[dict[str, Any]]:
    """One target group per exporter pod that has an address. Raises ApiError."""
    pods = await api.list(core("pods", namespace=namespace), labelSelector=SELECTOR)
    return [
        {"targets": [f"{pod['status']['podIP']}:{EXPORTER_PORT}"], "labels": {"node": pod["spec"]["nodeName"]}}
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
        if (pod.get("status") or {}).get("podIP") and pod["status"].get("phase") in ("Pending", "Running")
    ]
