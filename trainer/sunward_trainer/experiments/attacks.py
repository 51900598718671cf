"""What a bad worker may send in place of what it trained. Each attack is one function of the update and its start."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.models import Weights
from sunward_trainer.protocol.rounds import WorkerReply

Attack = Callable[[Weights, Weights, np.random.Generator], Weights]
"""Of the trained weights and those of the round, (parameters,) both, and a source of chance; what is sent instead."""


def _times_a_thousand(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    del start, chance
    return trained * np.float32(1000.0)


def _flipped(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    """As far from the start as was trained, in the opposite direction."""
    del chance
    return 2 * start - trained


def _flipped_strongly(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    """In the opposite direction, four times as far: within the usual bound on the norm."""
    del chance
    return start - 4 * (trained - start)


def _noise(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    del start
    return chance.standard_normal(trained.shape).astype(np.float32)


def _not_a_number(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    """A single NaN."""
    del start, chance
    spoilt = trained.copy()
    spoilt[len(spoilt) // 2] = np.nan
    return spoilt


def _zeros(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    del start, chance
    return np.zeros_like(trained)


def _nothing_learnt(trained: Weights, start: Weights, chance: np.random.Generator) -> Weights:
    """The round's weights as they were."""
    del trained, chance
    return start.copy()


ATTACKS: Final[Mapping[str, Attack]] = MappingProxyType(
    {
        "weights x 1000": _times_a_thousand,
        "noise": _noise,
        "one NaN": _not_a_number,
        "sign-flipped": _flipped,
        "sign-flipped x 4": _flipped_strongly,
        "zeros": _zeros,
        "no change": _nothing_learnt,
    }
)
"""By name, in the order of the table."""


@dataclass(frozen=True, slots=True)
class BadWorker:
    """Replaces every update of one worker; `seed` drives its noise."""

    node: str
    attack: Attack
    seed: int

    def tamper(self, reply: WorkerReply, start: Weights) -> WorkerReply:
        """The reply as it is sent; that of another worker stays what it was. `start` is (parameters,)."""
        if reply.node != self.node:
            return reply

        def instead(update: Update) -> Update:
            chance = np.random.default_rng((self.seed, reply.round_number, zlib.crc32(update.shard.encode())))
            return replace(update, weights=self.attack(update.weights, start, chance))

        return replace(reply, updates=tuple(map(instead, reply.updates)))
