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
            self.boot_done = now + BOOT
        self.on, self.asked = self.asked, None

    def alive(self, now: datetime) -> bool:
        """Whether it has power and has booted."""
        return self.on and self.boots and self.kubelet and now >= self.boot_done
