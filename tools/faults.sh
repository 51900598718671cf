#!/usr/bin/env bash
# The fault batteries R1-R24, one after the other, one line each. What is not there or cannot run here says "not run".
# FAULTS_DIR=folder keeps the figures of those that write any; SEED picks the first seed.
set -uo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
seed=${SEED:-1}
folder=${FAULTS_DIR:-$(mktemp -d)}
mkdir -p "$folder"
failed=0

# battery NAME HOW COMMAND...: run it, keep its output, say how it ended; HOW tells what part of the battery this is
battery() {
  local name=$1 how=$2 log begun
  shift 2
  log="$folder/${name%% *}.log"
  begun=$(date +%s)
  if "$@" >"$log" 2>&1; then
    echo "$name: no violation in $(($(date +%s) - begun)) s ($how) | $(tail -n 1 "$log")"
  else
    failed=1
    echo "$name: FAILED ($how), see $log | $(tail -n 1 "$log")"
  fi
}

not_run() { echo "$1: not run ($2)"; }

tests() { .venv/bin/pytest -q -n0 -p no:cacheprovider "$@"; }

crashes() {
  "$python" tools/fault_crash.py --seed "$seed" --json "$folder/R3-$1.json" "${@:2}"
}

with_server() {
  if [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ]; then
    SUNWARD_REQUIRE_CLUSTER=1 battery "$@"
  else
    not_run "$1" "needs Linux and root"
  fi
}

battery "R1 planner properties" "property tests" tests tests/property/test_planning_plan.py
battery "R2 stateful model" "state machine and planner, without an API" tests tests/property/test_planning_walk.py
battery "R3 crash points" "every write of two sleeps and a wake" crashes one-sleeper
battery "R3b crash points, slow relay" "every write behind a slow relay" crashes slow-relay --scenario slow-relay --runs 0
battery "R3c crash points, whole day" "every write of a whole day, same pod" crashes whole-day --scenario whole-day --same-pod
not_run "R4 stale state" "no battery yet"
not_run "R5 unobserved state" "no battery yet"
battery "R6 API faults" "in memory: refused requests and lost answers, no proxy" \
  tests tests/integration/test_cluster_loop_faults.py -k "faults_of_the_api_server"
not_run "R7 restart storm" "no battery yet; repeated deaths in memory are part of R3"
not_run "R8 node faults" "no battery yet"
not_run "R9 drain table" "no battery yet"
battery "R10 data faults" "the decisions, without a Prometheus" tests tests/unit/planning/test_data_quality_battery.py
for name in "R11 hostile agent" "R12 misoperations" "R13 churn" "R14 scale" "R15 soak"; do
  not_run "$name" "no battery yet"
done
battery "R16 HA" "in memory: two replicas, a stopped leader" \
  tests tests/integration/test_cluster_loop_faults.py -k "holder_of_the_lease or leader"
not_run "R17 secrets and injection" "no battery yet"
with_server "R18 RBAC and policy" "on a real API server" \
  tests tests/contract/test_chart_rights.py tests/contract/test_chart_admission.py
battery "R19 solver" "small problems against brute force, child killed" \
  tests tests/unit/optimisation/test_optimisation_oracle.py tests/unit/optimisation/test_optimisation_guarded.py
battery "R20 guard removal" "every guard left out once" tests tests/unit/planning/test_planning_guards.py
for name in "R21 lifecycle" "R22 FL truth" "R23 power driver" "R24 static gates"; do
  not_run "$name" "no battery yet"
done
exit "$failed"
