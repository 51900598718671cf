#!/usr/bin/env bash
# Make the virtual environment from the locked, hashed requirements. uv is used for speed when it can be had, pip else.
set -euo pipefail
python=$1
venv=$2
cd "$(dirname "$0")/.."

"$python" - <<'PY' || { echo "sunward: Python 3.11 or newer is needed; say which one with make PYTHON=python3.12" >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

digest=$(cat requirements/dev.txt pyproject.toml | sha256sum | cut -c1-16)
if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.ready" 2>/dev/null || true)" = "$digest" ]; then
  touch "$venv/.ready"
  exit 0
fi
echo "sunward: making $venv"
rm -rf "$venv"
"$python" -m venv "$venv"
uv_line=$(awk '/^uv==/{found=1} found{print} found && !/\\$/{exit}' requirements/dev.txt)
if printf '%s\n' "$uv_line" > "$venv/uv.txt" && "$venv/bin/pip" install -q --require-hashes -r "$venv/uv.txt"; then
  "$venv/bin/uv" pip install -q --compile-bytecode --python "$venv/bin/python" --require-hashes -r requirements/dev.txt ||
    "$venv/bin/pip" install -q --require-hashes -r requirements/dev.txt
else
  "$venv/bin/pip" install -q --require-hashes -r requirements/dev.txt
fi
"$venv/bin/pip" install -q --no-deps --no-build-isolation --no-index -e .
echo "$digest" > "$venv/.ready"
