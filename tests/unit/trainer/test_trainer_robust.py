"""Rules for a round in which some workers may send anything: their properties, and Krum against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sunward_trainer.learning import robust
from sunward_trainer.learning.averaging import Update, average
from sunward_trainer.learning.robust import (
    LEAST_WORKERS,
    Contribution,
    UpdateRule,
    applicable,
    bad_workers_borne,
    combine,
    contributions,
    krum_order,
)
from support.trainer import update

RULES = st.sampled_from(UpdateRule)
VALUE = st.floats(-1e3, 1e3, width=32)
VECTOR = st.lists(VALUE, min_size=3, max_size=3)
PAIRS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 500), VECTOR), min_size=1, max_size=14)


def updates_of(pairs: list[tuple[int, int, list[float]]]) -> list[Update]:
    """Each pair is of a worker, counts batches and sends three numbers; every pair is of a shard of its own."""
    return [update(f"s{index}", f"pi-{node}", n, vector) for index, (node, n, vector) in enumerate(pairs)]


def each(*vectors: list[float], batches: int = 10) -> list[Update]:
    """One pair for each worker."""
    return [update(f"s{index}", f"pi-{index}", batches, vector) for index, vector in enumerate(vectors)]


@given(pairs=PAIRS, rule=RULES, order=st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_bit(
    pairs: list[tuple[int, int, list[float]]], rule: UpdateRule, order: st.DataObject
) -> None:
    updates = updates_of(pairs)
    shuffled = list(updates)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combine(shuffled, rule).tobytes() == combine(updates, rule).tobytes()


@given(pairs=PAIRS, rule=RULES, vector=VECTOR)
def test_equal_updates_give_that_update(
    pairs: list[tuple[int, int, list[float]]], rule: UpdateRule, vector: list[float]
) -> None:
    same = updates_of([(node, n, vector) for node, n, _ in pairs])
    assert combine(same, rule).tolist() == np.array(vector, dtype=np.float32).tolist()


@given(pairs=PAIRS, rule=RULES)
def test_every_coordinate_lies_between_the_workers_extremes(
    pairs: list[tuple[int, int, list[float]]], rule: UpdateRule
) -> None:
    updates = updates_of(pairs)
    stacked = np.stack([worker.weights for worker in contributions(updates)])
    found = combine(updates, rule)
    assert (found >= stacked.min(axis=0) - 1e-3).all()
    assert (found <= stacked.max(axis=0) + 1e-3).all()


HONEST = st.lists(VECTOR, min_size=2, max_size=8)


@given(
    honest=HONEST, bad=st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=3, max_size=3), at=st.integers(0, 8)
)
@pytest.mark.parametrize("rule", [UpdateRule.MEDIAN, UpdateRule.TRIMMED_MEAN])
def test_one_bad_worker_moves_no_coordinate_beyond_the_honest_ones(
    rule: UpdateRule, honest: list[list[float]], bad: list[float], at: int
) -> None:
    found = combine(each(*honest[:at], bad, *honest[at:]), rule)
    stacked = np.array(honest, dtype=np.float32)
    assert (found >= stacked.min(axis=0) - 1e-3).all()
    assert (found <= stacked.max(axis=0) + 1e-3).all()


@pytest.mark.parametrize("rule", [UpdateRule.MEDIAN, UpdateRule.TRIMMED_MEAN, UpdateRule.MULTI_KRUM])
@pytest.mark.parametrize("pairs", [1, 9])
def test_a_bad_worker_gains_nothing_by_holding_many_pairs_or_most_batches(rule: UpdateRule, pairs: int) -> None:
    honest = each([1.0], [1.1], [0.9], [1.0], [1.05])
    bad = [update(f"x{index}", "pi-9", 1000, [-50.0]) for index in range(pairs)]
    assert 0.9 <= float(combine([*honest, *bad], rule)[0]) <= 1.1
    assert float(average([*honest, *bad])[0]) < -40.0


def test_an_odd_number_of_equal_workers_gives_the_middle_one() -> None:
    assert combine(each([1.0, 9.0], [5.0, 2.0], [100.0, 3.0]), UpdateRule.MEDIAN).tolist() == [5.0, 3.0]


def test_an_even_number_gives_the_mean_of_the_two_in_the_middle() -> None:
    assert combine(each([1.0], [2.0], [4.0], [100.0]), UpdateRule.MEDIAN).tolist() == [3.0]


def test_a_lighter_worker_moves_the_median_less() -> None:
    light = [*each([0.0], [10.0], [20.0]), update("x", "pi-8", 1, [100.0]), update("y", "pi-9", 1, [100.0])]
    heavy = each([0.0], [10.0], [20.0], [100.0], [100.0])
    assert combine(light, UpdateRule.MEDIAN).tolist() == [10.0]
    assert combine(heavy, UpdateRule.MEDIAN).tolist() == [20.0]


WEIGHTED = st.lists(st.tuples(st.integers(1, 6), st.integers(-40, 40)), min_size=3, max_size=9)


@given(workers=WEIGHTED)
def test_the_median_is_that_of_values_repeated_as_often_as_they_weigh(workers: list[tuple[int, int]]) -> None:
    cap = float(np.median([n for n, _ in workers]))
    twice = [value for n, value in workers for _ in range(int(2 * min(n, cap)))]  # the cap may be a half
    found = combine(
        [update(f"s{i}", f"pi-{i}", n, [float(value)]) for i, (n, value) in enumerate(workers)], UpdateRule.MEDIAN
    )
    assert found.tolist() == [np.median(twice)]


def test_the_trimmed_mean_weighs_what_is_left_by_batches() -> None:
    sent = [
        update("a", "pi-1", 10, [-900.0]),
        update("b", "pi-2", 10, [1.0]),
        update("c", "pi-3", 30, [2.0]),
        update("d", "pi-4", 20, [3.0]),
        update("e", "pi-5", 20, [900.0]),
    ]
    # the cap is 20 batches, the lowest and the highest worker are cut: (10 x 1 + 20 x 2 + 20 x 3) / 50
    assert combine(sent, UpdateRule.TRIMMED_MEAN).tolist() == pytest.approx([2.2])


def test_many_parameters_are_combined_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 50)).tolist()
    whole = [combine(each(*vectors), rule) for rule in UpdateRule]
    monkeypatch.setattr(robust, "CHUNK", 7)
    assert [combine(each(*vectors), rule).tolist() for rule in UpdateRule] == [one.tolist() for one in whole]


@pytest.mark.parametrize(("workers", "borne"), [(3, 1), (5, 1), (9, 1), (10, 2), (25, 5)])
def test_one_bad_worker_in_five_is_borne_and_at_least_one(workers: int, borne: int) -> None:
    assert bad_workers_borne(workers) == borne
    assert workers < LEAST_WORKERS[UpdateRule.MULTI_KRUM] or workers >= 2 * borne + 3


@pytest.mark.parametrize(
    ("rule", "workers", "applied"),
    [
        (UpdateRule.GATE, 1, UpdateRule.GATE),
        (UpdateRule.MEDIAN, 2, UpdateRule.GATE),
        (UpdateRule.MEDIAN, 3, UpdateRule.MEDIAN),
        (UpdateRule.TRIMMED_MEAN, 2, UpdateRule.GATE),
        (UpdateRule.TRIMMED_MEAN, 3, UpdateRule.TRIMMED_MEAN),
        (UpdateRule.MULTI_KRUM, 2, UpdateRule.GATE),
        (UpdateRule.MULTI_KRUM, 4, UpdateRule.MEDIAN),
        (UpdateRule.MULTI_KRUM, 5, UpdateRule.MULTI_KRUM),
    ],
)
def test_with_too_few_workers_a_simpler_rule_takes_its_place(
    rule: UpdateRule, workers: int, applied: UpdateRule
) -> None:
    sent = each(*([float(index), 1.0] for index in range(workers)))
    assert applicable(rule, workers) is applied
    assert combine(sent, rule).tolist() == combine(sent, applied).tolist()


def brute_force_scores(points: NDArray[np.float64], bad: int) -> list[float]:
    """Krum's scores by their definition: the smallest sum over every set of n - f - 2 others."""
    count = len(points)

    def square(one: int, other: int) -> float:
        return float(((points[one] - points[other]) ** 2).sum())

    return [
        min(
            sum(square(one, other) for other in near)
            for near in itertools.combinations([o for o in range(count) if o != one], count - bad - 2)
        )
        for one in range(count)
    ]


@given(vectors=st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), min_size=5, max_size=7))
def test_krum_ranks_as_brute_force_does(vectors: list[list[int]]) -> None:
    points = np.array(vectors, dtype=np.float64)
    workers = [
        Contribution(node=f"pi-{index}", weights=point.astype(np.float32), batches=1)
        for index, point in enumerate(points)
    ]
    scores = brute_force_scores(points, bad_workers_borne(len(points)))
    assert krum_order(workers) == sorted(range(len(points)), key=lambda index: (scores[index], index))


def test_multi_krum_leaves_out_the_worker_farthest_from_its_neighbours_and_averages_the_rest_by_batches() -> None:
    sent = [*each([0.0], [1.0], [2.0], [3.0]), update("x", "pi-7", 40, [4.0]), update("y", "pi-8", 10, [-70.0])]
    assert combine(sent, UpdateRule.MULTI_KRUM).tolist() == pytest.approx([(0 + 1 + 2 + 3 + 4 * 4) / 8])


def test_nothing_cannot_be_combined() -> None:
    with pytest.raises(ValueError, match="cannot average"):
        combine([], UpdateRule.GATE)
