"""The short form of the suite on training faults, and that it notices when a guard of the trainer is gone."""

from dataclasses import replace
from pathlib import Path

import pytest

from fault_injection.in_memory import training
from fault_injection.in_memory.training import ROUNDS, Played, play, violations
from sunward_trainer.learning.data import DataSet, Installed, load_data
from sunward_trainer.protocol import rounds
from support.faults.federation import COORDINATOR_FAULTS, NODES, WORKER_FAULTS, Fault
from support.faults.outcome import Options


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    nothing: Path = tmp_path_factory.mktemp("nothing")
    return load_data(installed=Installed(shared=(nothing,), fashion=nothing))


@pytest.fixture(scope="module")
def calm(digits: DataSet) -> Played:
    return play(0, digits, [])


def test_faults_lose_no_round_and_count_none_twice() -> None:
    outcome = training.run(Options())
    assert outcome.violations == []
    assert outcome.counts["faults"] >= 50


@pytest.mark.parametrize("kind", COORDINATOR_FAULTS)
def test_a_coordinator_may_crash_anywhere(digits: DataSet, calm: Played, kind: str) -> None:
    played = play(0, digits, [Fault(round=2, kind=kind), Fault(round=4, kind=kind)])
    assert played.happened == (kind, kind) if kind != "waiting" else played.happened in ((), (kind, kind))
    assert violations(played, calm) == []


@pytest.mark.parametrize("kind", WORKER_FAULTS)
def test_a_worker_may_do_what_it_wants(digits: DataSet, calm: Played, kind: str) -> None:
    played = play(0, digits, [Fault(round=number, kind=kind, node=NODES[-1]) for number in (2, 5)])
    assert played.happened == (kind, kind)
    assert violations(played, calm) == []


def test_batches_that_nobody_ordered_are_noticed_when_updates_are_not_checked(
    digits: DataSet, calm: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "fault_of", lambda *_update, **_order: None)
    played = play(0, digits, [Fault(round=3, kind="batches", node="pi-02")])
    assert any("wanted" in why for why in violations(played, calm))


def test_a_round_counted_twice_and_lost_accuracy_are_noticed(calm: Played) -> None:
    history = calm.kept.history
    twice = replace(calm, kept=replace(calm.kept, history=(*history[:-1], replace(history[-1], round=ROUNDS - 1))))
    assert any("were counted" in why for why in violations(twice, calm))
    worse = replace(calm, accuracy_percent=calm.accuracy_percent - 1.1)
    assert any("without faults" in why for why in violations(worse, calm))
