"""The round loop: quorum, obedience to the file, workers that vanish, and what a restart continues."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sunward_trainer.coordinator.checkpoint import Checkpoint, load
from sunward_trainer.coordinator.job import Job, JobSettings, Stopped
from sunward_trainer.coordinator.progress import Phase, Status, StatusBoard, progress_document
from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.inspection import Refusal
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.robust import UpdateRule
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.members import Member, Members
from sunward_trainer.protocol.rounds import Debt, MissingReason, WorkerOrder, WorkerReply
from support.trainer import JOB, assignment_text, update

Work = Mapping[str, Iterable[tuple[str, str, int]]]
BOTH: Work = {"pi-01": [("a", "pi-01", 10)], "pi-02": [("b", "pi-02", 10)]}


class World:
    """The job's surroundings in memory: time that passes when the job waits, workers, and their behaviour.

    It is the clock, the stop event and the transport at once. A worker in `mute` takes orders and never answers; one
    in `sends` sends something else than it trained.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self.members = Members(gone_after_seconds=10.0, clock=self.clock)
        self.board = StatusBoard(Status(job=JOB, rounds=0, target_accuracy_percent=None))
        self.mute: set[str] = set()
        self.sends: dict[str, Callable[[Update], Update]] = {}
        self.orders: list[tuple[int, str, str, int]] = []  # round, plan, node, batches
        self.reasons: list[str] = []
        self.events: list[tuple[float, Callable[[], object]]] = []
        self.after_round: dict[int, Callable[[], object]] = {}
        self.kept_by: dict[str, Checkpoint] = {}
        self._evaluated = 0
        self._asked_to_stop = False
        self._lost: set[str] = set()
        self._open: dict[str, tuple[int, WorkerOrder]] = {}

    def clock(self) -> float:
        return self.seconds

    def evaluate(self, weights: Weights) -> float:
        """51 % after the first round, one more after each; and what is to happen after that round."""
        self._evaluated += 1
        self.after_round.pop(self._evaluated, lambda: None)()
        return 50.0 + self._evaluated

    def ask_to_stop(self) -> None:
        self._asked_to_stop = True

    def at(self, seconds: float, event: Callable[[], object]) -> None:
        """Let something happen at a time."""
        self.events.append((seconds, event))

    def wait(self, seconds: float) -> bool:
        """What the stop event's wait does: time passes, things happen, workers stay in touch."""
        if self.seconds > 10_000:
            raise AssertionError(f"the job never ends: {self.board.status}")
        self.seconds += seconds
        for moment, event in [entry for entry in self.events if entry[0] <= self.seconds]:
            self.events.remove((moment, event))
            event()
        if self.board.status.reason and self.board.status.reason not in self.reasons:
            self.reasons.append(self.board.status.reason)
        return self._asked_to_stop

    def stay_in_touch(self, node: str, *, until: float = float("inf"), batches_each_second: int = 0) -> None:
        """Register a worker that then gives a sign of life every second."""
        self.members.register(
            Member(
                node=node,
                address=f"{node}:9814",
                flower_node=hash(node),
                heard_seconds=0.0,
                kept_round=self.kept_by[node].round if node in self.kept_by else None,
            )
        )

        def beat() -> None:
            done = {"a": batches_each_second * int(self.seconds)}
            if self.seconds < until:
                self.members.heard(node, cached_shards=(), seconds_per_batch=None, batches_done=done)
                self.at(self.seconds + 1.0, beat)

        beat()

    def lose(self, node: str) -> None:
        """The worker starts anew and has forgotten its order."""
        self._lost.add(node)
        self.mute.discard(node)

    def assign(self, work: Work, *, plan: str = "plan-1", until_round: int | None = None) -> None:
        (self.folder / "assignment.json").write_text(assignment_text(work, plan=plan, until_round=until_round))

    def send(self, order: WorkerOrder, *, plan: str, kept: Checkpoint) -> None:
        round_number = kept.round + 1
        self._lost.discard(order.node)
        self.orders.append((round_number, plan, order.node, order.batches))
        if order.node not in self.mute:
            self._open[order.node] = (round_number, order)

    def replies(self) -> Iterable[WorkerReply]:
        found, self._open = self._open, {}
        for node, (number, order) in found.items():
            trained = (update(p.shard, node, p.batches, [float(number)]) for p in order.pairs)
            updates = tuple(map(self.sends.get(node, lambda one: one), trained))
            yield WorkerReply(node=node, round_number=number, updates=updates, missing=())

    def lost(self, node: str) -> bool:
        return node in self._lost

    def close_round(self) -> None:
        self._open.clear()

    def job(
        self,
        *,
        rounds: int = 3,
        minimum_workers: int = 2,
        target: float | None = None,
        start: Checkpoint | None = None,
        rule: UpdateRule = UpdateRule.GATE,
    ) -> Job:
        settings = JobSettings(
            job=JOB,
            rounds=rounds,
            steps_per_round=10,
            target_accuracy_percent=target,
            minimum_workers=minimum_workers,
            state_folder=self.folder,
            update_rule=rule,
        )
        stop = threading.Event()
        stop.wait = self.wait  # type: ignore[method-assign, assignment]
        return Job(
            settings,
            start=start or fresh(),
            assignments=AssignmentFile(path=self.folder / "assignment.json", job=JOB),
            members=self.members,
            transport=self,
            board=self.board,
            evaluate=self.evaluate,
            stop=stop,
            clock=self.clock,
            fetch_kept=lambda member: self.kept_by.get(member.node),
        )


def fresh() -> Checkpoint:
    return Checkpoint(
        job=JOB,
        model="mnist-softmax",
        data_set="toy",
        seed=0,
        round=0,
        weights=np.zeros(1, dtype=np.float32),
        written="2026-11-22T12:00:00.000Z",
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.assign(BOTH)
    return found


def _together(world: World) -> World:
    world.stay_in_touch("pi-01")
    world.stay_in_touch("pi-02")
    return world


def test_a_job_runs_its_rounds_and_writes_its_result(world: World) -> None:
    kept = _together(world).job(rounds=3).run()
    assert kept.round == 3
    assert kept.node_batches == {"pi-01": 30, "pi-02": 30}
    assert kept.shard_batches == {"a": 30, "b": 30}
    assert kept.weights.tolist() == [3.0]
    assert world.board.status.phase is Phase.COMPLETE
    result = json.loads((world.folder / "result.json").read_text())
    assert (result["round"], result["accuracy_percent"], result["data_set"]) == (3, 53.0, "toy")
    assert result["target_reached"] is None
    assert [record["round"] for record in result["history"]] == [1, 2, 3]


def test_it_stops_early_at_the_target(world: World) -> None:
    assert _together(world).job(rounds=40, target=54.0).run().round == 4
    assert json.loads((world.folder / "result.json").read_text())["target_reached"] is True


def test_a_complete_job_that_is_started_again_only_says_so(world: World) -> None:
    kept = _together(world).job(rounds=2).run()
    orders = len(world.orders)
    assert world.job(rounds=2, start=kept).run().round == 2
    assert len(world.orders) == orders


def test_a_restart_goes_on_with_the_round_after_the_checkpoint(world: World) -> None:
    _together(world).job(rounds=2).run()
    found = load(world.folder / "checkpoint.npz", job=JOB, model="mnist-softmax", data_set="toy", seed=0)
    assert found is not None
    assert world.job(rounds=4, start=found).run().round == 4
    assert [number for number, _, node, _ in world.orders if node == "pi-01"] == [1, 2, 3, 4]


def test_the_file_is_obeyed_from_the_next_round_on(world: World) -> None:
    _together(world)
    world.mute.add("pi-02")
    world.at(5.0, lambda: world.assign({"pi-01": [("a", "pi-01", 10), ("b", "pi-02", 5)]}, plan="plan-2"))
    world.at(6.0, lambda: world.lose("pi-02"))
    world.job(rounds=2, minimum_workers=1).run()
    assert [(number, plan) for number, plan, _, _ in world.orders] == [
        (1, "plan-1"),
        (1, "plan-1"),
        (1, "plan-1"),
        (2, "plan-2"),
    ]
    assert [record.plan for record in world.board.status.checkpoint.history] == [  # type: ignore[union-attr]
        "plan-1",
        "plan-2",
    ]


def test_below_the_quorum_a_round_waits_and_says_for_whom(world: World) -> None:
    world.stay_in_touch("pi-01")
    world.at(100.0, lambda: world.stay_in_touch("pi-02"))
    assert world.job(rounds=1).run().round == 1
    assert "1 of 2 required workers are present; absent: pi-02" in world.reasons
    assert world.seconds >= 100.0


def test_a_plan_with_too_few_workers_waits_for_another_plan(world: World) -> None:
    _together(world)
    world.assign({"pi-01": [("a", "pi-01", 10)]}, plan="thin")
    world.at(50.0, lambda: world.assign(BOTH, plan="better"))
    assert world.job(rounds=1).run().history[0].plan == "better"
    assert "plan thin gives batches to 1 workers, the quorum is 2" in world.reasons


def test_after_the_last_round_of_a_plan_it_waits_for_the_next_one(world: World) -> None:
    _together(world)
    world.assign(BOTH, plan="two", until_round=2)
    world.at(100.0, lambda: world.assign(BOTH, plan="more"))
    history = world.job(rounds=4).run().history
    assert [record.plan for record in history] == ["two", "two", "more", "more"]
    assert "plan two asks for rounds up to 2; waits for the next plan" in world.reasons
    assert world.seconds >= 100.0


def test_without_a_usable_file_it_waits_with_the_reason(world: World) -> None:
    _together(world)
    (world.folder / "assignment.json").write_text("{")
    world.at(20.0, lambda: world.assign(BOTH))
    world.job(rounds=1).run()
    assert any("is not JSON" in reason for reason in world.reasons)


def test_a_worker_that_may_still_come_is_waited_for_only_a_while(world: World) -> None:
    world.assign({**BOTH, "pi-03": [("c", "pi-03", 10)]})
    kept = _together(world).job(rounds=2).run()
    assert "waiting for pi-03 to join" in world.reasons
    assert 10.0 <= world.seconds < 15.0
    assert [record.missing_batches for record in kept.history] == [10, 20]  # the second round asks again
    assert {entry.reason for entry in world.board.status.missing} == {MissingReason.WORKER_ABSENT}


def test_a_worker_that_vanishes_in_a_round_does_not_hold_it_up_for_long(world: World) -> None:
    world.stay_in_touch("pi-01")
    world.stay_in_touch("pi-02", until=3.0)
    world.mute.add("pi-02")
    kept = world.job(rounds=1, minimum_workers=1).run()
    assert world.seconds < 20.0
    assert kept.shard_batches == {"a": 10}
    assert kept.debt.owed == {"b": 10}
    assert [(m.node, m.reason) for m in world.board.status.missing] == [("pi-02", MissingReason.WORKER_GONE)]


def test_a_worker_that_says_goodbye_is_not_waited_for_at_all(world: World) -> None:
    _together(world).mute.add("pi-02")
    world.at(1.0, lambda: world.members.leave("pi-02"))
    world.job(rounds=1, minimum_workers=1).run()
    assert world.seconds < 2.0
    assert [m.reason for m in world.board.status.missing] == [MissingReason.WORKER_LEFT]


def test_a_worker_that_started_anew_is_given_its_order_again(world: World) -> None:
    _together(world).mute.add("pi-02")
    world.at(4.0, lambda: world.lose("pi-02"))
    kept = world.job(rounds=1).run()
    assert [node for _, _, node, _ in world.orders] == ["pi-01", "pi-02", "pi-02"]
    assert kept.shard_batches == {"a": 10, "b": 10}


def test_a_worker_that_is_alive_but_finishes_no_batch_is_not_waited_for(world: World) -> None:
    _together(world).mute.add("pi-02")
    world.job(rounds=1, minimum_workers=1).run()
    assert 60.0 < world.seconds < 65.0
    assert [m.reason for m in world.board.status.missing] == [MissingReason.STALLED]


def test_a_slow_worker_is_waited_for_as_long_as_it_finishes_batches_and_the_round_lasts(world: World) -> None:
    world.stay_in_touch("pi-01")
    world.stay_in_touch("pi-02", batches_each_second=1)
    world.mute.add("pi-02")
    world.job(rounds=1, minimum_workers=1).run()
    assert 1800.0 < world.seconds < 1805.0
    assert [m.reason for m in world.board.status.missing] == [MissingReason.TIMED_OUT]


def test_below_the_quorum_nothing_is_aggregated_and_what_arrived_is_not_trained_twice(world: World) -> None:
    world.stay_in_touch("pi-01")
    world.stay_in_touch("pi-02", until=3.0)
    world.mute.add("pi-02")
    world.at(200.0, world.mute.clear)
    world.at(200.0, lambda: world.stay_in_touch("pi-02"))
    kept = world.job(rounds=1).run()
    assert [(node, batches) for _, _, node, batches in world.orders] == [("pi-01", 10), ("pi-02", 10), ("pi-02", 10)]
    assert kept.history[0].workers == ("pi-01", "pi-02")
    assert kept.node_batches == {"pi-01": 10, "pi-02": 10}
    assert kept.debt == Debt()


def test_what_was_missing_is_trained_in_the_next_round(world: World) -> None:
    world.stay_in_touch("pi-01")
    world.stay_in_touch("pi-02")
    world.mute.add("pi-02")
    world.at(40.0, world.mute.clear)
    kept = world.job(rounds=2, minimum_workers=1).run()
    assert [(number, node, batches) for number, _, node, batches in world.orders] == [
        (1, "pi-01", 10),
        (1, "pi-02", 10),
        (2, "pi-01", 10),
        (2, "pi-02", 20),
    ]
    assert kept.shard_batches == {"a": 20, "b": 20}
    assert kept.debt.owed == {}


def test_asked_to_stop_it_leaves_the_last_checkpoint_standing(world: World) -> None:
    def after_two_rounds() -> None:
        world.mute.add("pi-02")
        world.ask_to_stop()

    _together(world).after_round[2] = after_two_rounds
    with pytest.raises(Stopped):
        world.job(rounds=9).run()
    assert world.board.status.round_in_work == 3
    found = load(world.folder / "checkpoint.npz", job=JOB, model="mnist-softmax", data_set="toy", seed=0)
    assert found is not None
    assert found.round == 2


def test_a_coordinator_that_lost_its_disk_takes_the_newest_checkpoint_that_a_worker_kept(world: World) -> None:
    _together(world).job(rounds=3).run()
    newest = world.board.status.checkpoint
    assert newest is not None
    world.kept_by = {"pi-01": replace(newest, round=2, history=newest.history[:2]), "pi-02": newest}
    world.orders.clear()
    kept = _together(world).job(rounds=5).run()
    assert [record.round for record in kept.history] == [1, 2, 3, 4, 5]
    assert [number for number, _, node, _ in world.orders if node == "pi-01"] == [4, 5]


def test_what_a_worker_kept_is_of_no_use_to_a_coordinator_with_a_checkpoint(world: World) -> None:
    kept = _together(world).job(rounds=1).run()
    world.kept_by = {"pi-01": replace(kept, round=40)}
    assert _together(world).job(rounds=2, start=kept).run().round == 2


def test_batches_trained_away_from_home_are_counted(world: World) -> None:
    world.assign({"pi-01": [("a", "pi-01", 4)], "pi-02": [("b", "pi-02", 10), ("a", "pi-01", 6)]})
    assert _together(world).job(rounds=2).run().offloaded_batches == {"a": 12}


def test_a_round_in_work_tells_what_it_has_away_from_home_before_it_counts(world: World) -> None:
    world.assign({"pi-01": [("a", "pi-01", 4)], "pi-02": [("b", "pi-02", 10), ("a", "pi-01", 6)]})
    shown: list[tuple[int, dict[str, int]]] = []
    show = world.board.show

    def listen(status: Status) -> None:
        show(status)
        found = progress_document(status, world.members, datetime.now(UTC))
        if status.phase in (Phase.TRAINING, Phase.AGGREGATING):
            shown.append((found["round"], found["batches_total"]["offloaded"]))

    world.board.show = listen  # type: ignore[method-assign]
    _together(world).job(rounds=2).run()
    assert [away for at, away in shown if at == 0] == [{"a": 6}] * 3  # asked for, complete, aggregating
    assert [away for at, away in shown if at == 1] == [{"a": 6}, *[{"a": 12}] * 3]
    assert shown[-1] == (2, {"a": 12})


FOUR: Work = {f"pi-0{number}": [(f"s{number}", f"pi-0{number}", 10)] for number in range(1, 5)}
NAN = np.array([float("nan")], dtype=np.float32)


def _four(world: World) -> World:
    world.assign(FOUR)
    for node in FOUR:
        world.stay_in_touch(node)
    return world


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"weights": NAN}, Refusal.NOT_FINITE),
        ({"weights": np.zeros(3, dtype=np.float32)}, Refusal.WRONG_SHAPE),
        ({"weights": np.array([1e9], dtype=np.float32)}, Refusal.NORM_TOO_LARGE),
        ({"batches": -(10**9)}, Refusal.WRONG_BATCHES),
        ({"loss": float("inf")}, Refusal.WRONG_FIGURES),
    ],
)
def test_a_bad_update_is_refused_owed_and_told_and_the_round_goes_on_without_it(
    world: World, changes: dict[str, object], refusal: Refusal
) -> None:
    _four(world).sends["pi-04"] = lambda one: replace(one, **changes)  # type: ignore[arg-type]
    kept = world.job(rounds=1).run()
    assert world.board.status.phase is Phase.COMPLETE
    assert kept.weights.tolist() == [1.0]
    assert kept.history[0].workers == ("pi-01", "pi-02", "pi-03")
    assert kept.history[0].missing_batches == 10
    assert kept.debt.owed == {"s4": 10}
    assert kept.node_batches == {"pi-01": 10, "pi-02": 10, "pi-03": 10}
    assert kept.refused_updates == {refusal: 1}
    told = progress_document(world.board.status, world.members, datetime.now(UTC))
    assert [(m["node"], m["reason"], m["refusal"]) for m in told["missing"]] == [("pi-04", "Refused", refusal)]
    assert told["updates"]["refused"] == {refusal: 1}
    assert told["updates"]["workers"] == [{"node": "pi-04", "refusal": refusal, "in_a_row": 1}]
    json.dumps(told, allow_nan=False)


def test_a_worker_that_is_refused_again_and_again_is_not_asked_for_a_while(world: World) -> None:
    _four(world).sends["pi-04"] = lambda one: replace(one, weights=NAN)
    kept = world.job(rounds=6).run()
    assert kept.round == 6
    assert [number for number, _, node, _ in world.orders if node == "pi-04"] == [1, 2, 3]
    assert [(m.node, m.reason, m.refusal) for m in world.board.status.missing] == [
        ("pi-04", MissingReason.REFUSED, None)
    ]
    assert kept.refused_updates == {Refusal.NOT_FINITE: 3}


def test_a_worker_that_sends_what_it_should_again_is_taken_back_after_the_pause(world: World) -> None:
    _four(world).sends["pi-04"] = lambda one: replace(one, weights=NAN)
    world.after_round[4] = lambda: (world.sends.clear(), world.wait(61.0))
    kept = world.job(rounds=6).run()
    assert [record.workers[-1] for record in kept.history[-2:]] == ["pi-04", "pi-04"]
    assert world.board.status.updates.workers == ()
    assert world.board.status.updates.refused == {Refusal.NOT_FINITE: 3}


def test_without_its_quorum_a_round_waits_as_for_a_missing_worker_and_says_why(world: World) -> None:
    _together(world).sends["pi-02"] = lambda one: replace(one, weights=NAN)
    world.at(20.0, world.sends.clear)
    kept = world.job(rounds=1).run()
    assert "1 of 2 required workers are present; absent: pi-02 (updates refused)" in world.reasons
    assert world.seconds > 60.0
    assert kept.history[0].workers == ("pi-01", "pi-02")


def test_when_everything_is_refused_the_model_and_the_checkpoint_stay(world: World) -> None:
    world.stay_in_touch("pi-01")
    world.assign({"pi-01": [("a", "pi-01", 10)]})
    world.sends["pi-01"] = lambda one: replace(one, weights=NAN)
    world.at(30.0, world.ask_to_stop)
    with pytest.raises(Stopped):
        world.job(rounds=1, minimum_workers=1).run()
    assert len(world.orders) == 3
    assert world.board.status.phase is not Phase.FAILED
    assert not (world.folder / "checkpoint.npz").exists()


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), ArithmeticError()])
def test_a_model_that_cannot_be_evaluated_never_becomes_the_checkpoint(
    world: World, answer: float | ArithmeticError
) -> None:
    answers, ask, told = [answer], world.evaluate, []

    def evaluate(weights: Weights) -> float:
        if not answers:
            told.append(progress_document(world.board.status, world.members, datetime.now(UTC)))
            return ask(weights)
        found = answers.pop()
        if isinstance(found, ArithmeticError):
            raise found
        return found

    world.evaluate = evaluate  # type: ignore[method-assign]
    kept = _together(world).job(rounds=1).run()
    assert (kept.round, kept.accuracy_percent) == (1, 51.0)
    assert kept.refused_updates == {Refusal.UNUSABLE_MODEL: 2}
    assert [number for number, _, _, _ in world.orders] == [1, 1, 1, 1]  # the round was tried again
    assert kept.shard_batches == {"a": 10, "b": 10}
    assert told[0]["updates"]["refused"] == {"UnusableModel": 2}
    assert told[0]["updates"]["workers"] == []  # the second try was good


def test_refusals_are_counted_on_after_a_restart(world: World) -> None:
    _four(world).sends["pi-04"] = lambda one: replace(one, weights=NAN)
    world.job(rounds=1).run()
    found = load(world.folder / "checkpoint.npz", job=JOB, model="mnist-softmax", data_set="toy", seed=0)
    assert found is not None
    world.kept_by = {}
    assert world.job(rounds=2, start=found).run().refused_updates == {Refusal.NOT_FINITE: 2}
    result = json.loads((world.folder / "result.json").read_text())
    assert result["updates_refused"] == {"NotFinite": 2}


@pytest.mark.parametrize(
    ("rule", "applied"), [(UpdateRule.MEDIAN, UpdateRule.MEDIAN), (UpdateRule.MULTI_KRUM, UpdateRule.MEDIAN)]
)
def test_the_job_combines_by_its_rule_and_tells_what_took_its_place(
    world: World, rule: UpdateRule, applied: UpdateRule
) -> None:
    _four(world).sends["pi-04"] = lambda one: replace(one, weights=np.array([3.0], dtype=np.float32))
    assert world.job(rounds=1, rule=rule).run().weights.tolist() == [1.0]
    checks = world.board.status.updates
    assert (checks.rule, checks.applied_rule, checks.norm_bounded) == (rule, applied, True)


def test_with_two_workers_the_first_round_says_that_sizes_were_not_compared(world: World) -> None:
    world.after_round[1] = lambda: told.append(world.board.status.updates.norm_bounded)
    told: list[bool | None] = []
    _together(world).job(rounds=2).run()
    assert [*told, world.board.status.updates.norm_bounded] == [False, True]
