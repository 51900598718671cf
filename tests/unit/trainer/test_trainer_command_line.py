"""The command line: what it accepts and what it says when it does not."""

import pytest

from sunward_trainer.command_line import MOBILITIES, parse
from sunward_trainer.learning.catalogue import MODELS
from sunward_trainer.protocol.data_mobility import DataMobility

COORDINATOR = ["coordinator", "--job", "j", "--state-dir", "/s", "--rounds", "3", "--steps-per-round", "50"]
COORDINATOR += ["--tls-dir", "/t"]
WORKER = ["worker", "--node", "pi-01", "--coordinator", "hub", "--shards-dir", "/s", "--cache-dir", "/c"]
WORKER += ["--tls-dir", "/t"]


def test_defaults_are_the_documented_ports() -> None:
    found = parse(COORDINATOR)
    assert (found.listen, found.superlink) == (("0.0.0.0", 9812), ("0.0.0.0", 9813))
    assert str(found.assignment) == "/etc/sunward/assignment.json"
    worker = parse([*WORKER, "--address", "10.0.0.1"])
    assert (worker.coordinator_port, worker.superlink_port, worker.shard_server_port) == (9812, 9813, 9814)


def test_a_worker_takes_its_address_from_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_IP", "10.77.3.2")
    assert parse(WORKER).address == "10.77.3.2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*COORDINATOR, "--rounds", "0"], "--rounds: must be at least 1"),
        ([*COORDINATOR, "--target-accuracy", "101"], "--target-accuracy: must be above 0 and at most 100"),
        ([*COORDINATOR, "--momentum", "1"], "--momentum: must be at least 0 and below 1"),
        ([*COORDINATOR, "--learning-rate", "nan"], "--learning-rate: must be above 0"),
        ([*COORDINATOR, "--listen", "9812"], "--listen: must be HOST:PORT"),
        ([*COORDINATOR, "--superlink", "0.0.0.0:0"], "--superlink: must be from 1 to 65535"),
        ([*COORDINATOR, "--model", "lstm"], "--model: invalid choice: 'lstm'"),
        (WORKER, "--address is needed where the environment has no POD_IP"),
        ([], "coordinator|worker"),
        (COORDINATOR[:-2], "one of the arguments --tls-dir --insecure is required"),
        ([*COORDINATOR[:-2], "--insecure"], "--insecure is for 127.0.0.1 or ::1 only, not 0.0.0.0; use --tls-dir"),
        ([*WORKER[:-2], "--insecure", "--address", "10.0.0.1"], "--insecure is for 127.0.0.1 or ::1 only"),
        ([*COORDINATOR, "--data-mobility", "never"], "--data-mobility: invalid choice: 'never'"),
    ],
)
def test_a_wrong_argument_is_named_with_its_limits(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POD_IP", raising=False)
    with pytest.raises(SystemExit) as error:
        parse(arguments)
    assert error.value.code == 2
    assert said in capsys.readouterr().err


def test_every_model_can_be_chosen() -> None:
    assert [parse([*COORDINATOR, "--model", name]).model for name in MODELS] == list(MODELS)


def test_data_mobility_is_chosen_from_what_the_trainer_knows() -> None:
    assert tuple(DataMobility) == MOBILITIES
    assert parse([*COORDINATOR, "--data-mobility", "Never"]).data_mobility == "Never"
