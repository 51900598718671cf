#!/usr/bin/env bash
# The demo in kind, for people with Docker: the same chart, job and mocked world. Nothing can switch a container off, so
# nodes are cordoned and drained only (driver CordonOnly).
set -euo pipefail
cd "$(dirname "$0")/.."
for program in docker kind kubectl helm; do
  command -v "$program" > /dev/null || { echo "sunward demo: $program is missing; install it, or run make demo as root on Linux" >&2; exit 1; }
done
docker info > /dev/null 2>&1 || { echo "sunward demo: Docker does not answer; start it, or run make demo as root on Linux" >&2; exit 1; }
folder=/run/sunward-lab
mkdir -p "$folder/sys"
kind get clusters | grep -qx sunward || kind create cluster --name sunward --config kind-config.yaml
world=
finish() {
  if [ -n "$world" ]; then kill "$world" 2> /dev/null || true; fi
  if [ -z "${KEEP:-}" ]; then kind delete cluster --name sunward; fi
}
trap finish EXIT
for part in operator node_exporter trainer; do
  name=${part/node_exporter/exporter}
  docker build -q -t "sunward-$name:0.1.0" -f "$part/Dockerfile" .
  kind load docker-image --name sunward "sunward-$name:0.1.0"
done
gateway=$(docker network inspect kind --format '{{range .IPAM.Config}}{{.Gateway}} {{end}}' | tr ' ' '\n' | grep -m1 '\.')
.venv/bin/python -m sunward_lab.demo.kind "$folder"
.venv/bin/python -m sunward_lab.world --run-dir "$folder" --bind "$gateway" --scenario demo &
world=$!
helm upgrade --install sunward helm/sunward --namespace sunward-system --create-namespace \
  --values helm/sunward/values-kind.yaml --wait --timeout 300s \
  --set intensitySources.lab.provider=electricity-maps --set "intensitySources.lab.url=http://$gateway:18080/v3"
kubectl apply --server-side -f "$folder/resources.json"
kubectl wait --for=condition=Complete trainingjob/mnist --timeout=900s
kubectl get energynodes,trainingjobs,energyplans
