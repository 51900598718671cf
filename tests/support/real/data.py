"""Data faults with a real Prometheus between exporters on loopback and the real loop, in real time.

Every row begins with a node that a person holds awake. Its data go bad; once the reason shows, the person orders it to
sleep, and it must not; then the data come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sunward.cluster.access.api import ours
from sunward.domain.measurement import Measurement
from sunward.domain.reasons import Reason
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource
from sunward.sources.sensors import PrometheusSensors
from support.loop.objects import WORKERS
from support.loop.ports import IDLE_WATTS
from support.loop.process import Process
from support.loop.world import World, override
from support.ports import free_port
from support.sources import exporting, prometheus, scrape_configuration

VICTIM = "pi-3"
STALE_AFTER_SECONDS = 10
SHOWS_WITHIN_SECONDS = 60.0
GONE_WITHIN_PASSES = 2
ORDERED_PASSES = 8
PASS_SECONDS = 0.5
SLEEPS_WITHIN_SECONDS = 60.0


@dataclass(slots=True)
class Page:
    """What the exporter of a node shows; the rows change it."""

    watts: str = f"{IDLE_WATTS}"
    sampled: Callable[[], float] = time.time
    shown: bool = True
    claims: str = ""
    """A node label that the target sets itself."""

    def __call__(self) -> str:
        if not self.shown:
            return ""
        claim = f',node="{self.claims}"' if self.claims else ""
        return (
            f'sunward_node_power_watts{{source="ina219"{claim}}} {self.watts}\n'
            f'sunward_node_last_sample_timestamp_seconds{{source="ina219"{claim}}} {self.sampled()!r}\n'
        )


@dataclass(slots=True)
class Rig:
    """The world in real time, its exporters, and the Prometheus between them."""

    world: World
    process: Process
    sensors: PrometheusSensors
    pages: dict[str, Page]
    address: str
    passes: int = 0

    @property
    def source(self) -> PrometheusSource:
        """The Prometheus that the operator asks."""
        return self.sensors.source

    async def run_pass(self) -> None:
        """One pass of the operator, and as much time for the world as has truly passed."""
        await asyncio.sleep(PASS_SECONDS)
        self.world.advance(datetime.now(UTC) - self.world.now)
        await self.process.tick()
        self.passes += 1

    async def until(self, holds: Callable[[], bool], seconds: float) -> float | None:
        """Seconds of passes until something holds; None when it does not in time."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            await self.run_pass()
            if holds():
                return time.monotonic() - begun
        return None

    def says(self, reason: Reason) -> bool:
        """Whether a condition of the victim names the reason."""
        body = self.world.store.find("energynodes", VICTIM) or {}
        conditions = (body.get("status") or {}).get("conditions") or ()
        return any(c["status"] != "True" and reason.value in (c["reason"], *_words(c["message"])) for c in conditions)

    async def is_well(self) -> bool:
        """Whether Prometheus itself has a sound and fresh value of the victim again."""
        with contextlib.suppress(Exception):
            found = await self.source.meters({VICTIM: NodeLimits()}, datetime.now(UTC))
            reading = found[VICTIM].power_watts
            age = (datetime.now(UTC) - reading.time).total_seconds() if isinstance(reading, Measurement) else None
            return age is not None and -5.0 < age < STALE_AFTER_SECONDS
        return False


def _words(message: str) -> list[str]:
    return message.replace(":", " ").replace(";", " ").split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault: how it begins and ends, and the reason that must show. A meter that lied is doubted for minutes."""

    reason: Reason
    begin: Callable[[Rig], None]
    end: Callable[[Rig], None]
    passes_at_once: bool = True


def _victim(**changes: object) -> Callable[[Rig], None]:
    def change(rig: Rig) -> None:
        rig.pages[VICTIM] = replace(rig.pages[VICTIM], **changes)  # type: ignore[arg-type]

    return change


def _other(name: str, **changes: object) -> Callable[[Rig], None]:
    def change(rig: Rig) -> None:
        rig.pages[name] = replace(rig.pages[name], **changes)  # type: ignore[arg-type]

    return change


def _stopped(rig: Rig) -> None:
    then = time.time()
    rig.pages[VICTIM] = replace(rig.pages[VICTIM], sampled=lambda: then)


def _go_away(rig: Rig) -> None:
    """Nobody listens where the operator asks."""
    _ask_at(rig, f"http://127.0.0.1:{free_port()}")


def _come_back(rig: Rig) -> None:
    _ask_at(rig, rig.address)


def _ask_at(rig: Rig, url: str) -> None:
    rig.source.settings = rig.source.settings.model_copy(update={"url": url})


HEALTHY = {"watts": f"{IDLE_WATTS}", "sampled": time.time, "shown": True, "claims": ""}
ROWS: dict[str, Row] = {
    "stale with fresh evaluation time": Row(reason=Reason.DATA_STALE, begin=_stopped, end=_victim(**HEALTHY)),
    "clock ahead": Row(
        reason=Reason.CLOCK_SKEW, begin=_victim(sampled=lambda: time.time() + 300.0), end=_victim(**HEALTHY)
    ),
    "no series": Row(reason=Reason.DATA_MISSING, begin=_victim(shown=False), end=_victim(**HEALTHY)),
    "two series": Row(
        reason=Reason.AMBIGUOUS_METRIC, begin=_other("twin", shown=True), end=_other("twin", shown=False)
    ),
    "Prometheus is gone": Row(
        reason=Reason.DATA_UNAVAILABLE,
        begin=_go_away,
        end=_come_back,
    ),
    "not a number": Row(
        reason=Reason.NOT_A_NUMBER, begin=_victim(watts="NaN"), end=_victim(**HEALTHY), passes_at_once=False
    ),
    "below zero": Row(
        reason=Reason.NEGATIVE_VALUE, begin=_victim(watts="-3"), end=_victim(**HEALTHY), passes_at_once=False
    ),
    "milliwatts": Row(
        reason=Reason.ABOVE_NAMEPLATE, begin=_victim(watts="2700"), end=_victim(**HEALTHY), passes_at_once=False
    ),
}
SPOOF = Row(
    reason=Reason.AMBIGUOUS_METRIC,
    begin=_other("stranger", claims=VICTIM, shown=True),
    end=_other("stranger", claims="", shown=False),
)
"""Where Prometheus honours the labels of targets, a stranger speaks for another node."""


@dataclass(slots=True)
class Seen:
    """What came of a row."""

    violations: list[str] = field(default_factory=list)
    shown_after_seconds: float | None = None
    passes_until_gone: int | None = None


async def play(rig: Rig, row: Row) -> Seen:
    """One row: bad data, the reason, an order to sleep that is not followed, good data."""
    seen = Seen()
    override(rig.world, VICTIM, "Awake")
    before = len(switches(rig))
    row.begin(rig)
    seen.shown_after_seconds = await rig.until(lambda: rig.says(row.reason), SHOWS_WITHIN_SECONDS)
    if seen.shown_after_seconds is None:
        seen.violations.append(f"{row.reason} does not show within a minute")
    override(rig.world, VICTIM, "Asleep")
    for _ in range(ORDERED_PASSES):
        await rig.run_pass()
        if rig.world.power(VICTIM) != "Awake" or len(switches(rig)) > before:
            seen.violations.append(f"{VICTIM} is {rig.world.power(VICTIM)} on bad data")
    override(rig.world, VICTIM, "Awake")
    row.end(rig)
    if row.passes_at_once:
        await _recover(rig, row, seen)
    return seen


async def _recover(rig: Rig, row: Row, seen: Seen) -> None:
    deadline = time.monotonic() + SHOWS_WITHIN_SECONDS
    while not await rig.is_well():
        await rig.run_pass()
        if time.monotonic() > deadline:
            seen.violations.append("Prometheus has no good value again")
            return
    begun = rig.passes
    await rig.until(lambda: not rig.says(row.reason), SHOWS_WITHIN_SECONDS)
    seen.passes_until_gone = rig.passes - begun
    if seen.passes_until_gone > GONE_WITHIN_PASSES:
        seen.violations.append(f"{row.reason} still shows {seen.passes_until_gone} passes after the data came back")


async def sleeps_on_good_data(rig: Rig) -> list[str]:
    """The control: with the same order and good data the node does sleep. A new process has no doubts from before."""
    rig.process = Process(rig.world, "next", sensors=rig.sensors)
    override(rig.world, VICTIM, "Asleep")
    slept = await rig.until(lambda: rig.world.power(VICTIM) == "Asleep", SLEEPS_WITHIN_SECONDS)
    return [] if slept is not None else [f"{VICTIM} does not sleep on good data: it is {rig.world.power(VICTIM)}"]


def switches(rig: Rig) -> list[object]:
    """Orders to the victim's relay so far."""
    return [write.body for write in rig.world.writes if write.verb == "switch" and write.body["node"] == VICTIM]


@asynccontextmanager
async def rigged(folder: Path, *, honor_labels: bool = False) -> AsyncIterator[Rig]:
    """A world with an exporter per node, a twin of the victim and a stranger that are silent, and a real Prometheus."""
    pages = {name: Page() for name in ("hub", *WORKERS)}
    pages |= {"twin": Page(shown=False), "stranger": Page(shown=False)}
    async with contextlib.AsyncExitStack() as stack:
        ports = [
            (stack.enter_context(exporting(lambda name=name: pages[name]())), VICTIM if name == "twin" else name)  # type: ignore[misc]
            for name in pages
        ]
        configuration = scrape_configuration(ports, honor_labels=honor_labels)
        source = await stack.enter_async_context(prometheus(folder, configuration))
        world = World(period_seconds=60, jobs=False)
        world.now = datetime.now(UTC)
        world.store.patch(ours("energypolicies", "default"), {"spec": {"stalenessLimits": {"sensorsSeconds": 10}}})
        override(world, VICTIM, "Awake")
        for name in set(WORKERS) - {VICTIM}:
            world.store.patch(ours("energynodes", name), {"spec": {"sleep": {"driver": "None"}}})
        sensors = PrometheusSensors(source=source)
        process = Process(world, "op", sensors=sensors)
        rig = Rig(world=world, process=process, sensors=sensors, pages=pages, address=source.settings.url)
        if await rig.until(lambda: not any(map(rig.says, (Reason.DATA_MISSING, Reason.DATA_STALE))), 60.0) is None:
            raise TimeoutError("the exporters are never scraped")
        yield rig
