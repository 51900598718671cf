"""Ten of twelve nodes asleep and one dead, before the real node lifecycle controller."""

from __future__ import annotations

import pytest

from fault_injection.drill import many_asleep, of_the_setting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PATIENCE_SECONDS = 35.0
"""With the setting the pods are gone some 20 s after the death: 12 until the node is NotReady, 5 of toleration."""


def test_a_dead_nodes_pods_move_where_the_cluster_is_set_up_for_it_and_else_do_not() -> None:
    set_up = many_asleep(is_configured=True)
    claimed = many_asleep(is_configured=False, patience_seconds=PATIENCE_SECONDS)
    assert of_the_setting(set_up, claimed) == []
    assert set_up.lost_pods > 0
    assert claimed.lost_pods > 0
