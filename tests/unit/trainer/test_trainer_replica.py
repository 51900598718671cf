"""Checkpoints that workers give back: what the coordinator sealed comes back whole, anything else is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_trainer.coordinator.checkpoint import Checkpoint
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica, Seal, SealedDescription, SealError, encode

KEY = b"k" * 32
KEPT = Checkpoint(
    job="digits",
    model="mnist-softmax",
    data_set="toy",
    seed=3,
    round=2,
    weights=np.linspace(-1, 1, 50, dtype=np.float32),
    written="2026-11-22T12:00:00.000Z",
)


def _given_back() -> bytes:
    """What a worker keeps of an order."""
    worker, coordinator = CheckpointReplica(), Replicas(Seal(KEY))
    worker.keep(coordinator.sealed(KEPT).text(), KEPT.weights)
    assert worker.round == 2
    return worker.content


def test_what_an_order_brought_and_what_was_fetched_are_the_same_bytes() -> None:
    assert _given_back() == Replicas(Seal(KEY)).content(KEPT)


def test_it_comes_back_whole_to_a_coordinator_that_has_started_anew() -> None:
    coordinator = Replicas(Seal(KEY))
    coordinator.take("pi-01", _given_back())
    found = coordinator.newest
    assert found is not None
    assert found.weights.tobytes() == KEPT.weights.tobytes()
    assert replace(found, weights=KEPT.weights) == KEPT
    assert (coordinator.round_of("pi-01"), coordinator.round_of("pi-02")) == (2, None)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(where: int, change: int) -> None:
    content = bytearray(_given_back())
    content[where % len(content)] ^= change
    coordinator = Replicas(Seal(KEY))
    with pytest.raises(SealError):
        coordinator.take("pi-01", bytes(content))
    assert coordinator.newest is None


@given(st.integers(min_value=0, max_value=2000) | st.binary(max_size=300))
def test_a_part_of_it_and_bytes_of_all_kinds_are_refused(part: int | bytes) -> None:
    whole = _given_back()
    content = part if isinstance(part, bytes) else whole[: part % len(whole)]
    with pytest.raises(SealError):
        Replicas(Seal(KEY)).take("pi-01", content)


def test_the_round_is_under_the_seal() -> None:
    """A worker takes the seal of one round for another, or the weights of one for another."""
    sealed = Replicas(Seal(KEY)).sealed(KEPT)
    later = Seal(b"x" * 32).close(sealed.description.replace('"round": 2', '"round": 99'), KEPT.weights)
    assert later.round == 99
    for forged in (
        encode(replace(later, seal=sealed.seal), KEPT.weights),
        encode(later, KEPT.weights),
        encode(sealed, KEPT.weights * 2),
    ):
        with pytest.raises(SealError, match="was not sealed"):
            Replicas(Seal(KEY)).take("pi-01", forged)


def test_the_newest_counts_whoever_brings_it() -> None:
    """A worker that holds an old copy back, or gives it last, takes no round away."""
    coordinator, outside = Replicas(Seal(KEY)), Replicas(Seal(KEY))
    for node, number in (("pi-01", 3), ("pi-02", 7), ("pi-03", 1)):
        coordinator.take(node, outside.content(replace(KEPT, round=number)))
    assert coordinator.newest is not None
    assert coordinator.newest.round == 7


def test_the_first_checkpoint_is_not_worth_keeping_and_a_refused_one_is_dropped() -> None:
    worker, coordinator = CheckpointReplica(), Replicas(Seal(KEY))
    worker.keep(coordinator.sealed(replace(KEPT, round=0)).text(), KEPT.weights)
    assert (worker.round, worker.content) == (None, b"")
    worker.keep(coordinator.sealed(KEPT).text(), KEPT.weights)
    worker.drop()
    assert (worker.round, worker.content) == (None, b"")


def test_a_checkpoint_is_sealed_once_for_all_workers() -> None:
    coordinator = Replicas(Seal(KEY))
    assert coordinator.sealed(KEPT) is coordinator.sealed(KEPT)
    assert isinstance(coordinator.sealed(KEPT), SealedDescription)
    assert coordinator.sealed(replace(KEPT, round=3)).round == 3
