"""What the exporter of a node says, asked through the API server: no way to the node itself is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

EXPORTERS = "app.kubernetes.io/name=sunward,app.kubernetes.io/component=exporter"
PORT = 9811
LONGEST_MODEL = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Where a node's exporter is."""

    namespace: str
    pod: str
    image: str

    @property
    def path(self) -> str:
        """Its metrics, through the API server."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}:{PORT}/proxy/metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What one answer of an exporter tells; None where it does not tell it. `sampled_at` are Unix seconds."""

    board: str | None = None
    energy_joules: float | None = None
    sampled_at: float | None = None


async def exporters(api: KubernetesApi) -> Mapping[str, Exporter]:
    """Running exporters by the Kubernetes node that they are on."""
    from sunward.cluster.access.api import core

    pods = await api.list(core("pods"), labelSelector=EXPORTERS)
    return {
        pod["spec"]["nodeName"]: Exporter(
            namespace=pod["metadata"]["namespace"],
            pod=pod["metadata"]["name"],
            image=pod["spec"]["containers"][0]["image"],
        )
        for pod in pods
        if (pod.get("status") or {}).get("phase") == "Running" and pod["spec"].get("nodeName")
    }


async def scrape(api: KubernetesApi, exporter: Exporter) -> Scrape:
    """One look at an exporter. Raises ApiError when the API server cannot reach it."""
    return read(await api.text(exporter.path))


def read(text: str) -> Scrape:
    """An exporter's page; a page that is none tells nothing."""
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except Exception:  # the shell around one answer, which anything may have given
        return Scrape()
    energies = _values(samples, "sunward_node_energy_joules_total")
    source = next(iter(energies), None)
    models = [one.labels.get("model", "") for one in samples if one.name == "sunward_exporter_board_info"]
    return Scrape(
        board=next((_printable(model) for model in models if model), None),
        energy_joules=None if source is None else energies[source],
        sampled_at=_values(samples, "sunward_node_last_sample_timestamp_seconds").get(source or ""),
    )


def _values(samples: Iterable[Any], name: str) -> dict[str, float]:
    """Finite values of a series by its source."""
    found = (one for one in samples if one.name == name)
    return {one.labels.get("source", ""): one.value for one in found if math.isfinite(one.value)}


def _printable(model: str) -> str:
    return "".join(letter for letter in model[:LONGEST_MODEL] if letter.isprintable())
