"""Proximal policy optimisation (Schulman et al. 2017) with a normal policy; tasks have one step."""

from __future__ import annotations

from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading.acting import ACTIONS, FEATURES, Policy, features, reward
from sunward.simulation.experiments.offloading.lessons import Lesson
from sunward.simulation.experiments.offloading.model import (
    States,
    draw,
)
from sunward.simulation.experiments.offloading.networks import Adam, Matrix, Network
from sunward.simulation.experiments.offloading.policies import Plain

_PPO_ROWS: Final = 2048


def ppo(lesson: Lesson) -> Policy:
    """Rounds of trying with the present policy, and steps on what was tried."""
    policy = Plain(lesson.generator)
    spread = [np.full(ACTIONS, np.log(max(lesson.tuning.noise, 1e-3)), dtype=np.float32)]
    value = Network.fresh(FEATURES, 1, lesson.generator)
    adams = (Adam([*policy.network.parameters, *spread]), Adam(value.parameters))
    rows_each = min(_PPO_ROWS, lesson.budget.samples)
    rounds = max(1, lesson.budget.samples // rows_each)
    steps = lesson.budget.updates // rounds
    for number in range(rounds):
        states = draw(rows_each, lesson.generator)
        _ppo_round(lesson, policy, spread[0], value, adams, states, range(number * steps, (number + 1) * steps))
    return policy


def _ppo_round(
    lesson: Lesson,
    policy: Plain,
    spread: Matrix,
    value: Network,
    adams: tuple[Adam, Adam],
    states: States,
    steps: range,
) -> None:
    rows = features(states)
    draws = lesson.generator.standard_normal((len(rows), ACTIONS)).astype(np.float32)
    tried = policy.actions(rows) + np.exp(spread) * draws
    rewards = reward(states, tried).astype(np.float32)
    before = -0.5 * (draws**2).sum(axis=1) - spread.sum()
    for step in steps:
        batch = lesson.batch(len(rows))
        error = value.forward(rows[batch])[:, 0] - rewards[batch]
        adams[1].step(value.backward(error[:, None] / len(batch))[0], lesson.rate(step, lesson.tuning.critic_rate))
        slopes, by_spread = _ppo_slopes(policy, spread, rows[batch], tried[batch], before[batch], -error, lesson)
        adams[0].step([*policy.gradients(slopes), by_spread], lesson.rate(step, lesson.tuning.rate))
        lesson.seen(step, policy)


def _ppo_slopes(
    policy: Plain, spread: Matrix, rows: Matrix, tried: Matrix, before: Matrix, gains: Matrix, lesson: Lesson
) -> tuple[Matrix, Matrix]:
    """Gradients of the clipped objective by the means and the logarithms of the spread."""
    gains = (gains - gains.mean()) / (gains.std() + 1e-8)
    scaled = (tried - policy.actions(rows)) / np.exp(spread)
    ratio = np.exp(np.clip(-0.5 * (scaled**2).sum(axis=1) - spread.sum() - before, -20.0, 20.0))
    clip = lesson.tuning.clip
    moves = np.where(gains > 0.0, ratio < 1.0 + clip, ratio > 1.0 - clip)
    weight = (-(gains * ratio * moves) / len(rows)).astype(np.float32)[:, None]
    return weight * scaled / np.exp(spread), (weight * (scaled**2 - 1.0)).sum(axis=0)
