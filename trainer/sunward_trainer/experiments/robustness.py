"""How accurate the model becomes when one of six workers sends something else than it trained.

Every attack meets every rule and, for comparison, no defence at all. The federation is the one of `in_process`: orders,
training, checks and rules are the product's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from sunward_trainer.experiments.attacks import ATTACKS, BadWorker
from sunward_trainer.in_process import Aggregator, Gated, rounds_in_process
from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import DataSet
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.robust import UpdateRule
from sunward_trainer.learning.shards import Shard, ShardSpecification, cut, take
from sunward_trainer.learning.training import Pair, Recipe
from sunward_trainer.protocol.assignment import RoundAssignment, ShardWork, WorkerAssignment
from sunward_trainer.protocol.rounds import RoundBook, WorkerReply

NO_ATTACK: Final = "none"
NO_DEFENCE: Final = "no defence"
HELD_WITHIN_POINTS: Final = 1.0
NODES: Final = tuple(f"pi-0{number}" for number in range(1, 7))
BAD: Final = NODES[-1]

_EVERY_RULE: Final = tuple(UpdateRule)
_WITH_ALL_THE_HONEST: Final = (UpdateRule.GATE, UpdateRule.MEDIAN, UpdateRule.TRIMMED_MEAN)
HOLDS: Final[Mapping[str, tuple[UpdateRule, ...]]] = MappingProxyType(
    {
        "weights x 1000": _WITH_ALL_THE_HONEST,
        "noise": _WITH_ALL_THE_HONEST,
        "one NaN": _WITH_ALL_THE_HONEST,
        "zeros": (UpdateRule.MEDIAN, UpdateRule.TRIMMED_MEAN),
        "no change": _WITH_ALL_THE_HONEST,
        "sign-flipped": (UpdateRule.MULTI_KRUM,),
        "sign-flipped x 4": (UpdateRule.MEDIAN, UpdateRule.TRIMMED_MEAN, UpdateRule.MULTI_KRUM),
    }
)
"""Which rules were measured to stay within a point against which attack, so that a loss of it is noticed.

Gate looks at sizes, and a flipped update has the usual size. Median and TrimmedMean keep to the middle of each
coordinate, which a flipped update of the usual size still moves. MultiKrum averages one worker less than the others do.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How much is trained: `samples` of each shard, `steps` batches of each shard in each of the rounds."""

    seeds: tuple[int, ...] = (0, 1, 2)
    rounds: int = 30
    steps: int = 20
    samples: int = 250
    model: str = "mnist-mlp"
    batch_size: int = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Accuracy on the test set after the last round, one figure for each seed."""

    attack: str
    defence: str
    accuracies_percent: tuple[float, ...]

    @property
    def mean_percent(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.accuracies_percent))


@dataclass(slots=True)
class _Trusting(RoundBook):
    """A book that takes whatever comes."""

    def accept(self, pair: Pair, node: str, update: Update) -> None:
        """Without a look at it."""
        del pair, node
        self.updates.append(update)


class Undefended:
    """The average of everything, as it was sent: what the product does not do."""

    def open(self, number: int, owed: Mapping[str, int], *, parameters: int) -> RoundBook:
        """A book that takes whatever comes."""
        del parameters
        return _Trusting(number=number, owed=owed)

    def close(self, book: RoundBook, start: Weights) -> Weights:
        """The plain mean weighted by batches; `start`, (parameters,), plays no part."""
        del start
        with np.errstate(all="ignore"):
            weighted = sum(update.weights.astype(np.float64) * update.batches for update in book.updates)
            return np.asarray(weighted / book.arrived.total()).astype(np.float32)


DEFENCES: Final[Mapping[str, Callable[[], Aggregator]]] = MappingProxyType(
    {NO_DEFENCE: Undefended, **{str(rule): partial(Gated, rule) for rule in UpdateRule}}
)


@dataclass(slots=True)
class Federation:
    """Six workers with a shard each, made once for each seed."""

    data: DataSet
    setting: Setting
    _shards: dict[int, Mapping[str, Shard]] = field(default_factory=dict)

    def accuracy_percent(self, attack: str, defence: str, seed: int) -> float:
        """Of the model after the last round. An attack that ends the training by a model of NaN leaves its accuracy."""
        setting = self.setting
        model = build_model(setting.model, self.data.classes)
        rounds = rounds_in_process(
            model=(setting.model, self.data.classes),
            weights=model.initial(seed),
            shards=self._shards_of(seed),
            recipe=Recipe(batch_size=setting.batch_size, learning_rate=0.05, momentum=0.9, seed=seed),
            assignment_of=lambda _number: self._assignment(),
            steps_per_round=setting.steps,
            aggregator=DEFENCES[defence](),
            tamper=self._tamper(attack, seed),
        )
        test = self.data.evaluation_set()
        with np.errstate(all="ignore"):
            last = next(result for result in rounds if result.round_number == setting.rounds)
            return model.accuracy_percent(last.weights, test.images, test.labels, finite=False)

    def _tamper(self, attack: str, seed: int) -> Callable[[WorkerReply, Weights], WorkerReply]:
        if attack == NO_ATTACK:
            return lambda reply, _start: reply
        return BadWorker(BAD, ATTACKS[attack], seed).tamper

    def _shards_of(self, seed: int) -> Mapping[str, Shard]:
        if seed not in self._shards:
            wanted = [ShardSpecification(name=f"s-{n}", node=n, samples=self.setting.samples) for n in NODES]
            indices = cut(self.data, wanted, seed=seed)
            self._shards[seed] = {name: take(self.data, name, rows) for name, rows in indices.items()}
        return self._shards[seed]

    def _assignment(self) -> RoundAssignment:
        works = {node: ShardWork(shard=f"s-{node}", from_node=node, batches=self.setting.steps) for node in NODES}
        workers = tuple(WorkerAssignment(node=node, shards=(work,)) for node, work in works.items())
        return RoundAssignment(job="robustness", plan="at-home", workers=workers)


def measure(data: DataSet, setting: Setting, attacks: Iterable[str] = ATTACKS) -> Iterator[Outcome]:
    """Every defence without an attack and then against each, one after another."""
    federation = Federation(data, setting)
    for attack in (NO_ATTACK, *attacks):
        for defence in DEFENCES:
            accuracies = tuple(federation.accuracy_percent(attack, defence, seed) for seed in setting.seeds)
            yield Outcome(attack=attack, defence=defence, accuracies_percent=accuracies)


def broken_promises(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Outcomes of rules that are meant to hold, and lie more than a point below an undisturbed average."""
    found = list(outcomes)
    clean = next(one for one in found if (one.attack, one.defence) == (NO_ATTACK, str(UpdateRule.GATE)))
    return [
        one
        for one in found
        if one.defence in HOLDS.get(one.attack, _EVERY_RULE)
        and one.mean_percent < clean.mean_percent - HELD_WITHIN_POINTS
    ]


def table(outcomes: Iterable[Outcome]) -> str:
    """Mean accuracies as a table in Markdown, an attack a line."""
    found = {(one.attack, one.defence): one for one in outcomes}
    attacks = list(dict.fromkeys(attack for attack, _ in found))
    lines = ["| attack | " + " | ".join(DEFENCES) + " |", "| --- |" + " ---: |" * len(DEFENCES)]
    for attack in attacks:
        cells = [f"{found[attack, defence].mean_percent:.1f}" for defence in DEFENCES]
        lines.append(f"| {attack} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
