"""For every run of the tests: hypothesis looks at no clock, and several workers begin with the long items."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from support.long_items import is_computation, is_long

LONG_SECONDS: Final = 1200
"""Timeout of a long item; several times what it takes on a machine that has much else to do."""
REAL: Final = ("cluster", "prometheus", "e2e")

# How long an example takes depends on what else the machine does, so it says nothing about the code.
settings.register_profile("sunward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sunward")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark computations, give long items more time, and let workers begin with them: the last item ends the run.

    Within each kind the order stays random.
    """
    for item in items:
        if is_computation(item.nodeid):
            item.add_marker(pytest.mark.computation)
        if is_long(item.nodeid) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    """Long items first, then those that start real servers and mostly wait for them."""
    if is_long(item.nodeid):
        return 0
    return 1 if any(item.get_closest_marker(name) is not None for name in REAL) else 2


class LongItemsAndFiles(LoadScopeScheduling):
    """Hands long items out one by one and all others file by file, so that fixtures of a module are made once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if is_long(nodeid) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongItemsAndFiles | None:
    """For `--dist loadscope`; units of work are handed out in the order in which they were collected."""
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return LongItemsAndFiles(config, log)
