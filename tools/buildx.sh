#!/usr/bin/env bash
# The product's images with docker buildx, as OCI archives in dist/images; for systems without mmdebstrap.
# Usage: tools/buildx.sh linux/arm64,linux/amd64
set -euo pipefail
cd "$(dirname "$0")/.."
docker buildx version >/dev/null 2>&1 || { echo "sunward: no docker buildx: install Docker with its plugin buildx, or run make images ARCH=... on Debian or Ubuntu" >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
mkdir -p dist/images
while read -r name file; do
  image=docker.io/library/sunward-$name:$version
  docker buildx build --platform "$1" --file "$file" --provenance=true --sbom=true \
    --output "type=oci,name=$image,dest=dist/images/sunward-$name.tar" . </dev/null
done <<'IMAGES'
exporter node_exporter/Dockerfile
agent node_exporter/agent.Dockerfile
operator operator/Dockerfile
trainer trainer/Dockerfile
IMAGES
