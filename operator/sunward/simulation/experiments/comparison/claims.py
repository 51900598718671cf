"""What the days under every policy prove. Knows nothing of how they were run."""

from __future__ import annotations

from typing import Final

from sunward.accounting.own_energy import after_induced_demand
from sunward.simulation.experiments.comparison.days import (
    BEST,
    Days,
    best_rule,
    gain,
    grams,
    location_reduction,
    market_reduction,
    settled,
)
from sunward.simulation.experiments.comparison.guards import guards_claim
from sunward.simulation.experiments.mode_order import order_claim
from sunward.simulation.experiments.result import Claim, Level, percent, points
from sunward.simulation.experiments.statistics import mean, points_gained
from sunward.simulation.policies.registry import PURE
from sunward.simulation.policies.rules import BASELINE

_LEAST_SHARE_OWED = 0.001
_ELASTICITIES: Final = (0.0, 0.3, 1.0)


def claims(days: Days) -> tuple[Claim, ...]:
    """All claims; those on perfect forecasts and one server only where these policies ran."""
    return (
        _closing_claim(days),
        _equal_work_claim(days),
        _sleep_claim(days),
        _modes_claim(days),
        _best_rule_claim(days),
        _operator_claim(days),
        guards_claim(days),
        order_claim(settled(days)),
        _overhead_claim(days),
        _demand_claim(days),
        *((_forecast_claim(days), _centralise_claim(days)) if "centralise" in days else ()),
    )


def _closing_claim(days: Days) -> Claim:
    worst = max(day.closing_error_ratio for runs in days.values() for day in runs)
    return Claim(
        name="Every ledger closes",
        paper=None,
        ours=f"largest error {worst:.1e} of the energy that flowed",
        level=Level.PREDICTED,
        holds=worst <= 1e-6,
    )


def _equal_work_claim(days: Days) -> Claim:
    owed = {
        name: 100 * sum(d.unfinished_batches for d in runs) / sum(d.batches + d.unfinished_batches for d in runs)
        for name, runs in days.items()
    }
    worst = max(owed, key=lambda name: owed[name])
    return Claim(
        name="All policies do the same work in time",
        paper=None,
        ours=f"at most {owed[worst]:.2f} % of the batches unfinished at the deadline ({worst})",
        level=Level.PREDICTED,
        holds=owed[worst] <= 100 * _LEAST_SHARE_OWED,
        note="what is unfinished is charged at none's grams per batch",
    )


def _sleep_claim(days: Days) -> Claim:
    share = market_reduction(days, "none + sleep")
    return Claim(
        name="Sleep alone",
        paper="nodes are switched off by task allocation",
        ours=f"{percent(share)} without moving or trading anything",
        level=Level.PREDICTED,
        note="the window is a whole day in which every node of the baseline stays on; "
        "a saving must not be credited to allocation that sleep alone brings",
    )


def _best_rule_claim(days: Days) -> Claim:
    best = best_rule(days)
    against, rule = market_reduction(days, BEST, best), market_reduction(days, best)
    below_none = f"{percent(market_reduction(days, BEST))} below none, {percent(location_reduction(days, BEST))}"
    return Claim(
        name="The optimiser against the best published rule",
        paper=None,
        ours=f"DETA as the paper's model {percent(against)} below {best} ({percent(rule)} below none); {below_none} "
        "location-based",
        level=Level.PREDICTED,
        holds=against.low > 0.0,
    )


def _operator_claim(days: Days) -> Claim:
    best = best_rule(days)
    guards = gain(days, "DETA")
    own, against = market_reduction(days, "DETA"), market_reduction(days, "DETA", best)
    text = f"{percent(own)} below none, {percent(market_reduction(days, 'DETA', 'none + sleep'))} below none + sleep, "
    return Claim(
        name="The operator with its guards against the best published rule",
        paper=None,
        ours=text + f"{percent(against)} below {best}; {points(guards)} less than the paper's model",
        level=Level.PREDICTED,
        note="the operator trains in rounds, boots a node six times a day at most, and lets no more nodes sleep than "
        "Kubernetes bears, about half: its controller stops healing when more are not ready. The rule is held back by "
        "nothing; the next claim holds it back as well. A negative number means that the operator emits more",
    )


def _overhead_claim(days: Days) -> Claim:
    own = sum(day.planner_grams for day in days["DETA"])
    saved = sum(grams(days, BASELINE)) - sum(grams(days, "DETA"))
    watt_hours = mean([day.planner_watt_hours for day in days["DETA"]]).value
    return Claim(
        name="The planner's own energy",
        paper="not counted",
        ours=f"{watt_hours:.2f} Wh a day, {100 * own / saved:.1f} % of the grams that DETA saves",
        level=Level.PREDICTED,
        holds=own < 0.1 * saved,
        note="at the declared power of the operator's process and energy per plan, in the dirtiest zone; the machine "
        "it runs on is there anyway",
    )


def _demand_claim(days: Days) -> Claim:
    cut = market_reduction(days, "DETA").value
    text = ", ".join(f"{e:.1f}: {100 * after_induced_demand(cut / 100, e):.1f} %" for e in _ELASTICITIES)
    return Claim(
        name="If cheaper training means more training",
        paper=None,
        ours=f"DETA's reduction in all by elasticity of demand: {text}",
        level=Level.PREDICTED,
        note="runs grow by elasticity x reduction; the elasticity has not been measured",
    )


def _modes_claim(days: Days) -> Claim:
    """None >= DET, DAT >= DETA day by day, carried out with forecasts that are wrong."""
    modes = (BASELINE, "DET", "DAT" + PURE)
    ours, count = grams(days, BEST), len(days[BEST])
    worse = {name: sum(own > other for own, other in zip(ours, grams(days, name), strict=True)) for name in modes}
    gained = {name: gain(days, name) for name in modes}
    return Claim(
        name="None, DET and DAT emit more than DETA",
        paper="DETA lowest, none highest",
        ours="; ".join(
            f"{points(gained[name])} less than {name} (more on {worse[name]} of {count} days)" for name in modes
        ),
        level=Level.SHAPE,
        holds=all(estimate.low > 0.0 for estimate in gained.values()),
        note="carried out under forecasts that err; under equal forecasts a plan of DETA is never worse, on any seed",
    )


def _forecast_claim(days: Days) -> Claim:
    oracle = "DETA, oracle" + PURE
    loss = market_reduction(days, oracle, BEST)
    gained = points_gained(grams(days, BASELINE), grams(days, BEST), grams(days, oracle))
    return Claim(
        name="A perfect forecast",
        paper="complete information assumed",
        ours=f"{points(gained)} more of the baseline; {percent(loss)} below DETA itself",
        level=Level.PREDICTED,
        note="energy is settled after the fact, so forecasts only steer when and where work runs",
    )


def _centralise_claim(days: Days) -> Claim:
    return Claim(
        name="Everything on the cleanest server",
        paper="lowest emissions with one server (Fig. 3)",
        ours=f"{percent(market_reduction(days, 'centralise'))} below none",
        level=Level.PREDICTED,
        note="one server cannot do ten servers' work within the day, so most of it runs at home at the last moment",
    )
