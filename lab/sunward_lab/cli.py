"""The commands of `sunward-lab`; each is one call of the package."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sunward_lab import cluster, power, processes
from sunward_lab.building import image_store, images, preparation, tools
from sunward_lab.building.layout import Layout
from sunward_lab.errors import LabError
from sunward_lab.settings import RunFolder, Settings, cache_folder, default_run_folder
from sunward_lab.shipping import ship


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 it could not be done (one clear message), 2 wrong use."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options) or 0)
    except LabError as error:
        print(f"sunward-lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sunward-lab: interrupted; `sunward-lab down` removes what was started", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sunward-lab", description="A real Kubernetes cluster on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--run-dir", type=Path, default=default_run_folder(), metavar="DIR", help="folder of the cluster"
    )
    _add_up(commands.add_parser("up", parents=[where], help="start a cluster and wait until it is ready"))
    for name, function, text in (
        ("down", _down, "stop everything that up started; may be run twice"),
        ("status", _status, "list processes and nodes; exit status 1 if a process has ended"),
        ("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig"),
    ):
        commands.add_parser(name, parents=[where], help=text).set_defaults(command=function)
    everything = commands.add_parser("prepare", help="install the programs and build the images that up needs")
    everything.add_argument("--kwok", action="store_true", help="also install what --kwok-nodes needs")
    everything.set_defaults(command=_prepare)
    install = commands.add_parser("tools", help="build and install the programs that a cluster runs")
    install.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(tools.names())}; default all")
    install.set_defaults(command=_tools)
    make = commands.add_parser("images", help="build the images that run on the nodes")
    make.add_argument("names", nargs="*", metavar="IMAGE", help="default all")
    make.set_defaults(command=_images)
    _add_ship(commands.add_parser("ship", help="make the product's images for other machines; needs no root"))
    load = commands.add_parser("load-image", parents=[where], help="import an image into every running node")
    load.add_argument("image", metavar="TAR|IMAGE", help="an archive, or the name of an image that `images` builds")
    load.set_defaults(command=_load_image)
    switch = commands.add_parser("power", parents=[where], help="boot a node, or cut its power")
    switch.add_argument("state", choices=("on", "off"))
    switch.add_argument("node", metavar="NODE")
    switch.set_defaults(command=_power)
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=3, help="number of real workers; 0 for a control plane only")
    parser.add_argument("--kwok-nodes", type=int, default=0, help="number of nodes simulated by KWOK")
    parser.add_argument("--instance", type=int, default=0, help="number of a further cluster on the same machine")
    parser.add_argument(
        "--no-world", action="store_true", help="do not start the mocked sensors, relays and grid-intensity API"
    )
    parser.add_argument("--scenario", help="scenario of the mocked sensors")
    parser.add_argument("--worker-cores", type=float, help="cores for a worker's pods; default from the scenario")
    parser.add_argument(
        "--node-monitor-grace-seconds",
        type=int,
        default=50,
        help="time without a heartbeat after which a node is NotReady",
    )
    parser.add_argument(
        "--unhealthy-zone-threshold-percent",
        type=int,
        default=95,
        help="share of NotReady nodes, sleeping ones included, from which on no pod is moved off a failed node",
    )
    parser.set_defaults(command=_up)


def _add_ship(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arch", default="amd64,arm64", help="architectures, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("dist/images"), metavar="DIR", help="folder of the archives")
    parser.add_argument("--bundle", action="store_true", help="one archive per architecture, for k3s")
    parser.set_defaults(command=_ship)


def _ship(options: argparse.Namespace) -> None:
    ship.ship(cache_folder(), options.arch.split(","), options.out, _teller(), bundle=options.bundle)


def _tools(options: argparse.Namespace) -> None:
    tools.install(cache_folder(), options.parts, _teller())


def _prepare(options: argparse.Namespace) -> None:
    preparation.prepare(cache_folder(), _teller(), kwok=options.kwok)


def _images(options: argparse.Namespace) -> None:
    images.build(cache_folder(), options.names, _teller())


def _up(options: argparse.Namespace) -> None:
    settings = Settings(
        nodes=options.nodes,
        kwok_nodes=options.kwok_nodes,
        instance=options.instance,
        world=not options.no_world,
        scenario=options.scenario,
        worker_cores=options.worker_cores,
        node_monitor_grace_seconds=options.node_monitor_grace_seconds,
        unhealthy_zone_threshold_percent=options.unhealthy_zone_threshold_percent,
    )
    cluster.up(settings, options.run_dir, _teller())
    print(f"export KUBECONFIG={RunFolder(options.run_dir.absolute()).kubeconfig}")


def _teller() -> Callable[[str], None]:
    """Says what happens, each line with the seconds since now."""
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    return say


def _down(options: argparse.Namespace) -> None:
    cluster.down(options.run_dir, print)


def _status(options: argparse.Namespace) -> int:
    run = RunFolder(options.run_dir.absolute())
    run.read_settings()
    bad = 0
    for process in processes.recorded(run.processes):
        alive = process.is_alive()
        bad += not alive
        print(f"{process.name:26} {'running' if alive else 'ENDED':8} pid {process.pid}")
    ready = _conditions(run)
    for found in cluster.nodes(run.path):
        name = found.machine.name
        print(f"{name:26} {'on' if found.is_on() else 'off':8} {ready.pop(name, 'Unknown')}")
    for name, state in sorted(ready.items()):
        print(f"{name:26} {'kwok':8} {state}")
    return 1 if bad else 0


def _conditions(run: RunFolder) -> dict[str, str]:
    try:
        return cluster.conditions(run)
    except OSError:
        return {}


def _kubeconfig(options: argparse.Namespace) -> None:
    run = RunFolder(options.run_dir.absolute())
    run.read_settings()
    print(run.kubeconfig)


def _load_image(options: argparse.Namespace) -> None:
    sockets = [found.folder.socket for found in cluster.nodes(options.run_dir) if found.is_on()]
    if Path(options.image).is_file():
        name = image_store.load(Path(options.image), sockets)
    else:
        name = images.reference(options.image)
        image_store.send(Layout(cache_folder() / "images"), [name], sockets)
    print(f"{name} is on {len(sockets)} nodes")


def _power(options: argparse.Namespace) -> None:
    switch = power.power_on if options.state == "on" else power.power_off
    switch(options.run_dir, options.node)
