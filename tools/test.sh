#!/usr/bin/env bash
# Every test: the fast ones in WORKERS processes, then those on real servers and those on real nodes, two files at a
# time, because they hold the product to times. They mostly wait, so what only computes runs beside them at the lowest
# priority. The ten slowest are printed at the end, whatever happened.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
workers=${WORKERS:-3}
fast="not browser and not cluster and not e2e and not prometheus and not shared"
export SUNWARD_REQUIRE_CLUSTER=1
rm -f .coverage .coverage.*
times=$(mktemp -d)
beside=

finish() {
  if [ -n "$beside" ]; then kill "$beside" 2>/dev/null && wait "$beside" || true; fi
  "$python" tools/slowest.py "$times"
  rm -rf "$times"
}
trap finish EXIT

run() { # NAME ARGUMENTS
  .venv/bin/pytest -q -o junit_family=xunit1 --junit-xml="$times/$1.xml" "${@:2}"
}

compute() { # ARGUMENTS; exec, so that the id is pytest's own
  exec nice -n 19 .venv/bin/pytest -q -o junit_family=xunit1 --junit-xml="$times/computation.xml" \
    -n 2 --dist loadscope -m "computation and $fast" "$@" >"$times/computation.log" 2>&1
}

if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
  run fast -n "$workers" --dist loadscope -m "$fast" "$@"
  echo "sunward: the tests with a real API server, Prometheus and nodes need Linux and root: NOT RUN" >&2
  exit 3
fi
"$python" -m sunward_lab prepare --kwok # first: some of the fast tests use its helm and promtool, and skip without
run fast -n "$workers" --dist loadscope -m "$fast and not computation" "$@"
compute "$@" &
beside=$!
run servers -n 2 --dist loadscope -m "cluster or prometheus" "$@"
run nodes -n 2 --dist loadscope -m e2e "$@"
echo "sunward: the tests that only compute"
while kill -0 "$beside" 2>/dev/null; do sleep 20; tail -c 200 "$times/computation.log" | tail -n 1; echo; done
failed=0
wait "$beside" || failed=$?
beside=
cat "$times/computation.log"
exit "$failed"
