"""Entry point: `python -m sunward_trainer coordinator|worker ...`.

Sets what has to be set before numpy and Flower are imported: one thread per process (six workers may share two
cores), no telemetry, no look for updates.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sunward_trainer.command_line import parse

if TYPE_CHECKING:
    from sunward_trainer.protocol.credentials import Credentials
    from sunward_trainer.protocol.identity import Role

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_LOG_LEVEL": "CRITICAL",  # of its own coloured console; its lines reach ours anyway
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role to its end. Exit status 0 done, 1 failed, 2 wrong usage or input."""
    options = parse(arguments)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _set_up_logging(verbose=options.verbose)
    try:
        return _coordinate(options) if options.role == "coordinator" else _work(options)
    except ValueError as error:
        print(f"sunward-trainer {options.role}: {error}", file=sys.stderr)
        return 2


def _set_up_logging(*, verbose: bool) -> None:
    """Our lines at INFO; libraries only when something is wrong, or with --verbose everything."""
    console = logging.StreamHandler(sys.stderr)
    if not verbose:
        # Flower sets its own level to DEBUG when it is imported, so that levels set here would not last.
        console.addFilter(lambda record: record.levelno >= logging.ERROR or not record.name.startswith("flwr"))
        for noisy in ("alembic", "httpx", "uvicorn"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, handlers=[console], format="%(asctime)s %(name)s %(levelname)s %(message)s")


def _coordinate(options: argparse.Namespace) -> int:
    from sunward_trainer.coordinator.job import JobSettings
    from sunward_trainer.coordinator.service import Coordinator
    from sunward_trainer.coordinator.settings import CoordinatorSettings
    from sunward_trainer.learning.robust import UpdateRule
    from sunward_trainer.learning.shards import parse_shard
    from sunward_trainer.learning.training import Recipe
    from sunward_trainer.protocol.data_mobility import DataMobility
    from sunward_trainer.protocol.identity import Role

    settings = CoordinatorSettings(
        job=JobSettings(
            job=options.job,
            rounds=options.rounds,
            steps_per_round=options.steps_per_round,
            target_accuracy_percent=options.target_accuracy,
            minimum_workers=options.minimum_workers,
            state_folder=options.state_dir,
            update_rule=UpdateRule(options.update_rule),
            maximum_norm_factor=options.maximum_norm_factor,
            join_seconds=options.join_seconds,
            stall_seconds=options.stall_seconds,
            round_timeout_seconds=options.round_timeout_seconds,
        ),
        assignment=options.assignment,
        homes=tuple(parse_shard(text).node for text in options.shard),
        model=options.model,
        recipe=Recipe(
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            momentum=options.momentum,
            seed=options.seed,
        ),
        listen=options.listen,
        superlink=options.superlink,
        data_folder=options.data_dir,
        shared_folder=options.shared_data,
        gone_after_seconds=options.gone_after_seconds,
        linger_seconds=options.linger_seconds,
        data_mobility=DataMobility(options.data_mobility),
        credentials=_credentials(options, Role.COORDINATOR),
    )
    return asyncio.run(Coordinator(settings).run())


def _credentials(options: argparse.Namespace, role: "Role", node: str = "") -> "Credentials | None":
    """The certificate in --tls-dir, which has to be for this process. Raises ValueError."""
    from sunward_trainer.protocol.credentials import Credentials

    if options.insecure:
        return None
    found = Credentials(options.tls_dir)
    found.require(role, node)
    return found


def _work(options: argparse.Namespace) -> int:
    from sunward_trainer.learning.shards import parse_shard
    from sunward_trainer.protocol.data_mobility import DataMobility
    from sunward_trainer.protocol.identity import Role
    from sunward_trainer.worker.service import Worker
    from sunward_trainer.worker.settings import WorkerSettings

    settings = WorkerSettings(
        node=options.node,
        coordinator=options.coordinator,
        coordinator_port=options.coordinator_port,
        superlink_port=options.superlink_port,
        address=options.address,
        shard_server_port=options.shard_server_port,
        shards_folder=options.shards_dir,
        cache_folder=options.cache_dir,
        shards=tuple(parse_shard(text) for text in options.shard),
        shard_data=dict(options.shard_data),
        partition=options.partition,
        seed=options.seed,
        data_folder=options.data_dir,
        shared_folder=options.shared_data,
        data_mobility=DataMobility(options.data_mobility),
        credentials=_credentials(options, Role.WORKER, options.node),
    )

    async def run() -> int:
        return await Worker(settings).run()

    return asyncio.run(run())


if __name__ == "__main__":
    raise SystemExit(main())
