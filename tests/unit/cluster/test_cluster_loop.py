"""The frame around the passes: what goes on beside a pass that takes long."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sunward.cluster.access.api import ApiError
from sunward.cluster.loop import Loop, Ports
from sunward.cluster.reading import observer

NOTHING: dict[str, Any] = dict.fromkeys(Ports.__dataclass_fields__)
"""No port at all: a test that reaches one of these fails."""


class Lease:
    """Counts; the second renewal fails, as it may."""

    def __init__(self) -> None:
        self.kept = 0
        self.released = 0
        self.enough = asyncio.Event()

    async def keep(self, now: object) -> bool:
        self.kept += 1
        if self.kept == 2:
            raise ApiError(403, "PUT", "leases", "injected")
        if self.kept == 4:
            self.enough.set()
        return True

    async def release(self, now: object) -> None:
        self.released += 1


class LongPass(Loop):
    """A pass that lasts until the Lease has been renewed four times beside it."""

    lease: Lease

    async def reconcile(self) -> float:
        await asyncio.wait_for(self.lease.enough.wait(), 5.0)
        self.stop.set()
        return 0.0

    stop: asyncio.Event


async def test_the_lease_is_renewed_beside_a_long_pass_and_given_up_after_the_last() -> None:
    lease, failures = Lease(), []
    reporter = SimpleNamespace(failed=lambda where, _: failures.append(where))
    ports: Any = SimpleNamespace(**NOTHING | {"lease": lease, "reporter": reporter, "clock": lambda: None})
    one = LongPass(cast(Ports, ports), renew_seconds=0.001)
    one.lease, one.stop = lease, asyncio.Event()
    await one.run(one.stop)
    kept = lease.kept
    assert (kept >= 4, lease.released, failures) == (True, 1, ["lease"])
    await asyncio.sleep(0.01)
    assert lease.kept == kept


async def test_a_pass_is_dated_by_what_the_answer_about_the_lease_told_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {"time": "by our own clock"}

    async def renew(now: object, *, above: int) -> bool:
        told["time"] = "by the server's"
        return True

    async def observe(*arguments: object, **_: object) -> None:
        raise LookupError(arguments[-1])

    monkeypatch.setattr(observer, "observe", observe)
    lease = SimpleNamespace(renew=renew)
    ports: Any = SimpleNamespace(**NOTHING | {"lease": lease, "clock": lambda: told["time"]})
    with pytest.raises(LookupError, match="by the server's"):
        await Loop(cast(Ports, ports)).reconcile()
