"""The command line's arguments and their checking. Knows nothing of numpy or Flower, so that --help is quick."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_MODELS: Final = ("mnist-softmax", "mnist-mlp", "mnist-cnn")
_RULES: Final = ("Gate", "Median", "TrimmedMean", "MultiKrum")
MOBILITIES: Final = ("Never", "SameSite", "Anywhere")
_LOOPBACK: Final = ("127.0.0.1", "::1")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; a wrong one ends the process with status 2 and one line that names it."""
    parser = argparse.ArgumentParser(
        prog="sunward-trainer", description="Federated learning that follows an assignment file."
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="coordinator|worker")
    _add_coordinator(roles.add_parser("coordinator", help="run the rounds and keep the model"))
    _add_worker(roles.add_parser("worker", help="train the batches assigned to one node"))
    found = parser.parse_args(arguments)
    if found.role == "worker" and not found.address:
        parser.error("worker: --address is needed where the environment has no POD_IP")
    if found.insecure:
        require_loopback(
            parser, found.role, [found.address] if found.role == "worker" else [found.listen[0], found.superlink[0]]
        )
    return found


def _add_coordinator(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--job", required=True, help="name of the job, as in the assignment file")
    add("--assignment", type=Path, default=Path("/etc/sunward/assignment.json"), help="assignment file")
    add("--state-dir", type=Path, required=True, help="folder for checkpoint.npz and result.json")
    add("--rounds", type=positive, required=True, help="number of rounds")
    add("--steps-per-round", type=positive, required=True, help="batches of each shard per round")
    add("--batch-size", type=positive, default=120, help="samples per batch")
    add("--target-accuracy", type=percent, metavar="PERCENT", help="stop the job early at this accuracy")
    add("--minimum-workers", type=positive, default=1, help="quorum; with fewer workers a round waits")
    add("--model", choices=_MODELS, default="mnist-mlp", help="model to train")
    add("--learning-rate", type=positive_number, default=0.1, help="learning rate of the descent")
    add("--momentum", type=fraction, default=0.9, help="momentum of the descent; 0 for plain FedAvg")
    add("--update-rule", choices=_RULES, default="Gate", help="how the updates of a round become the next weights")
    add(
        "--maximum-norm-factor",
        type=positive_number,
        default=10.0,
        help="an update that changes more than this many times as much as usual is refused",
    )
    everywhere = "0.0.0.0"  # noqa: S104  # workers and the operator connect from other pods
    http, fleet = (everywhere, 9812), (everywhere, 9813)
    add("--listen", type=host_and_port, default=http, metavar="HOST:PORT", help="address of the HTTP API")
    add("--superlink", type=host_and_port, default=fleet, metavar="HOST:PORT", help="address of Flower's Fleet API")
    add("--join-seconds", type=positive_number, default=10.0, help="how long to wait for absent workers")
    add(
        "--gone-after-seconds",
        type=positive_number,
        default=10.0,
        help="time without a heartbeat after which a worker is gone",
    )
    add("--stall-seconds", type=positive_number, default=60.0, help="longest time between two batches of a worker")
    add("--round-timeout-seconds", type=positive_number, default=1800.0, help="longest duration of a round")
    add("--linger-seconds", type=positive_number, default=30.0, help="how long /progress is served after the end")
    _add_data(parser)


def _add_worker(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--node", required=True, help="name of this node, as in the assignment file")
    add("--coordinator", required=True, metavar="HOST", help="address of the coordinator")
    add("--coordinator-port", type=port, default=9812, help="port of the coordinator's HTTP API")
    add("--superlink-port", type=port, default=9813, help="port of Flower's Fleet API")
    add("--address", default=os.environ.get("POD_IP", ""), help="address of this worker for the other pods (POD_IP)")
    add("--shard-server-port", type=port, default=9814, help="port on which this worker serves its shards")
    add("--shards-dir", type=Path, required=True, help="folder for this node's own shards")
    add("--cache-dir", type=Path, required=True, help="folder for copies of other nodes' shards")
    add(
        "--shard-data",
        action="append",
        default=[],
        type=name_and_folder,
        metavar="NAME=FOLDER",
        help="folder with the data of a shard, in place of a part of the data set; for every such shard of the job",
    )
    add("--partition", choices=("iid", "by-label"), default="iid", help="how the data set is cut into shards")
    _add_data(parser)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--shard", action="append", default=[], metavar="NAME=NODE:SAMPLES", help="every shard of the job")
    add("--seed", type=int, default=0, help="seed of weights, shards and batches")
    add("--data-dir", type=Path, help="folder with an .npz or the four idx files; no other data set is tried")
    add("--shared-data", type=Path, help="folder that may contain mnist/mnist.npz (SUNWARD_SHARED_DATA)")
    add(
        "--data-mobility",
        choices=MOBILITIES,
        default="Anywhere",
        help="where shards may travel; with Never a worker serves none",
    )
    door = parser.add_mutually_exclusive_group(required=True)
    door.add_argument("--tls-dir", type=Path, help="folder with ca.crt, tls.crt, tls.key; coordinator: checkpoint.key")
    door.add_argument("--insecure", action="store_true", help="plain HTTP without authentication, on loopback only")
    add("--verbose", action="store_true", help="also log Flower's messages")


def require_loopback(parser: argparse.ArgumentParser, role: str, listening: Sequence[str]) -> None:
    """End the process unless every address that is listened on is a loopback's: without TLS, no other may be."""
    for host in listening:
        if host not in _LOOPBACK:
            parser.error(f"{role}: --insecure is for {' or '.join(_LOOPBACK)} only, not {host}; use --tls-dir")


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


def name_and_folder(text: str) -> tuple[str, Path]:
    """A shard and the folder with its data: NAME=FOLDER."""
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder:
        raise argparse.ArgumentTypeError(f"must be NAME=FOLDER, is {text}")
    return name, Path(folder)


def host_and_port(text: str) -> tuple[str, int]:
    """An address to listen on: HOST:PORT."""
    host, separator, number = text.rpartition(":")
    if not separator or not host:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, is {text}")
    return host.strip("[]"), port(number)
