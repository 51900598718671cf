#!/usr/bin/env bash
# Lock every requirement file with hashes and without addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  local output=$1
  shift
  .venv/bin/uv pip compile -q --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
    --python-version 3.11 "$@" -o "requirements/$output.txt"
  echo "requirements/$output.txt"
}
lock dev pyproject.toml --extra operator --extra exporter --extra mqtt --extra modbus --extra agent --extra trainer --extra lab --extra experiments --extra dev
lock operator pyproject.toml --extra operator -c requirements/dev.txt
printf 'prometheus-client>=0.22\n' | lock exporter - -c requirements/dev.txt
printf 'aiohttp>=3.14\ndbus-fast>=5.2\n' | lock agent - -c requirements/dev.txt
printf 'aiohttp>=3.14\nflwr==1.41.0\nnumpy>=2.1\nscikit-learn>=1.6\n' | lock trainer - -c requirements/dev.txt
