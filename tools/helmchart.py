"""The chart as one HelmChart resource for k3s' helm-controller, with the chart packed in: no repository is needed.

`python tools/helmchart.py [VALUES.yaml ...] > sunward-helmchart.yaml`, then `kubectl apply -f` it, or copy it into the
server's folder /var/lib/rancher/k3s/server/manifests. The same chart and values give the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import io
import sys
import tarfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "helm" / "sunward"


def packed(chart: Path) -> bytes:
    """The chart as Helm packs it, without times and owners."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(path for path in chart.rglob("*") if path.is_file() and not _is_ignored(path, chart)):
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"{chart.name}/{path.relative_to(chart).as_posix()}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _is_ignored(path: Path, chart: Path) -> bool:
    patterns = (chart / ".helmignore").read_text(encoding="utf-8").split()
    return path.name == ".helmignore" or any(fnmatch(path.name, pattern) for pattern in patterns)


def resource(chart: Path, values: Sequence[str]) -> dict[str, Any]:
    """The HelmChart; later values take precedence, as with Helm."""
    merged: dict[str, Any] = {}
    for text in values:
        merged = _merged(merged, yaml.safe_load(text) or {})
    spec = {
        "chartContent": base64.b64encode(packed(chart)).decode(),
        "targetNamespace": "sunward-system",
        "createNamespace": True,
        "valuesContent": yaml.safe_dump(merged, sort_keys=False),
    }
    metadata = {"name": "sunward", "namespace": "kube-system"}
    return {"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": metadata, "spec": spec}


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(below[key], above[key]) for key in below.keys() & above.keys() if _are_mappings(below, above, key)
    }
    return {**below, **above, **both}


def _are_mappings(below: dict[str, Any], above: dict[str, Any], key: str) -> bool:
    return isinstance(below[key], dict) and isinstance(above[key], dict)


if __name__ == "__main__":
    texts = [Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]]
    yaml.safe_dump(resource(CHART, texts), sys.stdout, sort_keys=False)
