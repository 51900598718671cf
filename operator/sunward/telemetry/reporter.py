"""What the loop reports, as metrics and as one canonical log line per plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sunward.accounting.ledger import PeriodLedger
from sunward.domain.cause import Cause
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.policy import PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, Step
from sunward.telemetry.logs import LOGGER
from sunward.telemetry.metrics import Metrics


class TelemetryReporter:
    """Implements the loop's Reporter port."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def planned(self, plan: Plan, snapshot: Snapshot, seconds: float) -> None:
        """The canonical line: what was decided, how well, from how old data."""
        self._metrics.planned(plan, snapshot.policy.mode, seconds)
        asleep = sorted(name for name, awake in plan.awake.items() if not awake)
        LOGGER.info(
            "Planned period",
            extra={
                "fields": {
                    "plan": plan.name,
                    "mode": str(snapshot.policy.mode),
                    "hold": str(plan.hold.reason) if plan.hold else None,
                    "solver": plan.solver.solver,
                    "method": plan.solver.method,
                    "status": plan.solver.status.lower(),
                    "cause": str(plan.solver.cause) if plan.solver.cause else None,
                    "relative_gap": plan.solver.relative_gap,
                    "duration_seconds": round(seconds, 3),
                    "emissions_grams": {mode: round(g, 6) for mode, g in plan.emissions_by_mode_grams.items()},
                    "asleep": asleep,
                    "running": [directive.job for directive in plan.jobs if directive.run],
                    "transfers": len(plan.transfers),
                }
            },
        )

    def stepped(self, step: Step) -> None:
        """One line per act or change of state of a node."""
        self._metrics.stepped(str(step.act), str(step.cause.reason))
        LOGGER.info(
            "Stepped node",
            extra={
                "fields": {
                    "node": step.node,
                    "state": str(step.record.power_state),
                    "act": str(step.act),
                    "reason": str(step.cause.reason),
                    "detail": step.cause.message,
                    "pods": [f"{pod.namespace}/{pod.name}" for pod in step.pods] if step.act is Act.EVICT else [],
                }
            },
        )

    def settled(self, ledger: PeriodLedger, baseline_grams: float | None) -> None:
        """One line per settled period."""
        self._metrics.settled(ledger, baseline_grams)
        LOGGER.info(
            "Settled period",
            extra={
                "fields": {
                    "start": ledger.period.start.isoformat(),
                    "closing_error_ratio": ledger.closing_error_ratio,
                    "location_grams": ledger.totals.location_grams,
                    "market_grams": ledger.totals.market_grams,
                    "baseline_grams": baseline_grams,
                    "missing": [node.node for node in ledger.missing],
                }
            },
        )

    def observed(self, snapshot: Snapshot) -> None:
        """Refresh the gauges."""
        self._metrics.observed(snapshot)

    def pinned(self, nodes: Sequence[PinnedNode], grams: Mapping[str, float], policy: PolicySpec) -> None:
        """Refresh the gauge of pinned nodes, and add what they emitted."""
        self._metrics.pinned(nodes, grams, policy)

    def clock_differs(self, ahead_seconds: float) -> None:
        """This machine's clock and the API server's are apart; all goes by the server's."""
        text = "Own clock differs from the API server's: set the time of this node"
        LOGGER.warning(text, extra={"fields": {"ahead_seconds": round(ahead_seconds, 1)}})

    def failed(self, where: str, error: Exception) -> None:
        """A pass failed; it will be tried again."""
        self._metrics.failed(where)
        LOGGER.error("Failed %s", where, exc_info=error, extra={"fields": {"where": where}})

    def contained(self, part: str, subject: str, cause: Cause, error: Exception | None) -> None:
        """One object failed and nothing else; it will be tried again. Only an unforeseen error needs its traceback."""
        self._metrics.contained(part, str(cause.reason))
        fields = {"part": part, "subject": subject, "reason": str(cause.reason), "detail": cause.message}
        unforeseen = error if cause.reason in (Reason.INTERNAL_ERROR, Reason.PLAN_FAILED) else None
        LOGGER.warning("Failed %s of %s", part, subject, exc_info=unforeseen, extra={"fields": fields})
