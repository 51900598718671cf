"""`python -m sunward_exporter`: flags, threads, signals."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector

from sunward_exporter.boards import model
from sunward_exporter.collector import SnapshotCollector
from sunward_exporter.discovery import Choice, Places
from sunward_exporter.readings import Limits
from sunward_exporter.rules import for_node
from sunward_exporter.sampler import WATCH_SECONDS, Sampler, Settings
from sunward_exporter.server import application, listening, serve

UNHEALTHY_SECONDS = 30.0
"""A process that does not get to look at its meters for so long is restarted by the kubelet. A meter that hangs is no
reason: a restart does not free it, and the other meters go on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Sample and serve until SIGTERM or SIGINT; 0 then, 2 for wrong flags."""
    flags = parser().parse_args(arguments)
    try:
        _apply_rules(flags)
        settings = _settings(flags)
        host, port = listening(flags.listen)
    except ValueError as error:
        print(f"sunward-exporter: {error}", file=sys.stderr)
        return 2
    return _run(Sampler(settings), host, port)


def _run(sampler: Sampler, host: str, port: int) -> int:
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(lambda: sampler.snapshot))
    ProcessCollector(registry=registry)
    try:
        server = serve(host, port, application(registry, lambda: _alive(sampler)))
    except OSError as error:
        print(f"sunward-exporter: cannot listen on {host}:{port}: {error.strerror}", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sampler.start(stop)
    with server:
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
        print(f"sunward-exporter: serving metrics on {host}:{server.server_port}/metrics", file=sys.stderr, flush=True)
        while not stop.wait(WATCH_SECONDS):
            sampler.watch()
        server.shutdown()
    return 0


def _alive(sampler: Sampler) -> bool:
    return time.monotonic() - sampler.snapshot.monotonic < UNHEALTHY_SECONDS


def _apply_rules(flags: argparse.Namespace) -> None:
    """What the file of rules sets for this node takes the place of the flags. Raises ValueError."""
    if flags.rules is None:
        return
    for name, value in for_node(flags.rules, flags.node_name, model(flags.sysfs_root)).items():
        setattr(flags, name, value)


def _settings(flags: argparse.Namespace) -> Settings:
    return Settings(
        places=Places(
            root=flags.sysfs_root, devices=flags.device_root, opener=flags.rapl_socket, firmware=flags.pmic_device
        ),
        rate_hertz=flags.rate_hertz,
        choice=Choice(node=tuple(flags.node_device), harvest=tuple(flags.harvest_device), battery=flags.battery_device),
        node_limits=Limits(nameplate_watts=flags.nameplate_watts, ramp_watts_per_second=flags.ramp_watts_per_second),
        harvest_limits=Limits(
            nameplate_watts=flags.harvest_nameplate_watts,
            ramp_watts_per_second=flags.harvest_ramp_watts_per_second,
        ),
    )


def _watts(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of watts")
    return value


def parser() -> argparse.ArgumentParser:
    """The flags, also for the documentation."""
    flags = argparse.ArgumentParser(
        prog="sunward-exporter",
        description="Measure what a node draws, harvests and stores, and export it to Prometheus. Read-only.",
    )
    add = flags.add_argument
    add("--sysfs-root", type=Path, default=Path("/sys"), metavar="FOLDER", help="sysfs folder to read (default /sys)")
    add(
        "--rate-hertz",
        type=float,
        metavar="N",
        help="samples of the node a second, 0.1 to 1000 (default 100, or 10 where the meter averages or counts)",
    )
    add("--listen", default=":9811", metavar="HOST:PORT", help="address of /metrics and /healthz (default :9811)")
    device = "device by driver, label or bus address, or a channel's label; DEVICE/CHANNEL for another; repeat to sum"
    add("--node-device", action="append", default=[], metavar="DEVICE[/CHANNEL]", help=f"meter of the node: {device}")
    add(
        "--harvest-device",
        action="append",
        default=[],
        metavar="DEVICE[/CHANNEL]",
        help=f"meter of the harvest: {device}",
    )
    add("--battery-device", metavar="DEVICE", help="power_supply device of the battery (default: all of the machine)")
    add("--nameplate-watts", type=_watts, metavar="W", help="reject power readings of the node above this (plus 5 %%)")
    add("--ramp-watts-per-second", type=_watts, metavar="W", help="reject steeper changes of the node's power")
    add(
        "--harvest-nameplate-watts",
        type=_watts,
        metavar="W",
        help="reject harvest readings above this (plus 5 %%)",
    )
    add("--device-root", type=Path, default=Path("/dev"), metavar="FOLDER", help="device files to read (default /dev)")
    add("--rapl-socket", type=Path, metavar="FILE", help="socket of the opener of RAPL counters (default none)")
    add(
        "--pmic-device",
        type=Path,
        metavar="FILE",
        help="firmware's device of a Raspberry Pi 5, /dev/vcio (default none)",
    )
    add("--rules", type=Path, metavar="FILE", help="JSON file of settings for some nodes or boards (default none)")
    add("--node-name", default="", metavar="NAME", help="name of the node, to which the rules refer")
    add("--harvest-ramp-watts-per-second", type=_watts, metavar="W", help="reject steeper changes of the harvest")
    return flags


if __name__ == "__main__":
    sys.exit(main())
