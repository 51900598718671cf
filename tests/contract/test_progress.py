"""What the trainer says at /progress is what the operator reads: the two share no code."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from sunward.cluster.training.progress import parse_progress
from sunward.cluster.training.progress_questions import LARGEST_BYTES
from sunward.domain.jobs import UpdateRule as OperatorsRule
from sunward_trainer.coordinator.checkpoint import Checkpoint, RoundRecord
from sunward_trainer.coordinator.progress import Phase, Status, UpdateChecks, progress_document
from sunward_trainer.coordinator.refusals import RefusedWorker
from sunward_trainer.learning.inspection import Refusal
from sunward_trainer.learning.robust import UpdateRule
from sunward_trainer.protocol.members import Member, Members, ServedShard

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STARTING = Status(job="default/mnist", rounds=20, target_accuracy_percent=None, reason="starting")
RECORD = RoundRecord(
    round=1,
    plan="p1",
    accuracy_percent=91.0,
    loss=0.3,
    seconds=2.0,
    workers=("pi-01",),
    batches=50,
    missing_batches=0,
)
KEPT = Checkpoint(
    job=STARTING.job,
    model="mnist-mlp",
    data_set="digits",
    seed=0,
    round=1,
    weights=np.zeros(2, dtype=np.float32),
    written="2026-11-22T12:00:00.000Z",
    node_batches={"pi-01": 50},
    offloaded_batches={"b": 10},
    history=(RECORD,),
)


def some_members() -> Members:
    members = Members(gone_after_seconds=10.0)
    shards = (ServedShard(name="a", sha256="ab", samples=10),)
    members.register(
        Member(node="pi-01", address="10.0.0.1:9814", flower_node=1, heard_seconds=0.0, home_shards=shards)
    )
    members.heard("pi-01", cached_shards=("b",), seconds_per_batch=0.25, batches_done={"a": 3})
    members.register(Member(node="pi-02", address="10.0.0.2:9814", flower_node=2, heard_seconds=0.0))
    members.leave("pi-02")
    return members


@pytest.mark.parametrize("phase", Phase)
def test_a_round_in_work_is_read_as_it_was_said(phase: Phase) -> None:
    status = replace(STARTING, phase=phase, plan="p2", round_in_work=2, assigned_batches={"pi-01": 50}, checkpoint=KEPT)
    found = parse_progress(json.dumps(progress_document(status, some_members(), NOW)))
    assert (found.round, found.phase, found.plan, found.data_set) == (1, str(phase), "p2", "digits")
    assert (found.accuracy_percent, found.round_seconds) == (91.0, 2.0)
    assert found.cached_shards == (("pi-01", ("a", "b")),)
    assert found.seconds_per_batch == (("pi-01", 0.25),)
    assert found.offloaded_batches_by_shard == (("b", 10.0),)
    assert found.workers == (("pi-01",) if phase in (Phase.TRAINING, Phase.AGGREGATING) else ())


def test_a_large_federation_fits_into_what_the_operator_reads() -> None:
    names = [f"machine-{number:012}" for number in range(256)]
    members = Members(gone_after_seconds=10.0)
    for name in names:
        shard = ServedShard(name=f"shard-{name}", sha256="ab", samples=10)
        member = Member(
            node=name, address="10.100.100.100:9814", flower_node=1, heard_seconds=0.0, home_shards=(shard,)
        )
        members.register(member)
        members.heard(name, cached_shards=tuple(names[:4]), seconds_per_batch=0.123456789, batches_done={name: 3})
    history = tuple(replace(RECORD, round=number, workers=tuple(names)) for number in range(1, 5001))
    batches = dict.fromkeys(names, 123_456)
    kept = replace(KEPT, history=history, node_batches=batches, offloaded_batches=batches, shard_batches=batches)
    status = replace(STARTING, phase=Phase.TRAINING, assigned_batches=batches, checkpoint=kept)
    document = progress_document(status, members, NOW)
    text = json.dumps(document)
    assert len(text.encode()) < LARGEST_BYTES
    assert parse_progress(text).round_seconds == 2.0
    assert document["history"][-1]["round"] == 5000


def test_a_small_federation_shows_its_last_rounds() -> None:
    history = tuple(replace(RECORD, round=number) for number in range(1, 301))
    kept = replace(KEPT, history=history)
    document = progress_document(replace(STARTING, checkpoint=kept), some_members(), NOW)
    assert [record["round"] for record in document["history"]] == list(range(45, 301))


def test_before_the_first_round_nothing_is_known_and_nothing_is_zero() -> None:
    found = parse_progress(json.dumps(progress_document(STARTING, Members(gone_after_seconds=1.0), NOW)))
    assert (found.round, found.accuracy_percent, found.round_seconds, found.plan) == (0, None, None, None)


def test_what_became_of_updates_is_read_word_by_word() -> None:
    workers = tuple(RefusedWorker(node="pi-02", refusal=refusal, in_a_row=2, until=0.0) for refusal in Refusal)
    checks = UpdateChecks(
        rule=UpdateRule.MULTI_KRUM,
        applied_rule=UpdateRule.MEDIAN,
        norm_bounded=True,
        refused={str(refusal): 1 for refusal in Refusal},
        workers=workers,
    )
    text = json.dumps(progress_document(replace(STARTING, updates=checks), some_members(), NOW))
    found = parse_progress(text).updates
    assert found is not None
    assert {str(word): count for word, count in found.refused} == {str(refusal): 1 for refusal in Refusal}
    assert [(str(one.refusal), one.in_a_row) for one in found.workers] == [(str(refusal), 2) for refusal in Refusal]
    assert (str(found.applied_rule), found.norm_bounded) == ("Median", True)


def test_both_sides_know_the_same_rules() -> None:
    assert [str(rule) for rule in UpdateRule] == [str(rule) for rule in OperatorsRule]
