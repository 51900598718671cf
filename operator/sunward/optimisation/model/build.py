"""Assembles the linear model of a problem."""

from sunward.optimisation.model.energy import add_energy
from sunward.optimisation.model.nodes import add_nodes
from sunward.optimisation.model.plan_model import NOTHING, PlanModel, Relaxed
from sunward.optimisation.model.tight import add_tightening
from sunward.optimisation.model.work import add_work
from sunward.optimisation.problem.instance import Problem


def build(problem: Problem, relaxed: frozenset[Relaxed] = NOTHING) -> PlanModel:
    """The model of a checked problem; with `relaxed`, the model that may miss those constraints at a price.

    Elastic models minimise what is missed and nothing else.
    """
    plan = PlanModel(problem=problem, relaxed=relaxed)
    add_work(plan)
    add_nodes(plan)
    add_tightening(plan)
    add_energy(plan)
    if relaxed:
        slacks = set(plan.slacks.values())
        plan.matrix.cost = [float(column in slacks) for column in range(len(plan.matrix.cost))]
    return plan
