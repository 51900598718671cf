"""Print docs/metrics.md from the operator's metric families, so that the page cannot say something else."""

from __future__ import annotations

from prometheus_client.metrics import MetricWrapperBase

from sunward.telemetry.metrics import Metrics

HEAD = """# Metrics of the operator

The operator serves these metrics on port 9810 at /metrics. They use base units, and counters end in `_total`. This page
is generated from the code by tools/metrics_page.py. [exporter-metrics.md](exporter-metrics.md) has the exporter's.

| metric | type | labels | meaning |
| --- | --- | --- | --- |"""


def rows() -> list[str]:
    """One row per family, sorted by name."""
    families: list[MetricWrapperBase] = [
        value for value in vars(Metrics()).values() if isinstance(value, MetricWrapperBase)
    ]
    result = []
    for family in families:
        described = next(iter(family.describe()))
        name = described.name + ("_total" if described.type == "counter" else "")
        labels = ", ".join(family._labelnames) or "none"
        result.append(f"| `{name}` | {described.type} | {labels} | {described.documentation} |")
    return [*sorted(result), "| `sunward_operator_build_info` | info | version | Version of the operator. |"]


if __name__ == "__main__":
    print("\n".join([HEAD, *rows()]))
