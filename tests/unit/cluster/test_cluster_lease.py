"""The Lease on an API server in memory: one leads, judged by local time alone, and tokens only rise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from sunward.cluster.access.api import Api, ApiError
from sunward.cluster.access.lease import DURATION_SECONDS, RENEW_SECONDS, SAFETY_SECONDS, Lease
from support.loop.store import Body, Store

START = datetime(2026, 6, 21, 12, tzinfo=UTC)
PATH = "/apis/coordination.k8s.io/v1/namespaces/sunward-system/leases/sunward-operator"


class Server:
    """The store, which may refuse."""

    def __init__(self) -> None:
        self.store = Store()
        self.status: int | None = None

    def _answer(self, verb: str, path: str) -> None:
        if self.status is not None:
            raise ApiError(self.status, verb, path, "injected")

    async def get(self, path: str) -> Body:
        self._answer("GET", path)
        return self.store.get(path)

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        self._answer("POST", path)
        return self.store.create(path, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        self._answer("PUT", path)
        return self.store.replace(path, body)


class Clock:
    """A host's own seconds, and a wall clock that may be wrong."""

    def __init__(self, wrong_by: float = 0.0) -> None:
        self.seconds = 0.0
        self.wrong_by = wrong_by

    def __call__(self) -> float:
        return self.seconds

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.wrong_by)


def a_lease(server: Server, name: str, clock: Clock) -> Lease:
    return Lease(cast(Api, server), "sunward-system", name, monotonic=clock)


def holder(server: Server) -> tuple[str, int]:
    spec = server.store.get(PATH)["spec"]
    return spec["holderIdentity"], spec["leaseTransitions"]


async def test_the_first_leads_and_the_second_waits_for_the_whole_duration_of_silence() -> None:
    server, clock = Server(), Clock()
    first, second = a_lease(server, "a", clock), a_lease(server, "b", clock)
    assert await first.renew(clock.now)
    assert not await second.renew(clock.now)
    clock.seconds += DURATION_SECONDS - 0.1
    assert not await second.renew(clock.now)
    clock.seconds += 0.1
    assert await second.renew(clock.now)
    assert (holder(server), first.token, second.token) == (("b", 2), 1, 2)


@pytest.mark.parametrize("wrong_by", [-3600.0, 3600.0])
async def test_wall_clocks_that_differ_by_an_hour_change_nothing(wrong_by: float) -> None:
    server, clock, other = Server(), Clock(), Clock(wrong_by)
    first, second = a_lease(server, "a", clock), a_lease(server, "b", other)
    for _ in range(12):
        assert await first.renew(clock.now)
        assert not await second.renew(other.now)
        clock.seconds += 5.0
        other.seconds += 5.0


async def test_a_leader_gives_up_by_its_own_clock_before_another_may_follow() -> None:
    server, clock = Server(), Clock()
    lease = a_lease(server, "a", clock)
    await lease.renew(clock.now)
    clock.seconds = DURATION_SECONDS - SAFETY_SECONDS - 0.1
    assert lease.holds()
    clock.seconds += 0.1
    assert not lease.holds()


@pytest.mark.parametrize("status", [0, 409, 422, 429, 500, 503, 504])
async def test_a_server_that_fails_lets_it_lapse_and_not_at_once(status: int) -> None:
    server, clock = Server(), Clock()
    lease = a_lease(server, "a", clock)
    await lease.renew(clock.now)
    server.status = status
    clock.seconds = 5.0
    assert await lease.renew(clock.now)
    clock.seconds = DURATION_SECONDS
    assert not await lease.renew(clock.now)


@pytest.mark.parametrize("status", [0, 409, 422, 429, 500, 503, 504])
async def test_a_server_that_fails_does_not_say_that_another_leads(status: int) -> None:
    server, clock = Server(), Clock()
    first, second = a_lease(server, "a", clock), a_lease(server, "b", clock)
    await first.renew(clock.now)
    await second.renew(clock.now)
    assert (first.is_others, second.is_others) == (False, True)
    server.status = status
    await first.renew(clock.now)
    await second.renew(clock.now)
    assert (first.is_others, second.is_others) == (False, False)


async def test_a_server_that_forbids_is_told() -> None:
    server, clock = Server(), Clock()
    server.status = 403
    with pytest.raises(ApiError):
        await a_lease(server, "a", clock).renew(clock.now)


async def test_time_that_the_renewal_itself_took_counts_against_it() -> None:
    server, clock = Server(), Clock()

    class Slow(Server):
        async def get(self, path: str) -> Body:
            clock.seconds += 9.0
            return server.store.get(path)

        async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
            clock.seconds += 9.0
            return server.store.replace(path, body)

    await a_lease(server, "a", clock).renew(clock.now)
    assert not await a_lease(cast(Server, Slow()), "a", clock).renew(clock.now)


async def test_the_same_name_without_our_own_memory_takes_a_new_token() -> None:
    """A container that was restarted in its pod finds its own name: its past self may still be about to act."""
    server, clock = Server(), Clock()
    before, after = a_lease(server, "a", clock), a_lease(server, "a", clock)
    await before.renew(clock.now)
    await after.renew(clock.now)
    assert (before.token, after.token) == (1, 2)
    await after.renew(clock.now)
    assert after.token == 2


@pytest.mark.parametrize("exists", [False, True])
async def test_the_token_rises_above_the_youngest_on_record(exists: bool) -> None:
    server, clock = Server(), Clock()
    lease = a_lease(server, "a", clock)
    if exists:
        await lease.renew(clock.now)
    assert await lease.renew(clock.now, above=7)
    assert lease.token == 8
    await lease.renew(clock.now, above=8)
    assert lease.token == 8


async def test_a_lease_that_was_given_up_is_taken_at_once() -> None:
    server, clock = Server(), Clock()
    first, second = a_lease(server, "a", clock), a_lease(server, "b", clock)
    await first.renew(clock.now)
    await first.release(clock.now)
    assert not first.holds()
    assert await second.renew(clock.now)
    assert holder(server) == ("b", 2)


async def test_nobody_gives_up_the_lease_of_another() -> None:
    server, clock = Server(), Clock()
    first, second = a_lease(server, "a", clock), a_lease(server, "b", clock)
    await first.renew(clock.now)
    await second.release(clock.now)
    server.store.patch(PATH, {"spec": {"holderIdentity": "c"}})
    await first.release(clock.now)
    assert holder(server)[0] == "c"


async def test_keeping_renews_what_is_held_and_never_takes_what_is_not() -> None:
    server, clock = Server(), Clock()
    first, second = a_lease(server, "a", clock), a_lease(server, "b", clock)
    assert not await first.keep(clock.now)
    assert await first.renew(clock.now)
    assert not await second.renew(clock.now)
    for _ in range(10):  # a pass that takes longer than the Lease lasts
        clock.seconds += RENEW_SECONDS
        assert await first.keep(clock.now)
        assert not await second.renew(clock.now)
    assert holder(server) == ("a", 1)
    clock.seconds += 3 * DURATION_SECONDS
    assert not await first.keep(clock.now)


async def test_what_was_just_renewed_is_not_written_again() -> None:
    server, clock = Server(), Clock()
    lease = a_lease(server, "a", clock)
    assert await lease.renew(clock.now)
    version = server.store.get(PATH)["metadata"]["resourceVersion"]
    clock.seconds += RENEW_SECONDS / 2
    assert await lease.keep(clock.now)
    assert server.store.get(PATH)["metadata"]["resourceVersion"] == version
    clock.seconds += RENEW_SECONDS / 2
    assert await lease.keep(clock.now)
    assert server.store.get(PATH)["metadata"]["resourceVersion"] != version
