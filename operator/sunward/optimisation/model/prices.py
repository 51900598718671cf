"""Shadow prices of a plan from the duals of its linear model."""

from sunward.optimisation.model.matrix import PerRow
from sunward.optimisation.model.plan_model import PlanModel
from sunward.optimisation.problem.solution import Prices


def prices_of(plan: PlanModel, duals: PerRow) -> Prices:
    """Grams per watt-hour in every pool and period, grams per unit of every job's offload ratio.

    A pool that no node can send into in a period has no row; its price is what its best-placed member would save.
    """
    problem = plan.problem
    energy: dict[str, tuple[float, ...]] = {}
    if problem.policy.share_energy:
        for p, pool in enumerate(problem.energy_pools):
            energy[pool.name] = tuple(_pool_price(plan, duals, p, t) for t in plan.periods)
    caps: dict[str, float] = {}
    for (j, i), row in plan.cap_rows.items():
        job = problem.jobs[j]
        home = problem.nodes[i].name
        by_ratio = (
            job.may_leave(home) >= job.maximum_offload_ratio * job.batches[home]
        )  # else the ratio changes nothing
        caps[job.name] = caps.get(job.name, 0.0) + (float(duals[row]) * job.batches[home] if by_ratio else 0.0)
    return Prices(energy_grams_per_watt_hour=energy, offload_cap_grams=caps)


def _pool_price(plan: PlanModel, duals: PerRow, p: int, t: int) -> float:
    if (p, t) in plan.pool_rows:
        return float(duals[plan.pool_rows[p, t]])
    pool = plan.problem.energy_pools[p]
    members = [i for i, node in enumerate(plan.problem.nodes) if node.name in pool.members]
    return pool.efficiency * max((float(duals[plan.energy_rows[i, t]]) for i in members), default=0.0)
