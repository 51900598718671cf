"""Learners of the offloading study: their gradients, their equal budgets, and a short run of the whole study."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sunward.simulation.experiments.bench import HERE, one_core
from sunward.simulation.experiments.offloading import exact
from sunward.simulation.experiments.offloading.acting import actions_of, chosen, features, reward, reward_slopes
from sunward.simulation.experiments.offloading.estimates import estimated
from sunward.simulation.experiments.offloading.experiment import SMALL, offloading
from sunward.simulation.experiments.offloading.learners import LEARNERS, learn
from sunward.simulation.experiments.offloading.lessons import Budget, Tuning
from sunward.simulation.experiments.offloading.model import draw
from sunward.simulation.experiments.offloading.networks import Matrix, Network
from sunward.simulation.experiments.offloading.policies import Diffusion, Plain
from sunward.simulation.experiments.offloading.study import Piece, interquartile_mean, train
from sunward.simulation.experiments.result import Result

STEP = 1e-6


def relative(found: Matrix, expected: Matrix) -> float:
    """The greatest difference over the greatest entry."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def by_differences(network: Network, total: object) -> list[Matrix]:
    """Gradients of `total()` by the parameters, by central differences, a few entries of each."""
    assert callable(total)
    found = []
    for parameter in network.parameters:
        slopes = np.zeros_like(parameter)
        for place in list(np.ndindex(parameter.shape))[:: max(1, parameter.size // 12)]:
            kept = parameter[place]
            parameter[place] = kept + STEP
            above = total()
            parameter[place] = kept - STEP
            slopes[place] = (above - total()) / (2.0 * STEP)
            parameter[place] = kept
        found.append(slopes)
    return found


def assert_gradients(network: Network, gradients: list[Matrix], total: object) -> None:
    for found, expected in zip(gradients, by_differences(network, total), strict=True):
        watched = expected != 0.0
        assert watched.any()
        assert relative(found[watched], expected[watched]) <= 1e-4


def test_gradients_of_a_network_are_those_of_differences() -> None:
    generator = np.random.default_rng(1)
    network = Network.fresh(5, 2, generator, hidden=16, kind=np.float64)
    network.parameters[-2] *= 100.0
    rows, weights = generator.standard_normal((7, 5)), generator.standard_normal((7, 2))
    network.forward(rows)
    gradients, inputs = network.backward(weights)
    assert_gradients(network, gradients, lambda: float((network.forward(rows) * weights).sum()))
    moved = rows.copy()
    moved[3, 2] += STEP
    difference = ((network.forward(moved) - network.forward(rows)) * weights).sum() / STEP
    assert inputs[3, 2] == pytest.approx(difference, rel=1e-4)


@pytest.mark.parametrize("kind", [Plain, Diffusion])
def test_gradients_of_policies_are_those_of_differences(kind: type[Plain] | type[Diffusion]) -> None:
    generator = np.random.default_rng(2)
    policy = kind(generator)
    policy.network.parameters = [parameter.astype(np.float64) for parameter in policy.network.parameters]
    policy.network.parameters[-2] *= 20.0
    rows, weights = generator.standard_normal((6, 4)), generator.standard_normal((6, 2))
    policy.actions(rows)
    gradients = policy.gradients(weights)
    assert_gradients(policy.network, gradients, lambda: float((policy.actions(rows) * weights).sum()))


def test_slopes_of_the_reward_are_those_of_differences() -> None:
    states = draw(300, np.random.default_rng(3))
    actions = np.random.default_rng(4).uniform(-0.99, 0.99, (300, 2))
    slopes = reward_slopes(states, actions)
    for column in (0, 1):
        above, below = actions.copy(), actions.copy()
        above[:, column] += STEP
        below[:, column] -= STEP
        expected = (reward(states, above) - reward(states, below)) / (2.0 * STEP)
        assert np.median(np.abs(slopes[:, column] - expected)) < 1e-5
        assert np.isclose(slopes[:, column], expected, rtol=1e-3, atol=1e-5).mean() > 0.99  # but for two kinks


def test_actions_and_choices_are_each_other() -> None:
    choice = exact.solve(draw(100, np.random.default_rng(5)))
    hertz, watts = chosen(actions_of(choice.hertz, choice.watts))
    assert hertz == pytest.approx(choice.hertz, rel=1e-5)
    assert watts == pytest.approx(choice.watts, rel=1e-5)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_training_is_repeatable_sees_what_it_may_and_beats_chance(name: str) -> None:
    steps: list[int] = []
    budget = Budget(samples=4_096, updates=200, rows=64)
    with one_core():
        first = learn(name, 7, budget, Tuning(), lambda step, _: steps.append(step))
        second = learn(name, 7, budget, Tuning())
    states = draw(200, np.random.default_rng(8))
    rows = features(states)
    assert np.array_equal(first.actions(rows), second.actions(rows))
    assert steps == list(range(200))
    chance = np.random.default_rng(9).uniform(-1.0, 1.0, (200, 2))
    assert reward(states, first.actions(rows)).mean() > reward(states, chance).mean()


def test_no_learner_is_below_the_optimum() -> None:
    piece = Piece(learner="MLP, imitation", seed=1, budget=SMALL.budget, tuning=Tuning(), test_states=300)
    found = train(piece)
    assert found.inside.gap_percent > 0.0
    assert all(score.gap_percent > 0.0 for score in found.outside.values())
    assert found.curve[-1].samples == len(found.curve) * found.curve[0].samples


def test_the_interquartile_mean_leaves_the_outer_quarters_out() -> None:
    assert interquartile_mean([100.0, 2.0, 4.0, -50.0]) == 3.0
    assert interquartile_mean([1.0, 2.0]) == 1.5
    assert estimated([5.0] * 10).high == 5.0


@pytest.fixture(scope="module")
def result() -> Result:
    """The study in its short form."""
    return offloading(SMALL, HERE)


def test_every_claim_that_is_decided_holds(result: Result) -> None:
    decided = {claim.name: claim.holds for claim in result.claims if claim.holds is not None}
    assert len(decided) >= 5
    assert all(decided.values()), decided


def test_budgets_of_all_learners_are_equal(result: Result) -> None:
    seeds = next(table for table in result.tables if table.name == "seeds")
    assert len(seeds.rows) == SMALL.seeds * len(LEARNERS)
    assert {row[2:4] for row in seeds.rows} == {(SMALL.budget.samples, SMALL.budget.updates)}


def test_nothing_claims_that_the_papers_figure_is_reproduced(result: Result) -> None:
    words = " ".join(f"{claim.name} {claim.ours}" for claim in result.claims)
    assert "17.97" not in words
    offsets = next(table for table in result.tables if table.name == "offsets")
    assert {row[1] for row in offsets.rows} == {0.0, -1.0, -2.0}


def test_the_exact_optimum_is_first_everywhere(result: Result) -> None:
    tables = {table.name: table.rows for table in result.tables}
    assert tables["learners"][0][:3] == ("exact", "-", 0.0)
    for _place, method, gap, *_ in tables["adaptation"]:
        assert isinstance(gap, float)
        assert gap == 0.0 if method == "exact" else gap > 0.0


def test_the_record_has_what_is_needed_to_run_it_again(result: Result) -> None:
    assert result.settings["effort"] == dataclasses.asdict(SMALL)
    assert set(result.settings["tunings"]) == set(LEARNERS)
