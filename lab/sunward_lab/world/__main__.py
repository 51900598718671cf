"""`python -m sunward_lab.world --run-dir DIR --bind ADDRESS [--scenario NAME|FILE]`."""

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


def main(arguments: list[str] | None = None) -> int:
    """Run the world; 0 when stopped, 2 when its input is wrong, 1 when a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m sunward_lab.world", description="The lab's mocked world")
    parser.add_argument("--run-dir", type=Path, required=True, help="folder with the cluster's world.json")
    parser.add_argument(
        "--bind", default="10.77.0.1", help="address of the relays and the intensity feed (default %(default)s)"
    )
    parser.add_argument("--scenario", default="demo", help="bundled scenario or YAML file (default %(default)s)")
    parser.add_argument(
        "--admin-port", type=int, default=PORT, help="loopback port for fault injection (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        scenario = load_scenario(options.scenario)
        asyncio.run(
            run(Options(run_folder=options.run_dir, bind=options.bind, admin_port=options.admin_port), scenario)
        )
    except (ScenarioError, SpecError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"world: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
