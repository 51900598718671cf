"""The command line's arguments and their checking. Knows nothing of numpy or Flower, so that --help is quick."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_MODELS: Final = ("mnist-softmax", "mnist-mlp", "mnist-cnn")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; a wrong one ends the process with status 2 and one line that names it."""
    parser = argparse.ArgumentParser(
        prog="sunward-trainer", description="Federated learning that obeys an assignment file."
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="coordinator|worker")
    _add_coordinator(roles.add_parser("coordinator", help="run the rounds and keep the model"))
    _add_worker(roles.add_parser("worker", help="train the batches assigned to one node"))
    found = parser.parse_args(arguments)
    if found.role == "worker" and not found.address:
        parser.error("worker: --address is needed where the environment has no POD_IP")
    return found


def _add_coordinator(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--job", required=True, help="the job's name; the assignment file must carry the same")
    add("--assignment", type=Path, default=Path("/etc/sunward/assignment.json"))
    add("--state-dir", type=Path, required=True, help="folder for checkpoint.npz and result.json")
    add("--rounds", type=positive, required=True)
    add("--steps-per-round", type=positive, required=True, help="batches a shard gives each round")
    add("--batch-size", type=positive, default=120)
    add("--target-accuracy", type=percent, metavar="PERCENT", help="stop early when reached")
    add("--minimum-workers", type=positive, default=1, help="below this a round waits")
    add("--model", choices=_MODELS, default="mnist-mlp")
    add("--learning-rate", type=positive_number, default=0.1)
    add("--momentum", type=fraction, default=0.9)
    add("--listen", type=host_and_port, default=("0.0.0.0", 9812), metavar="HOST:PORT")  # noqa: S104
    add("--superlink", type=host_and_port, default=("0.0.0.0", 9813), metavar="HOST:PORT")  # noqa: S104
    add("--join-seconds", type=positive_number, default=10.0, help="how long to wait for an absent worker")
    add("--gone-after-seconds", type=positive_number, default=10.0, help="silence that makes a worker gone")
    add("--stall-seconds", type=positive_number, default=60.0, help="longest a worker may go without a batch")
    add("--round-timeout-seconds", type=positive_number, default=1800.0, help="longest a round stays open")
    add("--linger-seconds", type=positive_number, default=30.0, help="how long /progress is served at the end")
    _add_data(parser)


def _add_worker(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--node", required=True, help="this node's name, as in the assignment")
    add("--coordinator", required=True, metavar="HOST")
    add("--coordinator-port", type=port, default=9812)
    add("--superlink-port", type=port, default=9813)
    add("--address", default=os.environ.get("POD_IP", ""), help="where others reach this worker (POD_IP)")
    add("--shard-server-port", type=port, default=9814)
    add("--shards-dir", type=Path, required=True, help="folder for the shards that live here")
    add("--cache-dir", type=Path, required=True, help="folder for copies of other nodes' shards")
    add("--shard", action="append", default=[], metavar="NAME=NODE:SAMPLES", help="every shard of the job")
    add("--partition", choices=("iid", "by-label"), default="iid")
    _add_data(parser)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seed", type=int, default=0)
    add("--data-dir", type=Path, help="folder with an .npz or the four idx files; nothing else is tried")
    add("--shared-data", type=Path, help="folder that may hold mnist/mnist.npz (SUNWARD_SHARED_DATA)")
    add("--verbose", action="store_true", help="also log what Flower says")


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, is {text}")
    return number


def positive_number(text: str) -> float:
    """A number above 0."""
    if not 0.0 < (number := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, is {text}")
    return number


def fraction(text: str) -> float:
    """A number from 0 up to, but not including, 1."""
    if not 0.0 <= (number := float(text)) < 1.0:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, is {text}")
    return number


def percent(text: str) -> float:
    """A number above 0 and at most 100."""
    if not 0.0 < (number := float(text)) <= 100.0:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 100, is {text}")
    return number


def port(text: str) -> int:
    """A TCP port."""
    if not 0 < (number := int(text)) < 65536:
        raise argparse.ArgumentTypeError(f"must be from 1 to 65535, is {text}")
    return number


def host_and_port(text: str) -> tuple[str, int]:
    """An address to listen on: HOST:PORT."""
    host, separator, number = text.rpartition(":")
    if not separator or not host:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, is {text}")
    return host.strip("[]"), port(number)
