"""The operator's metrics. Names live here and nowhere else; docs/metrics.md is generated from this module.

Base units, `_total` counters, enumerated label values only. Job and pod names are never labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from sunward import __version__
from sunward.accounting.ledger import PeriodLedger
from sunward.domain.jobs import JobView, Refusal
from sunward.domain.measurement import Measurement
from sunward.domain.nodes import PowerState
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.policy import OperatingMode, PolicySpec, PoolKind
from sunward.domain.snapshot import Snapshot
from sunward.domain.units import JOULES_PER_WATT_HOUR

OTHER = "other"
"""Label of every namespace that the policy does not name."""


class Metrics:
    """All metric families of one operator process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._states: Mapping[str, PowerState] = {}
        self._intensity = self._gauge(
            "sunward_grid_intensity_grams_per_kilowatt_hour",
            "Present grid intensity, in the providers' unit: the only exception to base units.",
            "zone",
            "provider",
            "basis",
        )
        self._intensity_forecast = self._gauge(
            "sunward_grid_intensity_forecast_grams_per_kilowatt_hour",
            "Mean of the provider's forecast over its whole length.",
            "zone",
            "provider",
            "basis",
        )
        self._plan_seconds = Histogram(
            "sunward_plan_duration_seconds",
            "Time from a snapshot to a validated plan.",
            ["solver"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self._plans = self._counter("sunward_plans_total", "Plans by result of the solver.", "result")
        self._decisions = self._counter("sunward_decisions_total", "Decisions taken.", "action", "reason")
        self._plan_emissions = self._gauge(
            "sunward_plan_emissions_grams", "Emissions over the horizon by mode, under the same forecast.", "mode"
        )
        self._transferred = self._counter(
            "sunward_transferred_energy_joules_total", "Settled energy sent into pools.", "pool", "kind"
        )
        self._emissions = self._counter(
            "sunward_emissions_co2e_grams_total",
            "Settled emissions, location-based or market-based. Location-based: only periods with a known baseline.",
            "scope",
        )
        self._baseline = self._counter(
            "sunward_baseline_emissions_co2e_grams_total",
            "Baseline emissions (mode none) of the same periods as location-based. Savings are the signed difference.",
        )
        self._power_state = self._gauge("sunward_node_power_state", "1 for the node's present state.", "node", "state")
        self._steps = self._counter(
            "sunward_node_steps_total", "Actions of the sleep state machine.", "action", "reason"
        )
        self._failures = self._counter("sunward_pass_failures_total", "Failed reconcile cycles by component.", "where")
        self._contained = self._counter(
            "sunward_failures_total",
            "Failures of one object, by the part of the pass that they ended.",
            "part",
            "reason",
        )
        self._settled = self._counter("sunward_settled_periods_total", "Settled periods.", "result")
        self._refused_updates = self._gauge(
            "sunward_training_refused_updates",
            "Updates refused so far by the coordinators of the present jobs; their batches are deferred.",
            "reason",
        )
        self._pinned = self._gauge(
            "sunward_pinned_nodes",
            "Nodes that only pods or jobs keep awake, by namespace; `other` is each that the policy does not name.",
            "namespace",
        )
        self._pinned_emissions = self._counter(
            "sunward_pinned_emissions_co2e_grams_total",
            "Estimated emissions of pinned nodes, idle instead of asleep, where the intensity is known.",
            "namespace",
        )
        self._leader = self._gauge("sunward_leader", "1 while this process holds the Lease.")
        Info("sunward_operator_build", "Version of the operator.", registry=self.registry).info(
            {"version": __version__}
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def observed(self, snapshot: Snapshot) -> None:
        """Export what was seen; a zone without a value loses its series instead of keeping an old one."""
        self._leader.set(1 if snapshot.is_leader else 0)
        self._intensity.clear()
        self._intensity_forecast.clear()
        for zone, value in snapshot.intensities.items():
            now = value.now_grams_per_kilowatt_hour
            if isinstance(now, Measurement):
                self._intensity.labels(zone, now.source, str(value.basis)).set(now.value)
            series = value.forecast_grams_per_kilowatt_hour
            if series is not None and series.values:
                mean = sum(series.values) / len(series.values)
                self._intensity_forecast.labels(zone, series.source, str(value.basis)).set(mean)
        self._show_refused(snapshot.jobs)
        self._show_states({node.name: node.record.power_state for node in snapshot.nodes})

    def _show_refused(self, jobs: Iterable[JobView]) -> None:
        """Sums over the jobs that answer; without any such job there is no series."""
        told = [job.progress.updates for job in jobs if job.progress is not None and job.progress.updates is not None]
        counted = [dict(checks.refused) for checks in told]
        self._refused_updates.clear()
        for reason in Refusal if counted else ():
            self._refused_updates.labels(str(reason)).set(sum(counts.get(reason, 0) for counts in counted))

    def _show_states(self, states: Mapping[str, PowerState]) -> None:
        """One series per node and state; made anew only when a node came, went or changed."""
        if states == self._states:
            return
        self._states = states
        self._power_state.clear()
        for name, now in states.items():
            for state in PowerState:
                self._power_state.labels(name, str(state)).set(1 if now is state else 0)

    def planned(self, plan: Plan, mode: OperatingMode, seconds: float) -> None:
        """Count a plan and what it decides; emissions not known lose their series instead of keeping old ones."""
        self._plan_seconds.labels(str(plan.solver.solver or "none")).observe(seconds)
        self._plans.labels(plan.solver.status.lower()).inc()
        for decision in plan.decisions:
            self._decisions.labels(str(decision.kind), str(decision.cause.reason)).inc()
        self._plan_emissions.clear()
        for name, grams in self._by_mode(plan).items():
            self._plan_emissions.labels(name).set(grams)
        del mode

    @staticmethod
    def _by_mode(plan: Plan) -> Mapping[str, float]:
        bound = plan.solver.lower_bound_grams
        return {**plan.emissions_by_mode_grams, **({} if bound is None else {"bound": bound})}

    def pinned(self, nodes: Sequence[PinnedNode], grams: Mapping[str, float], policy: PolicySpec) -> None:
        """Export who pins how many nodes. Anybody can create namespaces, so only those of the policy have a label."""
        named = {*policy.namespaces, *(name for limit in policy.limits for name in limit.namespaces)}
        counts: dict[str, set[str]] = defaultdict(set)
        for one in nodes:
            for name in one.namespaces:
                counts[name if name in named else OTHER].add(one.node)
        self._pinned.clear()
        for name, pinned in counts.items():
            self._pinned.labels(name).set(len(pinned))
        for name, value in grams.items():
            self._pinned_emissions.labels(name if name in named else OTHER).inc(value)

    def stepped(self, action: str, reason: str) -> None:
        """Count an act on a node."""
        self._steps.labels(action, reason).inc()

    def settled(self, ledger: PeriodLedger, baseline_grams: float | None) -> None:
        """Add a settled period to the counters; what is not known of it is left out, on both sides of the savings."""
        self._settled.labels("closed" if ledger.rows and ledger.closes() else "open").inc()
        for pool in ledger.pools:
            kind = "physical" if pool.kind is PoolKind.PHYSICAL else "contractual"
            self._transferred.labels(pool.pool, kind).inc(pool.sent_watt_hours * JOULES_PER_WATT_HOUR)
        totals = ledger.totals
        if totals.location_grams is not None and baseline_grams is not None:
            self._emissions.labels("location").inc(totals.location_grams)
            self._baseline.inc(baseline_grams)
        if totals.market_grams is not None:
            self._emissions.labels("market").inc(totals.market_grams)

    def failed(self, where: str) -> None:
        """Count a failed pass."""
        self._failures.labels(where).inc()

    def contained(self, part: str, reason: str) -> None:
        """Count a failure of one object."""
        self._contained.labels(part, reason).inc()
