"""The machines of the cluster in memory, each behind its relay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 6, 21, 12, tzinfo=UTC)
BOOT = timedelta(seconds=15)


@dataclass(slots=True)
class Machine:
    """One machine behind its relay."""

    name: str
    on: bool = True
    boot_done: datetime = START - timedelta(days=1)
    heartbeat: datetime = START
    relay_lag: timedelta = timedelta(0)
    asked: bool | None = None  # what the relay was told and has not done yet
    obeys_at: datetime = START
    listens: bool = True  # whether the relay follows orders at all
    silent: bool = False  # whether it leaves questions without an answer
    lies: bool = False  # whether it says the opposite of its output; its meter does not lie
    boots: bool = True
    kubelet: bool = True
    boot: int = 1  # which boot of its system this is
    down_at: datetime | None = None  # when the system that shuts down has come to its end
    hard_cuts: int = 0  # how often the power was cut while the system ran

    def ask(self, on: bool, now: datetime) -> None:
        """The relay takes an order and follows it after its lag."""
        if not self.listens:
            return
        self.asked, self.obeys_at = on, now + self.relay_lag
        self.obey(now)

    def obey(self, now: datetime) -> None:
        """What the relay was told happens when its time has come."""
        if self.asked is None or now < self.obeys_at:
            return
        if self.asked and not self.on:
            self.start(now)
        if not self.asked and self.on:
            self.hard_cuts += self.runs(now)
        self.on, self.asked = self.asked, None

    def start(self, now: datetime) -> None:
        """Its system boots: after the power came back, by a button, or because it was told to."""
        self.boot_done, self.boot, self.down_at = now + BOOT, self.boot + 1, None

    def runs(self, now: datetime) -> bool:
        """Whether it has power and its system is not down, so that a cut of the power would hurt it."""
        return self.on and (self.down_at is None or now < self.down_at)

    def alive(self, now: datetime) -> bool:
        """Whether it has power and has booted."""
        return self.on and self.boots and self.kubelet and now >= self.boot_done and self.down_at is None
