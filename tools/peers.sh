#!/usr/bin/env bash
# Install the real peers that some tests want (an MQTT broker, a UPS server), without starting them. Tests whose peer is
# missing are skipped, so that no user needs these servers; CI has them.
set -euo pipefail
absent=()
[ -x /usr/sbin/mosquitto ] || absent+=(mosquitto)
[ -x /lib/nut/upsd ] || [ -x /usr/lib/nut/upsd ] || absent+=(nut-server)
[ ${#absent[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "sunward: not installed, and their tests are skipped: ${absent[*]}" >&2
  exit 0
fi
rule=/usr/sbin/policy-rc.d
if [ ! -e "$rule" ]; then
  trap 'rm -f "$rule"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$rule"
  chmod 755 "$rule"
fi
export DEBIAN_FRONTEND=noninteractive
echo "sunward: installing ${absent[*]}"
apt-get update -q >/dev/null
apt-get install -q -y --no-install-recommends "${absent[@]}" >/dev/null
