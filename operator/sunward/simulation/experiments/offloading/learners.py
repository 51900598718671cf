"""Learners of bandwidth and power: by reward, by exact labels, or through the model. All have the same budget.

An action is a pair in [-1, 1]: logarithms of bandwidth and power over their ranges. The reward is the negative of the
energy to send, weighed by the grid, less a penalty for being late. Every learner sees the same number of states, takes
the same number of steps on as many rows, and has networks of the same width."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading import exact
from sunward.simulation.experiments.offloading.acting import (
    ACTIONS,
    FEATURES,
    Policy,
    actions_of,
    features,
    reward,
    reward_slopes,
)
from sunward.simulation.experiments.offloading.lessons import Budget, Lesson, Seen, Tuning
from sunward.simulation.experiments.offloading.model import (
    States,
)
from sunward.simulation.experiments.offloading.networks import Adam, Matrix, Network
from sunward.simulation.experiments.offloading.policies import STEPS, Diffusion, Plain
from sunward.simulation.experiments.offloading.ppo import ppo


def _supervised(lesson: Lesson) -> Policy:
    """A network that imitates the exact optimum."""
    states = lesson.drawn()
    rows, labels, policy = features(states), _labels(states), Plain(lesson.generator)
    adam = Adam(policy.network.parameters)
    for step in range(lesson.budget.updates):
        batch = lesson.batch(len(rows))
        error = policy.actions(rows[batch]) - labels[batch]
        adam.step(policy.gradients(error / len(batch)), lesson.rate(step, lesson.tuning.rate))
        lesson.seen(step, policy)
    return policy


def _labels(states: States) -> Matrix:
    choice = exact.solve(states)
    return actions_of(choice.hertz, choice.watts)


def _through_model(lesson: Lesson) -> Policy:
    """A network that climbs the reward by the derivatives of the model itself."""
    states = lesson.drawn()
    rows, policy = features(states), Plain(lesson.generator)
    adam = Adam(policy.network.parameters)
    for step in range(lesson.budget.updates):
        batch = lesson.batch(len(rows))
        slopes = reward_slopes(states.rows(batch), policy.actions(rows[batch]))
        adam.step(policy.gradients(-slopes / len(batch)), lesson.rate(step, lesson.tuning.rate))
        lesson.seen(step, policy)
    return policy


def _diffusion_imitation(lesson: Lesson) -> Policy:
    """A diffusion policy that learns to take the noise off exact labels."""
    states = lesson.drawn()
    rows, labels, policy = features(states), _labels(states), Diffusion(lesson.generator)
    adam = Adam(policy.network.parameters)
    for step in range(lesson.budget.updates):
        batch = lesson.batch(len(rows))
        level = int(lesson.generator.integers(0, STEPS))
        noise = lesson.generator.standard_normal((len(batch), ACTIONS)).astype(np.float32)
        point = np.sqrt(policy.kept[level]) * labels[batch] + np.sqrt(1.0 - policy.kept[level]) * noise
        error = policy.network.forward(policy.inputs(rows[batch], point, level)) - noise
        adam.step(policy.network.backward(error / len(batch))[0], lesson.rate(step, lesson.tuning.rate))
        lesson.seen(step, policy)
    return policy


class _Critic:
    """The guess of a reward, learned from what was tried; the same for both policies that follow it."""

    def __init__(self, lesson: Lesson) -> None:
        self.network = Network.fresh(FEATURES + ACTIONS, 1, lesson.generator)
        self._adam = Adam(self.network.parameters)
        self._lesson = lesson

    def learn(self, rows: Matrix, actions: Matrix, rewards: Matrix, step: int) -> None:
        """One step towards the rewards."""
        error = self.network.forward(np.concatenate([rows, actions], axis=1)) - rewards[:, None]
        self._adam.step(
            self.network.backward(error / len(rows))[0], self._lesson.rate(step, self._lesson.tuning.critic_rate)
        )

    def slopes(self, rows: Matrix, actions: Matrix) -> Matrix:
        """Derivatives of the guess by the actions."""
        guess = self.network.forward(np.concatenate([rows, actions], axis=1))
        found: Matrix = self.network.backward(np.ones_like(guess))[1][:, FEATURES:]
        return found


def _follow_critic(lesson: Lesson, policy: Plain | Diffusion, explore: Callable[[Matrix], Matrix]) -> Policy:
    """Try, learn the critic from all that was tried, and move the policy to where the critic guesses more."""
    states = lesson.drawn()
    rows = features(states)
    tried = np.zeros((len(rows), ACTIONS), dtype=np.float32)
    rewards = np.zeros(len(rows), dtype=np.float32)
    critic, adam = _Critic(lesson), Adam(policy.network.parameters)
    each = lesson.budget.samples // lesson.budget.updates
    for step in range(lesson.budget.updates):
        new = slice(step * each, (step + 1) * each)
        noise = lesson.tuning.noise * lesson.generator.standard_normal((each, ACTIONS))
        tried[new] = np.clip(explore(rows[new]) + noise, -1.0, 1.0)
        rewards[new] = reward(states.rows(np.arange(new.start, new.stop)), tried[new])
        batch = lesson.batch(new.stop)
        critic.learn(rows[batch], tried[batch], rewards[batch], step)
        slopes = critic.slopes(rows[batch], explore(rows[batch]))
        adam.step(policy.gradients(-slopes / len(batch)), lesson.rate(step, lesson.tuning.rate))
        lesson.seen(step, policy)
    return policy


def _plain_critic(lesson: Lesson) -> Policy:
    """DDPG for tasks of one step: a plain actor with the diffusion policy's critic, the control of the comparison."""
    policy = Plain(lesson.generator)
    return _follow_critic(lesson, policy, policy.actions)


def _diffusion_critic(lesson: Lesson) -> Policy:
    """The paper's way: a diffusion policy that follows a critic."""
    policy = Diffusion(lesson.generator)
    return _follow_critic(lesson, policy, lambda rows: policy.sampled(rows, noise=1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A way to learn, by name; `sees` says what it learns from."""

    name: str
    sees: str
    learn: Callable[[Lesson], Policy]


_ALL: Final = (
    Learner(name="GDM, critic", sees="rewards", learn=_diffusion_critic),
    Learner(name="plain actor, same critic", sees="rewards", learn=_plain_critic),
    Learner(name="PPO", sees="rewards", learn=ppo),
    Learner(name="GDM, imitation", sees="exact labels", learn=_diffusion_imitation),
    Learner(name="MLP, imitation", sees="exact labels", learn=_supervised),
    Learner(name="MLP through the model", sees="the model", learn=_through_model),
)


LEARNERS: Final[Mapping[str, Learner]] = {learner.name: learner for learner in _ALL}


def learn(name: str, seed: int, budget: Budget, tuning: Tuning, seen: Seen = lambda _step, _policy: None) -> Policy:
    """A policy learned with this seed."""
    lesson = Lesson(np.random.default_rng(seed), budget, tuning, seen)
    return LEARNERS[name].learn(lesson)
