"""The loop keeps as many plans as the policy says, each with its books, and reads them seldom."""

from __future__ import annotations

from sunward.cluster.access.api import ours
from support.loop.process import Process, run
from support.loop.world import World

KEPT = 3


async def test_a_loop_that_plans_for_long_keeps_few_plans_and_loses_no_settlement() -> None:
    world = World(period_seconds=20, jobs=False)
    world.store.patch(ours("energypolicies", "default"), {"spec": {"keepPlans": KEPT}})
    seen: dict[str, bool] = {}
    world.after_write.append(lambda *_: seen.update(settled_plans(world)))
    await run(world, Process(world, "op"), seconds=400)
    left = settled_plans(world)
    assert len(left) <= KEPT + 1  # the oldest goes in the pass after the youngest came
    assert len(seen) >= 15
    assert all(settled for name, settled in seen.items() if name not in left)


def settled_plans(world: World) -> dict[str, bool]:
    """Names of the plans that there are, and whether they have their settlement."""
    plans = world.store.of("energyplans")
    return {body["metadata"]["name"]: bool((body.get("status") or {}).get("settlement")) for body in plans}


async def test_plans_are_listed_when_one_is_new_or_due_and_not_in_every_pass() -> None:
    world = World(period_seconds=60, jobs=False)
    lists: list[str] = []

    def count(verb: str, path: str, _: bool) -> None:
        if verb == "LIST" and path == ours("energyplans"):
            lists.append(path)

    await run(world, Process(world, "op", faults=count), seconds=600)
    plans = settled_plans(world)
    assert 10 <= len(plans) <= len(lists) <= 2 * len(plans) + 1
    assert sum(plans.values()) >= len(plans) - 2
