"""Local training: which samples, how many batches, and how it stops."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.shards import Shard, take
from sunward_trainer.learning.training import Abandoned, Pair, Recipe, sample_order, train
from sunward_trainer.protocol.rounds import MissingReason
from sunward_trainer.worker.trainee import Trainee
from support.trainer import RECIPE, toy_data

DATA = toy_data()
SHARD = take(DATA, "a", np.arange(100))
MODEL = build_model("mnist-softmax")
START = MODEL.initial(0)


def _pair(batches: int, first_batch: int = 0, shard: str = "a") -> Pair:
    return Pair(shard=shard, from_node="pi-01", batches=batches, first_batch=first_batch)


def test_two_workers_that_share_a_shard_train_on_different_samples() -> None:
    here = sample_order(RECIPE, SHARD, 4, _pair(2, 0))
    there = sample_order(RECIPE, SHARD, 4, _pair(3, 2))
    together = sample_order(RECIPE, SHARD, 4, _pair(5))
    assert np.concatenate([here, there]).tolist() == together.tolist()
    assert sorted(together.tolist()) == list(range(100))


def test_a_shard_that_is_used_up_is_walked_again_in_the_same_order() -> None:
    order = sample_order(RECIPE, SHARD, 4, _pair(7))
    assert order[100:].tolist() == order[:40].tolist()


def test_rounds_and_shards_have_orders_of_their_own() -> None:
    other = Shard(name="b", images=SHARD.images, labels=SHARD.labels)
    orders = {
        tuple(sample_order(RECIPE, shard, number, _pair(5)).tolist()) for shard in (SHARD, other) for number in (1, 2)
    }
    assert len(orders) == 4


def test_training_is_the_same_every_time_and_lowers_the_loss() -> None:
    first = train(MODEL, START, SHARD, recipe=RECIPE, pair=_pair(20), node="pi-01", round_number=1)
    second = train(MODEL, START, SHARD, recipe=RECIPE, pair=_pair(20), node="pi-02", round_number=1)
    assert first.weights.tobytes() == second.weights.tobytes()
    assert (first.shard, first.node, first.batches) == ("a", "pi-01", 20)
    assert first.seconds > 0
    images = SHARD.images.astype(np.float32) / np.float32(255)
    before, _ = MODEL.loss_and_gradient(START, images, SHARD.labels)
    after, _ = MODEL.loss_and_gradient(first.weights, images, SHARD.labels)
    assert after < 0.7 * before


def test_one_batch_is_one_step_down_the_gradient() -> None:
    rows = sample_order(RECIPE, SHARD, 1, _pair(1))
    images = SHARD.images[rows].astype(np.float32) / np.float32(255)
    _, gradient = MODEL.loss_and_gradient(START, images, SHARD.labels[rows])
    found = train(MODEL, START, SHARD, recipe=RECIPE, pair=_pair(1), node="x", round_number=1)
    np.testing.assert_allclose(found.weights, START - np.float32(0.1) * gradient, rtol=1e-6)


def test_momentum_carries_the_last_step_on() -> None:
    recipe = Recipe(batch_size=20, learning_rate=0.1, momentum=0.5, seed=3)
    plain = [train(MODEL, START, SHARD, recipe=RECIPE, pair=_pair(n), node="x", round_number=1) for n in (1, 2)]
    heavy = train(MODEL, START, SHARD, recipe=recipe, pair=_pair(2), node="x", round_number=1)
    step = plain[0].weights - START
    np.testing.assert_allclose(heavy.weights, plain[1].weights + np.float32(0.5) * step, atol=1e-6)


def test_training_leaves_the_given_weights_alone() -> None:
    before = START.copy()
    train(MODEL, START, SHARD, recipe=RECIPE, pair=_pair(2), node="x", round_number=1)
    assert (before == START).all()


def test_a_request_to_stop_is_heard_between_batches() -> None:
    stop, seen = threading.Event(), []

    def progress(done: int) -> None:
        seen.append(done)
        if done == 3:
            stop.set()

    with pytest.raises(Abandoned, match="after 3 of 50 batches"):
        train(
            MODEL,
            START,
            SHARD,
            recipe=RECIPE,
            pair=_pair(50),
            node="x",
            round_number=1,
            stop=stop.is_set,
            progress=progress,
        )
    assert seen == [1, 2, 3]


def test_a_pair_without_batches_is_an_error() -> None:
    with pytest.raises(ValueError, match="the number of batches must be positive, is 0"):
        train(MODEL, START, SHARD, recipe=RECIPE, pair=_pair(0), node="x", round_number=1)


def _only_a(pair: Pair) -> Shard:
    if pair.shard == "a":
        return SHARD
    raise DataError(f"no shard {pair.shard}")


def test_a_pair_that_cannot_be_trained_does_not_stop_the_others() -> None:
    trainee = Trainee(node="pi-01")
    assert trainee.seconds_per_batch is None
    reply = trainee.carry_out(
        (_pair(5, shard="lost"), _pair(4)),
        START,
        round_number=2,
        model=("mnist-softmax", 10),
        recipe=RECIPE,
        shard_of=_only_a,
    )
    assert [(u.shard, u.batches) for u in reply.updates] == [("a", 4)]
    assert [(m.shard, m.batches, m.reason) for m in reply.missing] == [("lost", 5, MissingReason.SHARD_UNREACHABLE)]
    assert trainee.batches_done == {"a": 4}
    assert trainee.seconds_per_batch is not None


def test_what_was_finished_before_the_stop_is_kept_and_the_rest_is_reported() -> None:
    stop = threading.Event()

    def stop_at_the_second(pair: Pair) -> Shard:
        if pair.first_batch == 4:
            stop.set()
        return SHARD

    reply = Trainee(node="pi-01").carry_out(
        (_pair(4), _pair(4, first_batch=4), _pair(4, first_batch=8)),
        START,
        round_number=2,
        model=("mnist-softmax", 10),
        recipe=RECIPE,
        shard_of=stop_at_the_second,
        stop=stop.is_set,
    )
    assert [u.batches for u in reply.updates] == [4]
    assert [m.reason for m in reply.missing] == [MissingReason.ABANDONED, MissingReason.ABANDONED]


def test_a_model_that_does_not_fit_the_weights_is_a_failure_that_is_told() -> None:
    reply = Trainee(node="pi-01").carry_out(
        (_pair(4),),
        START[:-1],
        round_number=1,
        model=("mnist-softmax", 10),
        recipe=RECIPE,
        shard_of=_only_a,
    )
    assert [m.reason for m in reply.missing] == [MissingReason.FAILED]
    assert "7850 parameters" in reply.missing[0].detail


def test_labels_beyond_the_models_classes_are_a_failure_that_is_told() -> None:
    strange = replace(SHARD, labels=np.full_like(SHARD.labels, 10))
    reply = Trainee(node="pi-01").carry_out(
        (_pair(4),),
        START,
        round_number=1,
        model=("mnist-softmax", 10),
        recipe=RECIPE,
        shard_of=lambda _: strange,
    )
    assert [(m.reason, m.detail) for m in reply.missing] == [
        (MissingReason.FAILED, "shard 'a' has label 10, but the model has 10 classes")
    ]
