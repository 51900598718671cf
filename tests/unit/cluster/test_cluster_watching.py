"""Watches that die are opened again, in a thread where nothing of ours can be cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sunward.cluster.access.watching import again_and_again


class Watches:
    """Dies as often as it is told, each time with an error, then watches until its end."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths
        self.threads: list[threading.Thread] = []
        self.errors: list[str] = []
        self.ended_well = False
        self.alive = asyncio.Event()
        self.home = asyncio.get_running_loop()

    async def watch(self, over: asyncio.Event) -> None:
        self.threads.append(threading.current_thread())
        if len(self.threads) <= self.deaths:
            raise ValueError(f"garbage {len(self.threads)}")
        self.home.call_soon_threadsafe(self.alive.set)
        await over.wait()
        self.ended_well = True

    def failed(self, error: Exception) -> None:
        self.errors.append(str(error))


async def lives(watches: Watches) -> None:
    """Watch, and stop as soon as one run has not died."""
    stop = asyncio.Event()
    task = asyncio.create_task(again_and_again(watches.watch, stop, watches.failed, pause_seconds=0.0))
    async with asyncio.timeout(10):
        await watches.alive.wait()
        stop.set()
        await task


@pytest.mark.parametrize("deaths", [0, 1, 3])
async def test_watches_that_die_begin_anew_and_each_death_is_told(deaths: int) -> None:
    watches = Watches(deaths)
    await lives(watches)
    assert watches.errors == [f"garbage {number + 1}" for number in range(deaths)]
    assert watches.ended_well


async def test_no_run_shares_an_event_loop_with_the_rest() -> None:
    watches = Watches(1)
    await lives(watches)
    assert threading.current_thread() not in watches.threads


async def test_watches_that_end_without_a_word_are_begun_anew_too() -> None:
    stop, runs, told = asyncio.Event(), [0], list[str]()

    async def watch(over: asyncio.Event) -> None:
        runs[0] += 1
        if runs[0] > 1:
            await over.wait()

    def failed(error: Exception) -> None:
        told.append(str(error))
        asyncio.get_running_loop().call_later(0.05, stop.set)

    async with asyncio.timeout(10):
        await again_and_again(watch, stop, failed, pause_seconds=0.0)
    assert told == ["the watches ended unexpectedly or missed events"]


async def test_what_dies_while_everything_stops_is_no_failure() -> None:
    stop, told = asyncio.Event(), list[Exception]()

    async def watch(over: asyncio.Event) -> None:
        await over.wait()
        raise ValueError("too late to matter")

    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(10):
        await again_and_again(watch, stop, told.append, pause_seconds=0.0)
    assert told == []


@pytest.mark.parametrize("listens", [True, False])
async def test_watches_that_bring_nothing_are_ended_and_begun_anew(
    listens: bool,
) -> None:
    """Also those that do not listen when they are told to end."""
    watches, stop, blind = Watches(0), asyncio.Event(), [True]

    async def watch(over: asyncio.Event) -> None:
        if blind[0]:
            await (over.wait() if listens else asyncio.Event().wait())
        else:
            await watches.watch(over)

    def failed(error: Exception) -> None:
        watches.failed(error)
        blind[0] = False
        asyncio.get_running_loop().call_later(0.1, stop.set)

    async with asyncio.timeout(10):
        await again_and_again(
            watch,
            stop,
            failed,
            is_blind=lambda: blind[0],
            pause_seconds=0.0,
            patience_seconds=0.05,
            end_seconds=0.1,
        )
    assert watches.errors == ["the watches ended unexpectedly or missed events"]
    assert watches.ended_well
