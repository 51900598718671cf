#!/usr/bin/env bash
# The demo: in the local lab, in kind (CLUSTER=kind), or, where neither can run, a word on what is missing.
set -euo pipefail
python=$1
nodes=$2
cd "$(dirname "$0")/.."

if [ "$nodes" = down ]; then
  exec "$python" -m sunward_lab down
fi
if [ "${CLUSTER:-lab}" = kind ]; then
  exec bash tools/demo-kind.sh
fi
exec "$python" -m sunward_lab.demo --nodes "$nodes" ${DEMO_ARGS:-}
