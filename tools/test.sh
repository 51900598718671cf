#!/usr/bin/env bash
# Every test: the fast ones on both cores first, then those that need real binaries, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
workers=${WORKERS:-2}
export SUNWARD_REQUIRE_CLUSTER=1
rm -f .coverage .coverage.*

fast() {
  .venv/bin/pytest -q -n "$workers" -m "not cluster and not e2e and not prometheus and not shared" "$@"
}
if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
  fast "$@"
  echo "sunward: the tests with a real API server, Prometheus and nodes need Linux and root: NOT RUN" >&2
  exit 3
fi
"$python" -m sunward_lab prepare --kwok # first: some of the fast tests use its helm and promtool, and skip without
fast "$@"
.venv/bin/pytest -q -m "cluster or prometheus" "$@"
.venv/bin/pytest -q -m e2e "$@"
