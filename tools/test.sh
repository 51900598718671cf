#!/usr/bin/env bash
# Every test: the fast ones in WORKERS processes, then those on real servers and those on real nodes, one by
# one, because they hold the product to times. The ten slowest are printed at the end, whatever happened.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
workers=${WORKERS:-3}
export SUNWARD_REQUIRE_CLUSTER=1
rm -f .coverage .coverage.*
times=$(mktemp -d)
trap '"$python" tools/slowest.py "$times"; rm -rf "$times"' EXIT

run() { # NAME ARGUMENTS
  .venv/bin/pytest -q -o junit_family=xunit1 --junit-xml="$times/$1.xml" "${@:2}"
}
if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
  run fast -n "$workers" --dist loadscope -m "not cluster and not e2e and not prometheus and not shared" "$@"
  echo "sunward: the tests with a real API server, Prometheus and nodes need Linux and root: NOT RUN" >&2
  exit 3
fi
"$python" -m sunward_lab prepare --kwok # first: some of the fast tests use its helm and promtool, and skip without
run fast -n "$workers" --dist loadscope -m "not cluster and not e2e and not prometheus and not shared" "$@"
run servers -m "cluster or prometheus" "$@"
run nodes -m e2e "$@"
