"""`python -m sunward_power_agent`: flags, environment, signals, and a watchdog, because no probe can ask the agent."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from sunward_power_agent.agent import Agent
from sunward_power_agent.host import Logind, boot_id
from sunward_power_agent.server import Server

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
STUCK_SECONDS = 300.0
"""A process whose loop stands still for so long ends itself, and the kubelet starts another."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 2 where something that the agent needs is missing."""
    flags = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        node = _required(os.environ, "NODE_NAME")
        address = flags.server or _address(os.environ)
        boot = boot_id()
    except (OSError, ValueError) as error:
        print(f"sunward-power-agent: {error}", file=sys.stderr)
        return 2
    return asyncio.run(_run(node, address, boot, flags))


async def _run(node: str, address: str, boot: str, flags: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with aiohttp.ClientSession() as session:
        try:
            server = Server.of_the_pod(session, address, flags.service_account)
        except (OSError, ValueError) as error:
            print(f"sunward-power-agent: {flags.service_account}: {error}", file=sys.stderr)
            return 2
        agent = Agent(server=server, host=Logind(flags.bus), node=node, boot_id=boot, alive=_alive)
        running = asyncio.create_task(agent.run())
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    faulthandler.cancel_dump_traceback_later()
    return 0


def _alive() -> None:
    faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ValueError(f"the environment variable {name} is missing: the chart sets it")
    return value


def _address(environment: Mapping[str, str]) -> str:
    host, port = (_required(environment, f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sunward-power-agent", description="Shuts this node down when ordered.")
    parser.add_argument(
        "--bus",
        default="unix:path=/host/dbus/system_bus_socket",
        help="D-Bus address of the host's system bus (default %(default)s)",
    )
    parser.add_argument("--server", default="", help="address of the API server (default: that of the pod)")
    parser.add_argument(
        "--service-account", type=Path, default=SERVICE_ACCOUNT, help="folder with token, ca.crt and namespace"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
