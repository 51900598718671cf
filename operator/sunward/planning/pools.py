"""Energy pools of the policy as pools of the planning problem: the same for a plan and for its settlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sunward.domain.nodes import ExportRule as DomainExportRule
from sunward.domain.nodes import NodeSpec
from sunward.domain.policy import PoolKind as DomainPoolKind
from sunward.domain.policy import PoolSpec
from sunward.optimisation.problem.instance import EnergyPool, ExportRule, PoolKind

KINDS = {PoolKind.PHYSICAL: DomainPoolKind.PHYSICAL, PoolKind.CONTRACTUAL: DomainPoolKind.CONTRACTUAL}
"""The planning format and the resources spell the kinds differently."""


def energy_pools(specs: Sequence[PoolSpec], nodes: Mapping[str, NodeSpec]) -> tuple[EnergyPool, ...]:
    """Pools of the nodes that are there; one of fewer than two nodes shares nothing and is left out."""
    pools = ((spec, pool_members(spec, nodes)) for spec in specs)
    return tuple(
        EnergyPool(
            name=spec.name,
            kind=next(kind for kind, same in KINDS.items() if same is spec.kind),
            members=members,
            efficiency=spec.efficiency,
        )
        for spec, members in pools
        if len(members) > 1
    )


def pool_members(spec: PoolSpec, nodes: Mapping[str, NodeSpec]) -> tuple[str, ...]:
    """Names of a pool's nodes among *nodes*: those listed, else those of the site, else all."""
    if spec.members:
        return tuple(sorted(set(spec.members) & set(nodes)))
    return tuple(sorted(name for name, node in nodes.items() if spec.site is None or node.site == spec.site))


def export_rule(nodes: Mapping[str, NodeSpec], pools: Sequence[EnergyPool]) -> ExportRule:
    """One rule for all, as the format has it: surplus-only as soon as one member of a pool asks for it."""
    members = {name for pool in pools for name in pool.members}
    strict = any(nodes[name].export_rule is DomainExportRule.SURPLUS_ONLY for name in members)
    return ExportRule.SURPLUS_ONLY if strict else ExportRule.ANY_HARVEST
