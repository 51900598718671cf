#!/usr/bin/env bash
# Build the wheel and try it in an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python -m build --no-isolation --wheel --outdir dist . > /dev/null
python3 -m venv "$scratch/venv"
.venv/bin/uv pip install -q --python "$scratch/venv/bin/python" dist/*.whl
cd "$scratch"
venv/bin/sunward --version
venv/bin/sunward --help > /dev/null
echo "the wheel installs and runs: $(ls "$OLDPWD"/dist)"
