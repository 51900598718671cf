"""Who is there: signs of life, silence, goodbyes, and the bell."""

import asyncio

import pytest

from sunward_trainer.protocol.members import MOST_MEMBERS, Member, Members, ServedShard, Unwelcome


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def members(clock: Clock) -> Members:
    found = Members(gone_after_seconds=10.0, clock=clock)
    found.register(_member("pi-01"))
    return found


def _member(node: str, flower_node: int = 7) -> Member:
    return Member(
        node=node,
        address=f"{node}:9814",
        flower_node=flower_node,
        heard_seconds=0.0,
        home_shards=(ServedShard(name=f"shard-of-{node}", sha256="ab", samples=5),),
    )


def _hear(members: Members, node: str = "pi-01") -> bool:
    return members.heard(node, cached_shards=("b",), seconds_per_batch=0.5, batches_done={"a": 3})


def _is_alive(members: Members, node: str = "pi-01") -> bool:
    member = members.find(node)
    return member is not None and members.is_alive(member)


def test_a_worker_is_alive_until_it_has_been_silent_for_too_long(members: Members, clock: Clock) -> None:
    clock.seconds += 10.0
    assert _is_alive(members)
    clock.seconds += 0.1
    assert not _is_alive(members)
    assert _hear(members)
    assert _is_alive(members)


def test_a_sign_of_life_updates_what_is_known(members: Members) -> None:
    _hear(members)
    found = members.find("pi-01")
    assert found is not None
    assert (found.cached_shards, found.seconds_per_batch, found.batches_done) == (("b",), 0.5, {"a": 3})
    assert found.flower_node == 7


def test_a_worker_that_is_not_known_or_has_left_must_register(members: Members) -> None:
    assert not _hear(members, "pi-09")
    members.leave("pi-01")
    assert not _hear(members)
    assert not _is_alive(members)
    members.register(_member("pi-01", flower_node=8))
    assert _hear(members)
    assert _is_alive(members)


def test_a_shard_is_served_by_its_home_only_while_that_is_alive(members: Members, clock: Clock) -> None:
    source = members.source("shard-of-pi-01", "pi-01")
    assert source is not None
    assert (source.address, source.sha256) == ("pi-01:9814", "ab")
    assert members.source("other", "pi-01") is None
    assert members.source("shard-of-pi-01", "pi-02") is None
    clock.seconds += 11.0
    assert members.source("shard-of-pi-01", "pi-01") is None


async def test_a_ring_wakes_who_waits(members: Members) -> None:
    waiting = asyncio.ensure_future(members.wait_for_bell("pi-01", after=0, timeout_seconds=30.0))
    await asyncio.sleep(0)
    await asyncio.to_thread(members.ring, "pi-01")
    assert await asyncio.wait_for(waiting, 5.0) == 1


async def test_a_ring_that_came_before_the_wait_is_not_lost(members: Members) -> None:
    members.ring("pi-01")
    members.ring("pi-01")
    assert await members.wait_for_bell("pi-01", after=0, timeout_seconds=30.0) == 2


async def test_without_a_ring_the_wait_ends_with_its_time(members: Members) -> None:
    members.ring("pi-01")
    assert await members.wait_for_bell("pi-01", after=1, timeout_seconds=0.01) == 1


async def test_news_for_all_wake_all(members: Members) -> None:
    members.register(_member("pi-02"))
    waits = [
        asyncio.ensure_future(members.wait_for_bell(node, after=0, timeout_seconds=30.0)) for node in ("pi-01", "pi-02")
    ]
    await asyncio.sleep(0)
    members.ring_all()
    assert await asyncio.wait_for(asyncio.gather(*waits), 5.0) == [1, 1]


def test_every_start_of_a_coordinator_is_an_epoch_of_its_own() -> None:
    assert Members(gone_after_seconds=1.0).epoch != Members(gone_after_seconds=1.0).epoch


def test_who_has_been_silent_for_long_is_forgotten_and_may_come_back(members: Members, clock: Clock) -> None:
    members.ring("pi-01")
    clock.seconds += 600.0
    assert [member.node for member in members.all()] == ["pi-01"]
    clock.seconds += 0.1
    assert members.all() == ()
    assert not _hear(members)
    members.register(_member("pi-01"))
    assert _hear(members)


def test_patience_beyond_the_usual_also_lengthens_the_memory(clock: Clock) -> None:
    patient = Members(gone_after_seconds=7200.0, clock=clock)
    patient.register(_member("pi-01"))
    clock.seconds += 3600.0
    assert _is_alive(patient)
    assert len(patient.all()) == 1


def test_a_node_without_a_part_in_the_job_is_turned_away(clock: Clock) -> None:
    closed = Members(gone_after_seconds=10.0, clock=clock, knows=lambda node: node == "pi-01")
    closed.register(_member("pi-01"))
    with pytest.raises(Unwelcome, match="pi-02 has no part in this job"):
        closed.register(_member("pi-02"))
    assert [member.node for member in closed.all()] == ["pi-01"]


def test_the_number_of_workers_is_bounded_and_those_known_may_register_again(members: Members) -> None:
    for index in range(MOST_MEMBERS - 1):
        members.register(_member(f"node-{index}"))
    with pytest.raises(Unwelcome, match="are registered"):
        members.register(_member("one-more"))
    members.register(_member("pi-01", flower_node=9))
    assert len(members.all()) == MOST_MEMBERS


async def test_nobody_is_remembered_for_ringing_at_a_strangers_door(members: Members) -> None:
    members.ring("stranger")
    assert await members.wait_for_bell("stranger", after=0, timeout_seconds=0.01) == 0
