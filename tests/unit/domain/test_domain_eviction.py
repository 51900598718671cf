"""How many nodes may be out, against the node lifecycle controller's own rule, written here from its description."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.eviction import UNCONFIGURED, EvictionSettings, LimitSource, binding, known_settings

THRESHOLDS = st.integers(0, 100).map(lambda percent: percent / 100) | st.floats(0.0, 1.2)


def in_single_precision(value: float) -> float:
    packed: tuple[float] = struct.unpack("<f", struct.pack("<f", value))
    return packed[0]


def evicts(out: int, nodes: int, threshold: float) -> bool:
    """Whether pods still leave a failed node of a small zone: not in partial and not in full disruption."""
    if out == nodes:
        return False
    return out <= 2 or in_single_precision(out / nodes) < in_single_precision(threshold)


@given(st.integers(3, 300), THRESHOLDS)
def test_as_many_may_be_out_as_kubernetes_bears_and_not_one_more(nodes: int, threshold: float) -> None:
    limit = EvictionSettings(unhealthy_zone_threshold=threshold).bearable(nodes)
    assert evicts(limit, nodes, threshold)
    assert not evicts(limit + 1, nodes, threshold)


@given(st.integers(3, 2000))
def test_without_a_setting_it_is_within_what_kubernetes_bears_by_default(nodes: int) -> None:
    limit = EvictionSettings().bearable(nodes)
    assert limit == max(2, nodes // 2)
    assert evicts(limit, nodes, 0.55)


@pytest.mark.parametrize(
    ("nodes", "threshold", "limit"),
    [
        (12, 0.95, 11),
        (12, 0.9, 10),
        (20, 0.55, 10),  # 11 of 20 are 55 %, and that is enough for Kubernetes
        (12, 0.9166667, 10),  # in single precision this is 11 of 12
        (12, 0.3, 3),  # a cluster may also bear less than half
        (12, 0.0, 2),
        (12, 1.0, 11),
        (2, 1.0, 2),
    ],
)
def test_a_threshold_is_a_share_of_the_nodes_that_is_not_reached(nodes: int, threshold: float, limit: int) -> None:
    assert EvictionSettings(unhealthy_zone_threshold=threshold).bearable(nodes) == limit


@pytest.mark.parametrize(
    ("size", "rate", "nodes", "limit"),
    [
        (10, None, 12, 11),  # a reduced rate is a rate
        (12, None, 12, 6),  # a zone must be larger than that
        (10, 0.0, 12, 6),
        (10, 0.001, 12, 6),  # a node in a quarter of an hour heals nothing
        (None, 0.1, 51, 50),
        (None, 0.1, 50, 25),
        (None, None, 51, 25),  # the cluster is not set up for it
    ],
)
def test_a_large_zone_still_evicts_at_the_secondary_rate(
    size: int | None, rate: float | None, nodes: int, limit: int
) -> None:
    settings = EvictionSettings(large_cluster_nodes=size, secondary_evictions_per_second=rate)
    assert settings.bearable(nodes) == limit


def test_of_several_controllers_the_most_careful_one_counts() -> None:
    bold = EvictionSettings(source=LimitSource.NODE_ARGS, unhealthy_zone_threshold=0.95)
    plain = EvictionSettings(source=LimitSource.NODE_ARGS)
    assert binding((bold, plain, bold), 12).bearable(12) == 6
    assert binding((bold, bold), 12).source is LimitSource.NODE_ARGS


def test_the_administrators_word_stands_in_for_what_cannot_be_read() -> None:
    seen = EvictionSettings(source=LimitSource.STATIC_POD)
    assert known_settings((), None) == UNCONFIGURED
    assert [one.source for one in known_settings((), 0.9)] == [LimitSource.POLICY]
    assert [one.source for one in known_settings((seen,), 0.9)] == [LimitSource.STATIC_POD]
    assert [one.source for one in known_settings((seen, None), 0.9)] == [LimitSource.STATIC_POD, LimitSource.POLICY]
    assert [one.source for one in known_settings((seen, None), None)] == [LimitSource.STATIC_POD, LimitSource.DEFAULT]
