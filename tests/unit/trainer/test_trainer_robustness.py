"""The experiment on bad workers in a quick form: a small model on scikit-learn's digits, one seed."""

from pathlib import Path

import numpy as np
import pytest

from sunward_trainer.experiments.__main__ import main
from sunward_trainer.experiments.attacks import ATTACKS, BadWorker
from sunward_trainer.experiments.robustness import (
    BAD,
    DEFENCES,
    HOLDS,
    NO_ATTACK,
    NO_DEFENCE,
    Outcome,
    Setting,
    broken_promises,
    measure,
    table,
)
from sunward_trainer.learning.data import DataSet, Installed, load_data
from sunward_trainer.learning.robust import UpdateRule
from sunward_trainer.protocol.rounds import WorkerReply
from support.trainer import store_data, toy_data, update

QUICK = Setting(seeds=(0,), rounds=15, steps=10, model="mnist-softmax")
TRIED = ("weights x 1000", "noise", "one NaN", "sign-flipped", "sign-flipped x 4")
Accuracies = dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    nothing = tmp_path_factory.mktemp("nothing")
    return load_data(installed=Installed(shared=(nothing,), fashion=nothing))


@pytest.fixture(scope="module")
def outcomes(digits: DataSet) -> list[Outcome]:
    return list(measure(digits, QUICK, TRIED))


@pytest.fixture(scope="module")
def accuracies(outcomes: list[Outcome]) -> Accuracies:
    return {(one.attack, one.defence): one.mean_percent for one in outcomes}


def test_every_rule_holds_against_what_it_is_meant_for(outcomes: list[Outcome]) -> None:
    assert broken_promises(outcomes) == []
    assert len(outcomes) == (1 + len(TRIED)) * len(DEFENCES)


@pytest.mark.parametrize("attack", ["weights x 1000", "noise", "one NaN", "sign-flipped x 4"])
def test_without_a_defence_the_same_attacks_do_harm(accuracies: Accuracies, attack: str) -> None:
    assert accuracies[attack, NO_DEFENCE] < accuracies[NO_ATTACK, NO_DEFENCE] - 3.0


def test_a_usual_size_in_the_wrong_direction_passes_the_gate(accuracies: Accuracies) -> None:
    assert accuracies["sign-flipped x 4", str(UpdateRule.GATE)] < accuracies[NO_ATTACK, str(UpdateRule.GATE)] - 1.0


def test_every_attack_has_a_rule_that_is_meant_to_hold() -> None:
    assert set(HOLDS) == set(ATTACKS)
    assert all(HOLDS.values())


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_changes_what_one_worker_sends_and_nothing_else(attack: str) -> None:
    start = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    bad = BadWorker("pi-02", ATTACKS[attack], seed=1)
    for node, is_changed in (("pi-01", False), ("pi-02", True)):
        reply = WorkerReply(node=node, round_number=1, updates=(update("a", node, 10, [1.5, 2.5, 3.5]),), missing=())
        (sent,) = bad.tamper(reply, start).updates
        assert (sent.weights.tolist() != [1.5, 2.5, 3.5]) is is_changed
        assert (sent.shard, sent.node, sent.batches) == ("a", node, 10)


def test_a_promise_is_broken_more_than_a_point_below_the_undisturbed_average() -> None:
    clean = Outcome(attack=NO_ATTACK, defence="Gate", accuracies_percent=(95.0,))
    kept = Outcome(attack="noise", defence="Gate", accuracies_percent=(94.0,))
    broken = Outcome(attack="noise", defence="Median", accuracies_percent=(93.0, 94.9))
    meant_to_fall = Outcome(attack="sign-flipped", defence="Gate", accuracies_percent=(50.0,))
    undefended = Outcome(attack="noise", defence=NO_DEFENCE, accuracies_percent=(10.0,))
    assert broken_promises([clean, kept, broken, meant_to_fall, undefended]) == [broken]


def test_the_command_prints_the_table_and_names_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = store_data(toy_data(samples=240, testing=50), tmp_path / "toy")
    options = ["--rounds", "1", "--seeds", "1", "--model", "mnist-softmax", "--report", str(tmp_path / "r.md")]
    status = main(["--data-dir", str(folder), *options])
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "r.md").read_text()
    assert "on toy after 1 rounds of mnist-softmax, mean of 1 seeds" in printed
    assert "| none |" in printed
    assert status == (0 if "Every rule held" in printed else 1)


def test_a_folder_without_data_ends_the_command_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_table_has_a_line_for_each_attack(outcomes: list[Outcome]) -> None:
    lines = table(outcomes).splitlines()
    assert len(lines) == 2 + 1 + len(TRIED)
    assert {len(line.split("|")) for line in lines} == {len(DEFENCES) + 3}
    assert BAD == "pi-06"
