"""Where the exporters are, as Prometheus' HTTP service discovery wants it.

For builds of Prometheus without Kubernetes discovery. The node's name comes from the pod's spec, never from its labels.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sunward.cluster.access.api import Api, ApiError, core

EXPORTER_PORT = 9811
SELECTOR = "app.kubernetes.io/name=sunward,app.kubernetes.io/component=exporter"
KEPT_SECONDS = 5.0
"""How long an answer of the API server serves all who ask; Prometheus asks as often."""
MOST_TARGETS = 5000
"""As many nodes as Kubernetes supports in one cluster."""

Targets = list[dict[str, Any]]


class TargetList:
    """Reads the list from the API server when it is asked for, but not more than once in KEPT_SECONDS.

    Whoever reaches the operator's port may ask for it, so that asking must cost the API server nothing.
    """

    def __init__(self, api: Api, namespace: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._namespace = namespace
        self._monotonic = monotonic
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._answer: Targets | ApiError = []

    async def read(self) -> Targets:
        """One target group per exporter pod that has an address. Raises ApiError, which is kept as long as a list."""
        async with self._asking:
            if self._asked_at is None or self._monotonic() - self._asked_at >= KEPT_SECONDS:
                self._answer = await self._ask()
                self._asked_at = self._monotonic()
        if isinstance(self._answer, ApiError):
            raise self._answer.with_traceback(None)
        return self._answer

    async def _ask(self) -> Targets | ApiError:
        try:
            pods = await self._api.list(core("pods", namespace=self._namespace), labelSelector=SELECTOR)
        except ApiError as error:
            return error
        found = [
            {"targets": [f"{pod['status']['podIP']}:{EXPORTER_PORT}"], "labels": {"node": pod["spec"]["nodeName"]}}
            for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
            if (pod.get("status") or {}).get("podIP") and pod["status"].get("phase") in ("Pending", "Running")
        ]
        return found[:MOST_TARGETS]
