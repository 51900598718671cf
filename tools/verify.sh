#!/usr/bin/env bash
# Generated files are as generated: the chart's copies of the resources, the reference pages, the metrics page.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
.venv/bin/python tools/docs/generate.py --check || status=1
.venv/bin/python tools/metrics_page.py > "$scratch/metrics.md"
cmp -s "$scratch/metrics.md" docs/metrics.md || { echo "docs/metrics.md is old: .venv/bin/python tools/metrics_page.py > docs/metrics.md"; status=1; }
.venv/bin/yamllint -d '{extends: relaxed, rules: {line-length: disable}}' crds kind-config.yaml helm/sunward/Chart.yaml helm/sunward/values*.yaml || status=1
.venv/bin/bandit -q -r operator node_exporter trainer lab auditor -lll || status=1
exit $status
