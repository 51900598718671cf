#!/usr/bin/env bash
# Install what the tests of the page need: Debian's Chromium, and the page's locked npm packages.
set -euo pipefail
cd "$(dirname "$0")/../page"
if [ ! -x /usr/bin/chromium ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "sunward: /usr/bin/chromium is missing; install the package chromium" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  echo "sunward: installing chromium"
  apt-get update -q >/dev/null
  apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
npm ci --silent --no-fund --no-audit
