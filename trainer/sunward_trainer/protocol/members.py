"""Which workers are there, when each was last heard, and who serves which shard.

Workers announce themselves over HTTP and then keep one request waiting, which answers when there is work: a
doorbell, so that an idle worker burns no energy asking. Shared between the HTTP server's loop and the training
thread, therefore behind a lock.
"""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedShard:
    """A shard that its home node serves."""

    name: str
    sha256: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A worker as last heard; `flower_node` is its id at the SuperLink, `heard_seconds` a monotonic time.

    `seconds_per_batch` is measured by the worker over its last round, None before its first.
    `batches_done` are those of the round in work, by shard. `kept_round` is the round of the checkpoint that the
    worker had kept when it registered, None when it had none.
    """

    node: str
    address: str
    flower_node: int
    heard_seconds: float
    left: bool = False
    home_shards: tuple[ServedShard, ...] = ()
    kept_round: int | None = None
    cached_shards: tuple[str, ...] = ()
    seconds_per_batch: float | None = None
    batches_done: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a shard can be fetched, and the hash that its bytes must have."""

    address: str
    sha256: str


MOST_MEMBERS: Final = 1024
FORGOTTEN_AFTER_SECONDS: Final = 600.0
"""Silence after which nothing is known of a worker any more; it registers again when it is back."""


class Unwelcome(Exception):
    """The worker has no part in the job, or there are too many; the text says what to do."""


class Members:
    """The workers of one coordinator. `epoch` changes with every start, so that workers notice a restart.

    `knows` says whether a node has a part in the job. At most MOST_MEMBERS are kept, and silent ones are forgotten.
    """

    def __init__(
        self,
        *,
        gone_after_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        knows: Callable[[str], bool] = lambda _node: True,
    ) -> None:
        self.epoch = secrets.token_hex(8)
        self._gone_after_seconds = gone_after_seconds
        self._clock = clock
        self._knows = knows
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._bells: dict[str, int] = {}
        self._waiting: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}

    def register(self, member: Member) -> None:
        """Add a worker, or replace what was known of it. Raises Unwelcome when it is not one of the job's."""
        if not self._knows(member.node):
            raise Unwelcome(f"node {member.node} has no part in this job: it is no shard's home and has no assignment")
        with self._lock:
            self._forget()
            if member.node not in self._members and len(self._members) >= MOST_MEMBERS:
                raise Unwelcome(f"{MOST_MEMBERS} workers are registered; more are not accepted")
            self._members[member.node] = replace(member, heard_seconds=self._clock(), left=False)

    def _forget(self) -> None:
        """Drop what has been silent for long. With the lock held."""
        for node in [node for node, one in self._members.items() if self.silence_seconds(one) > self._forgotten_after]:
            for table in (self._members, self._bells, self._waiting):
                table.pop(node, None)

    @property
    def _forgotten_after(self) -> float:
        return max(FORGOTTEN_AFTER_SECONDS, self._gone_after_seconds)

    def heard(
        self,
        node: str,
        *,
        cached_shards: tuple[str, ...],
        seconds_per_batch: float | None,
        batches_done: Mapping[str, int],
    ) -> bool:
        """Note a sign of life. False when the worker is not known and has to register."""
        with self._lock:
            known = self._members.get(node)
            if known is None or known.left:
                return False
            self._members[node] = replace(
                known,
                heard_seconds=self._clock(),
                cached_shards=cached_shards,
                seconds_per_batch=seconds_per_batch,
                batches_done=batches_done,
            )
            return True

    def leave(self, node: str) -> None:
        """A worker says goodbye."""
        with self._lock:
            if node in self._members:
                self._members[node] = replace(self._members[node], left=True)

    def all(self) -> tuple[Member, ...]:
        """Every worker heard lately, in name order."""
        with self._lock:
            self._forget()
            return tuple(self._members[node] for node in sorted(self._members))

    def find(self, node: str) -> Member | None:
        """What is known of a worker, or None."""
        with self._lock:
            return self._members.get(node)

    def is_alive(self, member: Member) -> bool:
        """Heard lately, and has not said goodbye."""
        return not member.left and self.silence_seconds(member) <= self._gone_after_seconds

    def silence_seconds(self, member: Member) -> float:
        """Seconds since the worker was heard."""
        return max(0.0, self._clock() - member.heard_seconds)

    def source(self, shard: str, home: str) -> Source | None:
        """Where the shard's home serves it, or None while that node is not there."""
        member = self.find(home)
        if member is None or not self.is_alive(member):
            return None
        return next(
            (Source(address=member.address, sha256=item.sha256) for item in member.home_shards if item.name == shard),
            None,
        )

    def ring(self, node: str) -> None:
        """Tell a worker that a message waits for it. Callable from any thread."""
        with self._lock:
            if node not in self._members:
                return
            self._bells[node] = self._bells.get(node, 0) + 1
            waiting = self._waiting.get(node)
        if waiting is not None:
            loop, event = waiting
            loop.call_soon_threadsafe(event.set)

    def ring_all(self) -> None:
        """Ring every worker, for news that concern all."""
        for member in self.all():
            self.ring(member.node)

    async def wait_for_bell(self, node: str, *, after: int, timeout_seconds: float) -> int:
        """The number of rings so far, as soon as it differs from `after` or the time is up."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[node] = (asyncio.get_running_loop(), event)
            rung = self._bells.get(node, 0)
        if rung == after:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), timeout_seconds)
        with self._lock:
            return self._bells.get(node, 0)
