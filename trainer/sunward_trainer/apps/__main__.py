"""Entry point: `python -m sunward_trainer.apps server|client|inject ...`, in an app's image `sunward-flower`."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sunward_trainer.command_line import (
    MOBILITIES,
    host_and_port,
    name_and_folder,
    percent,
    port,
    positive,
    positive_number,
    require_loopback,
)

if TYPE_CHECKING:
    from sunward_trainer.protocol.credentials import Credentials
    from sunward_trainer.protocol.identity import Role

_ENVIRONMENT = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_OFFLINE": "1",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role to its end. Exit status 0 done, 1 failed, 2 wrong usage or input."""
    options = parse(arguments)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        if options.role == "inject":
            return _inject(options)
        return _serve(options) if options.role == "server" else _work(options)
    except ValueError as error:
        print(f"sunward-flower {options.role}: {error}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; a wrong one ends the process with status 2 and one line that names it."""
    parser = argparse.ArgumentParser(
        prog="sunward-flower", description="Runs a Flower app that follows an assignment file."
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="server|client|inject")
    _add_server(roles.add_parser("server", help="run the app's ServerApp"))
    _add_client(roles.add_parser("client", help="run the app's ClientApp for the shards of one node"))
    roles.add_parser("inject", help="copy this program to a folder").add_argument("folder", type=Path)
    found = parser.parse_args(arguments)
    if found.role == "client" and not found.address:
        parser.error("client: --address is needed where the environment has no POD_IP")
    if found.role != "inject" and found.insecure:
        listening = [found.address] if found.role == "client" else [found.listen[0], found.superlink[0]]
        require_loopback(parser, found.role, listening)
    return found


def _add_server(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--job", required=True, help="name of the job, as in the assignment file")
    add("--assignment", type=Path, default=Path("/etc/sunward/assignment.json"), help="assignment file")
    add("--state-dir", type=Path, required=True, help="folder for the checkpoint and result.json")
    add("--rounds", type=positive, required=True, help="number of rounds, in place of the app's own")
    add("--steps-per-round", type=positive, required=True, help="batches that the plan counts for a shard in a round")
    add("--target-accuracy", type=percent, metavar="PERCENT", help="stop the job early at this accuracy")
    add("--minimum-workers", type=positive, default=1, help="quorum; with fewer workers a round waits")
    add("--pieces", type=positive, default=1, help="pieces of a shard that may be on different workers")
    add("--metric", help="the app's metric that says how good the model is")
    add("--metric-scale", type=positive_number, default=100.0, help="what makes percent of the metric")
    add("--metric-source", choices=("Evaluate", "Train", "Server"), default="Evaluate", help="who reports the metric")
    add("--weight-key", default="num-examples", help="metric of a reply by which the strategy weighs it")
    add("--maximum-norm-factor", type=positive_number, default=10.0, help="largest change, in multiples of the usual")
    everywhere = "0.0.0.0"  # noqa: S104  # workers and the operator connect from other pods
    http, fleet = (everywhere, 9812), (everywhere, 9813)
    add("--listen", type=host_and_port, default=http, metavar="HOST:PORT", help="address of the HTTP API")
    add("--superlink", type=host_and_port, default=fleet, metavar="HOST:PORT", help="address of the Fleet API")
    add("--join-seconds", type=positive_number, default=10.0, help="how long to wait for absent workers")
    add("--gone-after-seconds", type=positive_number, default=20.0, help="silence after which a worker is gone")
    add("--round-timeout-seconds", type=positive_number, default=1800.0, help="longest time for one message")
    add("--linger-seconds", type=positive_number, default=30.0, help="how long /progress is served after the end")
    _add_both(parser)


def _add_client(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--node", required=True, help="name of this node, as in the assignment file")
    add("--coordinator", required=True, metavar="HOST", help="address of the coordinator")
    add("--coordinator-port", type=port, default=9812, help="port of the coordinator's HTTP API")
    add("--superlink-port", type=port, default=9813, help="port of Flower's Fleet API")
    add("--address", default=os.environ.get("POD_IP", ""), help="address of this worker for the other pods (POD_IP)")
    add("--shard-server-port", type=port, default=9814, help="port on which this worker serves its shards")
    add("--shards-dir", type=Path, required=True, help="folder for archives of this node's own shards")
    add("--cache-dir", type=Path, required=True, help="folder for copies of other nodes' shards")
    add(
        "--shard-data",
        action="append",
        default=[],
        type=name_and_folder,
        metavar="NAME=FOLDER",
        help="folder of a shard on its home node; for every shard of the job that has one",
    )
    _add_both(parser)


def _add_both(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--app", type=Path, required=True, help="folder with the app's pyproject.toml")
    add("--run-config", action="append", default=[], type=_pair, metavar="KEY=VALUE", help="change of the app's config")
    add("--shard", action="append", default=[], metavar="NAME=NODE:SAMPLES", help="every shard of the job")
    add("--data-mobility", choices=MOBILITIES, default="Anywhere", help="where shards may travel")
    door = parser.add_mutually_exclusive_group(required=True)
    door.add_argument("--tls-dir", type=Path, help="folder with ca.crt, tls.crt, tls.key; server: checkpoint.key")
    door.add_argument("--insecure", action="store_true", help="plain HTTP without authentication, on loopback only")


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, is {text}")
    return name, value


def _serve(options: argparse.Namespace) -> int:
    from sunward_trainer.apps.server import AppServer, AppServerSettings
    from sunward_trainer.apps.session import Metric, SessionSettings
    from sunward_trainer.learning.shards import parse_shard
    from sunward_trainer.protocol.data_mobility import DataMobility
    from sunward_trainer.protocol.identity import Role

    shards = [parse_shard(text) for text in options.shard]
    metric = Metric(name=options.metric, scale=options.metric_scale, source=options.metric_source)
    settings = AppServerSettings(
        job=SessionSettings(
            job=options.job,
            rounds=options.rounds,
            steps_per_round=options.steps_per_round,
            minimum_workers=options.minimum_workers,
            target_accuracy_percent=options.target_accuracy,
            state_folder=options.state_dir,
            shards=tuple(shard.name for shard in shards),
            pieces=options.pieces,
            metric=metric if options.metric else None,
            join_seconds=options.join_seconds,
        ),
        app=options.app,
        changes=dict(options.run_config),
        weight_key=options.weight_key,
        maximum_norm_factor=options.maximum_norm_factor,
        round_timeout_seconds=options.round_timeout_seconds,
        assignment=options.assignment,
        homes=tuple(shard.node for shard in shards),
        listen=options.listen,
        superlink=options.superlink,
        gone_after_seconds=options.gone_after_seconds,
        linger_seconds=options.linger_seconds,
        data_mobility=DataMobility(options.data_mobility),
        credentials=_credentials(options, Role.COORDINATOR),
    )
    return asyncio.run(AppServer(settings).run())


def _work(options: argparse.Namespace) -> int:
    from sunward_trainer.apps.worker import AppWorker, AppWorkerSettings
    from sunward_trainer.learning.shards import parse_shard
    from sunward_trainer.protocol.data_mobility import DataMobility
    from sunward_trainer.protocol.identity import Role

    settings = AppWorkerSettings(
        node=options.node,
        coordinator=options.coordinator,
        coordinator_port=options.coordinator_port,
        superlink_port=options.superlink_port,
        address=options.address,
        shard_server_port=options.shard_server_port,
        shards_folder=options.shards_dir,
        cache_folder=options.cache_dir,
        data_mobility=DataMobility(options.data_mobility),
        credentials=_credentials(options, Role.WORKER, options.node),
        app=options.app,
        changes=dict(options.run_config),
        homes={shard.name: shard.node for shard in map(parse_shard, options.shard)},
        shard_data=dict(options.shard_data),
    )

    async def run() -> int:
        return await AppWorker(settings).run()

    return asyncio.run(run())


def _inject(options: argparse.Namespace) -> int:
    from sunward_trainer.apps.injection import inject

    inject(options.folder)
    return 0


def _credentials(options: argparse.Namespace, role: "Role", node: str = "") -> "Credentials | None":
    from sunward_trainer.protocol.credentials import Credentials

    if options.insecure:
        return None
    found = Credentials(options.tls_dir)
    found.require(role, node)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
