"""The runs of the study: searches for tunings, trainings with fresh seeds, and what each policy is worth.

Pieces are independent and named at module level, so that they can be handed to other processes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunward.simulation.experiments.bench import Crew, one_core
from sunward.simulation.experiments.offloading import exact
from sunward.simulation.experiments.offloading.acting import Policy, actions_of, chosen, features, reward
from sunward.simulation.experiments.offloading.learners import LEARNERS, learn
from sunward.simulation.experiments.offloading.lessons import Budget, Tuning
from sunward.simulation.experiments.offloading.model import (
    DECLARED,
    INSIDE,
    MOST_HERTZ,
    MOST_WATTS,
    OUTSIDE,
    Column,
    Ranges,
    States,
    draw,
    grams,
    is_in_time,
    joules,
    repaired,
)
from sunward.simulation.experiments.offloading.networks import Matrix

TEST_SEED: Final = 90_001
VALIDATION_SEED: Final = 90_002
TRIAL_SEED: Final = 50_000
OUTSIDE_SEED: Final = 90_100
_CURVE_POINTS: Final = 20
_VALIDATION_STATES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much the study may do: seeds, trials of the search, states of the test, and the budget of a training."""

    seeds: int = 10
    trials: int = 20
    trial_share: float = 0.1
    test_states: int = 2_000
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One training."""

    learner: str
    seed: int
    budget: Budget
    tuning: Tuning
    test_states: int
    is_trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What choices are worth on a set of states.

    `gap_percent` is grams to send above the exact optimum after repair, a ratio of sums; `task_gap_percent` the same
    with the server's steps on both sides; `in_time_percent` counts before the repair.
    """

    gap_percent: float
    task_gap_percent: float
    in_time_percent: float
    reward: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of a training's curve."""

    samples: int
    reward: float
    gap_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One training and its scores; times are of the processor."""

    piece: Piece
    inside: Score
    outside: dict[str, Score]
    curve: tuple[Point, ...]
    training_seconds: float
    microseconds: float
    mapped: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Yard:
    """States with their optimum."""

    states: States
    best: exact.Choice

    @classmethod
    def drawn(cls, count: int, seed: int, ranges: Ranges = INSIDE) -> Yard:
        """States of a seed."""
        states = draw(count, np.random.default_rng(seed), ranges)
        return cls(states=states, best=exact.solve(states))

    def score(self, actions: Matrix) -> Score:
        """What actions are worth here."""
        hertz, watts = chosen(actions)
        return self.worth(hertz, watts, float(reward(self.states, actions).mean()))

    def worth(self, hertz: Column, watts: Column, mean_reward: float) -> Score:
        """What bandwidths and powers are worth here."""
        mended = joules(self.states, *repaired(self.states, hertz, watts))
        steps = DECLARED.steps * DECLARED.server_joules
        return Score(
            gap_percent=100.0 * self._above(mended, 0.0),
            task_gap_percent=100.0 * self._above(mended, steps),
            in_time_percent=100.0 * float(is_in_time(self.states, hertz, watts).mean()),
            reward=mean_reward,
        )

    def _above(self, energy: Column, besides: float) -> float:
        best = grams(self.states, self.best.joules + besides).sum()
        return float(grams(self.states, energy + besides).sum() / best - 1.0)

    def optimum(self) -> Score:
        """The exact optimum's own score, its reward among it."""
        actions = actions_of(self.best.hertz, self.best.watts)
        return self.worth(self.best.hertz, self.best.watts, float(reward(self.states, actions).mean()))


def map_states() -> States:
    """Distances in equal steps with mean fading, for the map of strategies: 4 and 12 Mbit within 0.8 s."""
    metres = np.tile(np.arange(50.0, 401.0, 25.0), 2)
    return States(
        gain=10.0 ** (-(30.5 + 36.7 * np.log10(metres)) / 10.0),
        bits=np.repeat([4.0e6, 12.0e6], len(metres) // 2),
        slot_seconds=np.full(len(metres), 0.8),
        grams_per_kilowatt_hour=np.full(len(metres), 350.0),
    )


def train(piece: Piece) -> Trained:
    """Train and score one policy."""
    watched = Yard.drawn(_VALIDATION_STATES, VALIDATION_SEED)
    rows = features(watched.states)
    curve: list[Point] = []
    every = max(1, piece.budget.updates // _CURVE_POINTS)
    spent = 0.0

    def seen(step: int, policy: Policy) -> None:
        nonlocal spent
        if piece.is_trial or (step + 1) % every:
            return
        began = time.process_time()
        score = watched.score(policy.actions(rows))
        samples = (step + 1) * piece.budget.samples // piece.budget.updates
        curve.append(Point(samples=samples, reward=score.reward, gap_percent=score.gap_percent))
        spent += time.process_time() - began

    with one_core():
        began = time.process_time()
        policy = learn(piece.learner, piece.seed, piece.budget, piece.tuning, seen)
        training = time.process_time() - began - spent
        return _scored(piece, policy, tuple(curve), training, watched)


def _scored(piece: Piece, policy: Policy, curve: tuple[Point, ...], training: float, watched: Yard) -> Trained:
    if piece.is_trial:
        score = watched.score(policy.actions(features(watched.states)))
        return Trained(
            piece=piece, inside=score, outside={}, curve=(), training_seconds=training, microseconds=float("nan")
        )
    yard = Yard.drawn(piece.test_states, TEST_SEED)
    rows = features(yard.states)
    began = time.process_time()
    actions = policy.actions(rows)
    per_state = (time.process_time() - began) / len(rows) * 1e6
    mapped = map_states()
    hertz, watts = repaired(mapped, *chosen(policy.actions(features(mapped))))
    return Trained(
        piece=piece,
        inside=yard.score(actions),
        outside={
            name: away.score(policy.actions(features(away.states))) for name, away in yards_outside(piece.test_states)
        },
        curve=curve,
        training_seconds=training,
        microseconds=per_state,
        mapped=tuple(zip(hertz.tolist(), watts.tolist(), strict=True)),
    )


def yards_outside(count: int) -> list[tuple[str, Yard]]:
    """States that no training has seen, by what is new in them."""
    return [(name, Yard.drawn(count, OUTSIDE_SEED + n, ranges)) for n, (name, ranges) in enumerate(OUTSIDE.items())]


def tunings(trials: int) -> list[Tuning]:
    """The same draws for every learner."""
    generator = np.random.default_rng(TRIAL_SEED)
    return [
        Tuning(
            rate=float(10.0 ** generator.uniform(-3.7, -2.3)),
            critic_rate=float(10.0 ** generator.uniform(-3.5, -2.3)),
            noise=float(generator.uniform(0.05, 0.4)),
            clip=float(generator.uniform(0.1, 0.3)),
        )
        for _ in range(trials)
    ]


def searched(effort: Effort, crew: Crew) -> dict[str, Tuning]:
    """The tuning with the least gap on validation states after a share of the budget, by learner."""
    budget = effort.budget.part(effort.trial_share)
    pieces = [
        Piece(learner=name, seed=TRIAL_SEED + n, budget=budget, tuning=tuning, test_states=0, is_trial=True)
        for name in LEARNERS
        for n, tuning in enumerate(tunings(effort.trials))
    ]
    found = crew.each(train, pieces, alone=True)
    best: dict[str, Trained] = {}
    for one in found:
        before = best.get(one.piece.learner)
        if before is None or one.inside.gap_percent < before.inside.gap_percent:
            best[one.piece.learner] = one
    return {name: one.piece.tuning for name, one in best.items()}


def trained(effort: Effort, crew: Crew, chosen_tunings: dict[str, Tuning]) -> list[Trained]:
    """Every learner with every seed."""
    pieces = [
        Piece(
            learner=name,
            seed=seed,
            budget=effort.budget,
            tuning=chosen_tunings[name],
            test_states=effort.test_states,
        )
        for name in LEARNERS
        for seed in range(effort.seeds)
    ]
    return crew.each(train, pieces, alone=True)


def fixed_choices(yard: Yard) -> dict[str, Score]:
    """Policies that learn nothing: everything at its most, and chance."""
    count = len(yard.states)
    most = actions_of(np.full(count, MOST_HERTZ), np.full(count, MOST_WATTS))
    chance = np.random.default_rng(TEST_SEED + 1).uniform(-1.0, 1.0, (count, 2)).astype(np.float32)
    return {"full bandwidth and power": yard.score(most), "random": yard.score(chance)}


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half; quarters of a run count in part, so that any number of seeds will do."""
    return float(interquartile_means(np.asarray(values, dtype=np.float64)[None, :])[0])


def interquartile_means(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the middle half of each row: (rows, values) to (rows,)."""
    ordered = np.sort(rows, axis=1)
    edges = np.arange(ordered.shape[1] + 1) / ordered.shape[1]
    weights = np.maximum(0.0, np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25))
    means: NDArray[np.float64] = (ordered * weights).sum(axis=1) / weights.sum()
    return means
