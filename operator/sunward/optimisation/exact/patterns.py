"""A search for when nodes are on, where they sleep for whole periods: small changes, each settled by a linear model.

Given who is on, the rest is a linear model that is solved again from its last basis in a few milliseconds. Its slopes
say which changes could help, and are kept as cuts: whatever they rule out is not tried. Where small changes find
nothing more, some nodes or periods are freed and rounded anew, as far as their relaxation promises a gain. The effort
is counted in linear models, so that the answer does not depend on how busy the machine is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from sunward.optimisation.exact.moves import moves, spans
from sunward.optimisation.exact.on_off import SleepRules
from sunward.optimisation.model.draft import NodePeriods, OnOff
from sunward.optimisation.model.matrix import Floats, scaled
from sunward.optimisation.model.plan_model import PlanModel
from sunward.optimisation.model.resolving import Reply, Resolver

THRESHOLDS = (0.5, 0.2, 0.05)
"""Shares of a period from which a relaxation's node counts as on, for patterns to begin with."""
BETTER = 1 - 1e-6
"""Share of the best plan's emissions below which another one is better."""
PATIENCE = (60, 240, 960)
"""Changes in a row without a gain before the next way of searching; longer when both ways have found nothing."""
ROUND_UP_SHARE = 0.25
"""Share of the open choices that a dive settles at once."""
NEARLY = 0.7
"""Choices at this share of the largest one, or above, are settled together with it."""
SURE = 1e-3


@dataclass(slots=True, kw_only=True, eq=False)
class PatternSearch:
    """State of one search; `best` and `grams` are what it has found so far."""

    rules: SleepRules
    resolver: Resolver
    limit: int
    left: Callable[[], float]  # seconds
    shape: tuple[int, int]
    best: OnOff | None = None
    grams: float = np.inf
    slopes: NodePeriods = field(default_factory=lambda: np.zeros((0, 0)))
    seen: set[bytes] = field(default_factory=set)
    cut_bases: Floats = field(default_factory=lambda: np.zeros(0))  # (rows,)
    cut_slopes: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (rows, columns)

    @property
    def is_over(self) -> bool:
        """Whether the effort is spent."""
        return self.resolver.solves >= self.limit or self.left() <= 0

    def run(self, starts: Iterable[OnOff]) -> None:
        """Search from the best of these patterns."""
        everything = np.ones(self.shape, dtype=np.bool_)
        relaxed = self._ask(np.zeros(self.shape), everything.astype(float))
        roots = [] if relaxed is None else [relaxed.values.reshape(self.shape) > share for share in THRESHOLDS]
        for pattern in (*starts, *roots, everything):
            self._try(self.rules.mended(pattern))
        rounded = self._dive(everything)
        if rounded is not None:
            self._try(self.rules.mended(rounded))
        for patience in PATIENCE if self.best is not None else ():
            while self._improve(patience) and not self.is_over:
                pass

    def _improve(self, patience: int) -> bool:
        """Both ways once; whether that has found anything."""
        before = self.grams
        while not self.is_over and self._step(patience):
            pass
        for free in _neighbourhoods(self.shape):
            if self.is_over:
                break
            rounded = self._dive(free)
            if rounded is not None:
                self._try(self.rules.mended(rounded))
        return self.grams < before * BETTER

    def _step(self, patience: int) -> bool:
        """The first small change that helps; False where none does among the most promising."""
        assert self.best is not None
        for other in moves(self.best, self.slopes, self.rules, spans(self.shape[1])):
            if patience <= 0 or self.is_over:
                return False
            if other.tobytes() in self.seen or self._ruled_out(other):
                continue
            patience -= 1
            if self._try(other):
                return True
        return False

    def _try(self, pattern: OnOff) -> bool:
        """Settle a pattern, and keep it if it is the best; whether it is."""
        if pattern.tobytes() in self.seen or self.is_over or not self.rules.fits(pattern):
            return False
        self.seen.add(pattern.tobytes())
        on = pattern.astype(float)
        reply = self._ask(on, on)
        if reply is None:
            return False
        self.cut_bases = np.append(self.cut_bases, reply.cost - float(reply.slopes @ on.ravel()))
        self.cut_slopes = np.vstack([self.cut_slopes.reshape(-1, on.size), reply.slopes])
        if reply.cost >= self.grams * BETTER:
            return False
        self.best, self.grams, self.slopes = pattern.copy(), reply.cost, reply.slopes.reshape(self.shape)
        return True

    def _ruled_out(self, pattern: OnOff) -> bool:
        least = np.max(self.cut_bases + self.cut_slopes @ pattern.ravel().astype(float), initial=0.0)
        return bool(least >= self.grams * BETTER)

    def _ask(self, lower: NodePeriods, upper: NodePeriods) -> Reply | None:
        return self.resolver.solve(lower.ravel(), upper.ravel(), seconds=self.left())

    def _dive(self, free: OnOff) -> OnOff | None:
        """The best pattern with the choices in `free` made anew, the clearest first; None once it cannot be better."""
        best = np.ones(self.shape) if self.best is None else self.best.astype(float)
        lower, upper = np.where(free, 0.0, best), np.where(free, 1.0, best)
        while not self.is_over:
            reply = self._ask(lower, upper)
            if reply is None or reply.cost >= self.grams * BETTER:
                return None
            values = reply.values.reshape(self.shape)
            lower[(lower < upper) & (values > 1 - SURE)] = 1.0
            open_choices = (lower < upper) & (values > SURE)
            if not open_choices.any():
                return lower > 0.5
            _settle_clearest(values, open_choices, lower)
        return None


def _settle_clearest(values: NodePeriods, open_choices: OnOff, lower: NodePeriods) -> None:
    """Switch on the largest of the open choices, in place."""
    size = np.where(open_choices, values, -1.0).ravel()
    count = max(1, int(np.sum(open_choices) * ROUND_UP_SHARE))
    largest = np.argsort(-size, kind="stable")[:count]
    lower.ravel()[largest[size[largest] >= NEARLY * size.max()]] = 1.0


def _neighbourhoods(shape: tuple[int, int]) -> Iterator[OnOff]:
    """What is freed together: windows of time with all nodes, then two nodes over all the time."""
    nodes, periods = shape
    for width in sorted({max(1, periods // 4), max(1, periods // 2)}):
        for start in range(0, periods - width + 1, max(1, width // 2)):
            free = np.zeros(shape, dtype=np.bool_)
            free[:, start : start + width] = True
            yield free
    for apart in range(1, nodes):
        for one in range(nodes - apart):
            free = np.zeros(shape, dtype=np.bool_)
            free[[one, one + apart]] = True
            yield free


def pattern_search(plan: PlanModel, grams: float, *, limit: int, left: Callable[[], float]) -> PatternSearch:
    """A search over the nodes that may sleep for whole periods; `grams` is a typical objective, `limit` the number of
    linear models, `left` says the seconds that remain."""
    problem = plan.problem
    model = plan.matrix.arrays()
    chosen = sleepers(plan)
    columns = np.array([[plan.on[i, t] for t in plan.periods] for i in chosen], dtype=np.int64)
    most = problem.policy.maximum_asleep_nodes
    return PatternSearch(
        rules=SleepRules(
            nodes=tuple(problem.nodes[i] for i in chosen), most_asleep=len(problem.nodes) if most is None else most
        ),
        resolver=Resolver(scaled(model, grams), columns.ravel()),
        limit=limit,
        left=left,
        shape=(len(chosen), problem.period_count),
    )


def sleepers(plan: PlanModel) -> list[int]:
    """Nodes whose being on is a choice, by index."""
    return [i for i, _ in enumerate(plan.problem.nodes) if plan.matrix.integer[plan.on[i, 0]]]
