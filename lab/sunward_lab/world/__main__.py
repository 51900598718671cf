"""`python -m sunward_lab.world --run-dir DIR --bind ADDRESS [--scenario NAME|FILE] [--relay-password-file FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from ..spec import SpecError
from .admin import PORT
from .process import Options, run
from .scenario import ScenarioError, load_scenario


def arguments() -> argparse.ArgumentParser:
    """The flags."""
    parser = argparse.ArgumentParser(prog="python -m sunward_lab.world", description="The lab's mocked world")
    parser.add_argument("--run-dir", type=Path, required=True, help="folder with the cluster's world.json")
    parser.add_argument(
        "--bind", default="10.77.0.1", help="address of the relays and the intensity feed (default %(default)s)"
    )
    parser.add_argument("--scenario", default="demo", help="bundled scenario or YAML file (default %(default)s)")
    parser.add_argument(
        "--admin-port", type=int, default=PORT, help="loopback port for fault injection (default %(default)s)"
    )
    parser.add_argument(
        "--relay-password-file", type=Path, help="file with a password that every relay demands (default: none)"
    )
    return parser


def options_of(given: argparse.Namespace) -> Options:
    """What the flags say about the world. Raises OSError when the password's file cannot be read."""
    file: Path | None = given.relay_password_file
    return Options(
        run_folder=given.run_dir,
        bind=given.bind,
        admin_port=given.admin_port,
        relay_password=None if file is None else file.read_text(encoding="utf-8").strip(),
    )


def main(argv: list[str] | None = None) -> int:
    """Run the world; 0 when stopped, 2 when its input is wrong, 1 when a port is taken or a file cannot be read."""
    given = arguments().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        asyncio.run(run(options_of(given), load_scenario(given.scenario)))
    except (ScenarioError, SpecError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"world: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
