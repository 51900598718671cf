#!/usr/bin/env bash
# Every test: first those that share the machine, in WORKERS processes, more than there are cores, since many of them wait
# for servers; then the main job on three real nodes, alone. The ten slowest are printed at the end, whatever happened.
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
run shared-machine -n "$workers" --dist loadscope -m "not shared" --ignore tests/e2e "$@"
run main-job tests/e2e "$@"
