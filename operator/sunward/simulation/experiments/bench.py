"""Where an experiment's independent pieces are computed: with which solver, and in how many processes.

Results come back in the order asked for, so that the number of processes never changes an answer. What is sent to
another process is named at module level and pickles. Knows nothing of what is computed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final, Protocol, TypeVar

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution

Solver = Callable[[Problem], Solution]
Item = TypeVar("Item")
Found = TypeVar("Found")
_CHUNKS_PER_PROCESS = 8


class Crew(Protocol):
    """Whoever does pieces of work."""

    def each(self, do: Callable[[Item], Found], items: Sequence[Item], *, alone: bool = False) -> list[Found]:
        """`do` of every item, in order; `alone` hands items out one by one, for pieces that take seconds."""


class OneProcess:
    """Does everything here, one piece after another; `tick` hears how many are done so far."""

    def __init__(self, tick: Callable[[int], None] = lambda _: None) -> None:
        """Nothing is done yet."""
        self._tick, self._done = tick, 0

    def each(self, do: Callable[[Item], Found], items: Sequence[Item], *, alone: bool = False) -> list[Found]:
        """`do` of every item, in order."""
        del alone
        return list(_counted(map(do, items), self._count))

    def _count(self) -> None:
        self._done += 1
        self._tick(self._done)


HERE: Final[Crew] = OneProcess()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A solver, and who does the work. The default does it in this process."""

    solve: Solver
    crew: Crew = HERE

    def each(self, do: Callable[[Solver, Item], Found], items: Sequence[Item]) -> list[Found]:
        """`do(solve, item)` of every item, in order."""
        return self.crew.each(partial(do, self.solve), items)


class ManyProcesses:
    """Does pieces in several processes; `tick` hears how many are done so far."""

    def __init__(self, pool: ProcessPoolExecutor, processes: int, tick: Callable[[int], None]) -> None:
        """Use an executor of this many processes, whose life is the caller's business."""
        self._pool, self._processes, self._tick, self._done = pool, processes, tick, 0

    def each(self, do: Callable[[Item], Found], items: Sequence[Item], *, alone: bool = False) -> list[Found]:
        """`do` of every item, in order; raises what a piece raised."""
        size = 1 if alone else max(1, len(items) // (_CHUNKS_PER_PROCESS * self._processes))
        return list(_counted(self._pool.map(do, items, chunksize=size), self._count))

    def _count(self) -> None:
        self._done += 1
        self._tick(self._done)


def _counted(found: Iterable[Found], count: Callable[[], None]) -> Iterator[Found]:
    """The same answers, each counted as it comes."""
    for one in found:
        count()
        yield one


@contextmanager
def one_core() -> Iterator[None]:
    """Matrix products on one core: small ones wait for each other on several, and long beside other work.

    Without the extra `experiments` they take what numpy gives them; results are the same.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def crew_of(processes: int | None = None, tick: Callable[[int], None] = lambda _: None) -> Iterator[Crew]:
    """A crew on as many processes as there are cores, or as many as said; one process is this one."""
    count = processes or os.cpu_count() or 1
    if count == 1:
        yield OneProcess(tick)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        yield ManyProcesses(pool, count, tick)
