"""A node's draw over a while, from its exporter's counter of energy, idle and under a load of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sunward.cli.setup.exporters import Exporter, Scrape, scrape
from sunward.domain.errors import SunwardError
from sunward.domain.estimate import Estimate, updated

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

Pause = Callable[[float], Awaitable[None]]
WINDOW_SECONDS = 10.0
"""Between two looks at the counter: each window gives one mean, and their spread is that of the draw."""
SETTLE_SECONDS = 30.0
"""After the load begins or ends: fans, clocks and caches need a while."""
FEWEST_WINDOWS = 3
START_SECONDS = 120.0
"""How long the pod of the load may take to start; its image is on the node already."""
LOAD = """
import os
for _ in range((os.cpu_count() or 1) - 1):
    if os.fork() == 0:
        break
while True:
    pass
"""


def means(scrapes: Sequence[Scrape]) -> list[float]:
    """Mean watts of each window; one in which the counter began anew, or no new sample was taken, is left out."""
    found = []
    for first, last in pairwise(scrapes):
        if None in (first.energy_joules, last.energy_joules, first.sampled_at, last.sampled_at):
            continue
        joules = (last.energy_joules or 0.0) - (first.energy_joules or 0.0)
        seconds = (last.sampled_at or 0.0) - (first.sampled_at or 0.0)
        if joules >= 0.0 and seconds > 0.0:
            found.append(joules / seconds)
    return found


def estimate(watts: Iterable[float]) -> Estimate | None:
    """What some windows say together; None where there is none."""
    found: Estimate | None = None
    for value in watts:
        found = updated(found, value)
    return found


async def measured(api: KubernetesApi, exporter: Exporter, windows: int, pause: Pause = asyncio.sleep) -> Estimate:
    """The draw over some windows. Raises SunwardError when the exporter shows no energy."""
    scrapes = [await scrape(api, exporter)]
    for _ in range(windows):
        await pause(WINDOW_SECONDS)
        scrapes.append(await scrape(api, exporter))
    watts = means(scrapes)
    found = estimate(watts)
    if found is None or len(watts) < min(FEWEST_WINDOWS, windows):
        text = f"only {len(watts)} of {windows} windows have a reading; see sunward_exporter_meter_absent"
        raise SunwardError(f"exporter {exporter.pod}: {text}")
    return found


@asynccontextmanager
async def loaded(
    api: KubernetesApi, exporter: Exporter, node: str, seconds: float, pause: Pause = asyncio.sleep
) -> AsyncIterator[None]:
    """While all cores of the node are busy. The pod ends with the measurement, and by itself if we do not come back."""
    from sunward.cluster.access.api import core

    body = load_pod(exporter, node, seconds)
    path = core("pods", body["metadata"]["name"], namespace=exporter.namespace)
    await api.delete(path, grace_seconds=0)  # left over from a calibration that was killed
    await api.create(core("pods", namespace=exporter.namespace), body)
    try:
        await _running(api, path, pause)
        yield
    finally:
        await api.delete(path, grace_seconds=0)


async def _running(api: KubernetesApi, path: str, pause: Pause) -> None:
    waited = 0.0
    while (await api.get(path)).get("status", {}).get("phase") != "Running":
        if waited >= START_SECONDS:
            raise SunwardError(f"the pod of the load did not start within {START_SECONDS:.0f} s: kubectl get {path}")
        await pause(1.0)
        waited += 1.0


def load_pod(exporter: Exporter, node: str, seconds: float) -> Mapping[str, Any]:
    """A pod that keeps every core of a node busy, from the exporter's image, which the node has."""
    container = {
        "name": "load",
        "image": exporter.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", LOAD],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "nodeName": node,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "activeDeadlineSeconds": int(seconds + START_SECONDS) + 60,
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    metadata = {"name": f"sunward-calibration-{node}"[:253], "labels": {"app.kubernetes.io/component": "calibration"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
