"""Which experiments exist and how each is run, full or small.

The small set is for continuous integration: fewer seeds and no searches, the same code and the same claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sunward.simulation.experiments.bench import Bench
from sunward.simulation.experiments.calibration import calibration
from sunward.simulation.experiments.comparison.policies import compare_policies
from sunward.simulation.experiments.gap.experiment import cases_of, gap
from sunward.simulation.experiments.gap.rungs import Effort
from sunward.simulation.experiments.incomplete_information.information import information
from sunward.simulation.experiments.offloading.experiment import SMALL as FEW_TRAININGS
from sunward.simulation.experiments.offloading.experiment import offloading
from sunward.simulation.experiments.offloading.study import Effort as Trainings
from sunward.simulation.experiments.published.fig3 import fig3
from sunward.simulation.experiments.published.fig4 import fig4
from sunward.simulation.experiments.published.fig5 import fig5
from sunward.simulation.experiments.published.table1 import table1
from sunward.simulation.experiments.result import Result
from sunward.simulation.experiments.sensitivity import sensitivity
from sunward.simulation.experiments.week import week


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How much work an experiment may do, and with what.

    `scenarios` and `seconds`, the time for one model of a whole scenario, are those of `gap`.
    """

    bench: Bench
    seeds: int = 60
    small: bool = False
    scenarios: tuple[str, ...] = ()
    seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A name, what it asks, and how to run it."""

    name: str
    question: str
    run: Callable[[Setting], Result]

    def result(self, setting: Setting) -> Result:
        """What it found, with its question."""
        return replace(self.run(setting), question=self.question)


MOST_DAYS: Final = 30
FEW_DAYS: Final = 6
FEW_TRACE_DAYS: Final = 2
MOST_TRAININGS: Final = 10
"""Seeds of each learner: a minute and a half of one core each for all learners together."""
FEW_NODES: Final = 1
"""Nodes of the search tree of a quick ladder, whose numbers are not to depend on the machine."""

_ALL: Final = (
    Experiment(
        name="table1",
        question="Do Table I's energies and emissions follow from a line and ten real regions?",
        run=lambda _: table1(),
    ),
    Experiment(
        name="fig3",
        question="Why do emissions grow faster than energy with the number of servers?",
        run=lambda setting: fig3(range(setting.seeds)),
    ),
    Experiment(
        name="fig4",
        question="How do lifecycle stages change with servers and target accuracy?",
        run=lambda _: fig4(),
    ),
    Experiment(
        name="fig5",
        question="How much do DET, DAT and DETA save, and under which accounting?",
        run=lambda setting: fig5(range(setting.seeds), setting.bench, small=setting.small),
    ),
    Experiment(
        name="calibration",
        question="Which harvest gives 74.9 %?",
        run=lambda setting: calibration(range(setting.seeds), setting.bench, small=setting.small),
    ),
    Experiment(
        name="sensitivity",
        question="Which hidden assumption carries the headline?",
        run=lambda setting: sensitivity(range(setting.seeds), setting.bench, slow=not setting.small),
    ),
    Experiment(
        name="week",
        question="What does DETA save on recorded traces, and what do forecast errors cost?",
        run=lambda setting: week(
            range(FEW_TRACE_DAYS if setting.small else min(setting.seeds, MOST_DAYS)),
            setting.bench.crew,
            small=setting.small,
        ),
    ),
    Experiment(
        name="information",
        question="What does it cost not to know, and what do markets capture?",
        run=lambda setting: information(range(setting.seeds), setting.bench),
    ),
    Experiment(
        name="policies",
        question="Is DETA better than simpler rules at equal work?",
        run=lambda setting: compare_policies(
            range(FEW_DAYS if setting.small else min(setting.seeds, MOST_DAYS)),
            setting.bench.crew,
            small=setting.small,
        ),
    ),
    Experiment(
        name="gap",
        question="Where do the grams go between the best plan and the operated run?",
        run=lambda setting: gap(
            cases_of(setting.scenarios, min(setting.seeds, MOST_DAYS)),
            setting.bench.crew,
            effort=Effort(seconds=setting.seconds, nodes=FEW_NODES if setting.small else None),
        ),
    ),
    Experiment(
        name="offloading",
        question="Does a generative diffusion model choose better than PPO, and how far from the optimum are both?",
        run=lambda setting: offloading(
            FEW_TRAININGS if setting.small else Trainings(seeds=min(setting.seeds, MOST_TRAININGS)),
            setting.bench.crew,
        ),
    ),
)

EXPERIMENTS: Final[Mapping[str, Experiment]] = {experiment.name: experiment for experiment in _ALL}
"""By name, in the order in which a reader wants them."""


def chosen(names: tuple[str, ...]) -> tuple[Experiment, ...]:
    """The experiments of these names; `all` is every one.

    Raises ValueError when a name is unknown; the message lists the known ones.
    """
    if "all" in names:
        return tuple(EXPERIMENTS.values())
    for name in names:
        if name not in EXPERIMENTS:
            raise ValueError(f"no experiment {name!r}; known: all, {', '.join(EXPERIMENTS)}")
    return tuple(EXPERIMENTS[name] for name in names)
