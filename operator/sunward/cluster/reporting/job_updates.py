"""What became of the updates of a job's workers, as the condition UpdatesRefused of its TrainingJob. Pure."""

from __future__ import annotations

from typing import Final

from sunward.cluster.objects.conditions import Condition
from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView, RefusedWorker, UpdateChecks, UpdateRule
from sunward.domain.reasons import Reason

TYPE: Final = "UpdatesRefused"
MOST_NAMED: Final = 5


def conditions_of(job: JobView) -> list[Condition]:
    """The condition, or nothing while the coordinator does not tell: what it last said then stays."""
    checks = None if job.progress is None else job.progress.updates
    if checks is None:
        return []
    return [Condition(type=TYPE, status=bool(checks.workers), cause=_cause(checks, job.spec.update_rule))]


def _cause(checks: UpdateChecks, wanted: UpdateRule) -> Cause:
    if checks.workers:
        return Cause(Reason.UPDATE_REFUSED, _named(checks.workers))
    if checks.applied_rule not in (None, wanted):
        message = f"too few workers in the last round for {wanted}: {checks.applied_rule} was used instead"
        return Cause(Reason.TOO_FEW_WORKERS, message)
    if checks.norm_bounded is False:
        message = "the size of the last updates was not checked: that needs three workers or an earlier round"
        return Cause(Reason.TOO_FEW_WORKERS, message)
    return Cause(Reason.UPDATES_ACCEPTED, f"refused updates so far: {checks.refused_count}")


def _named(workers: tuple[RefusedWorker, ...]) -> str:
    """The first few, the most stubborn first, and how many more there are."""
    texts = [f"{worker.node}: {worker.refusal}, {worker.in_a_row} in a row" for worker in workers[:MOST_NAMED]]
    rest = len(workers) - len(texts)
    return "; ".join(texts) + (f"; and {rest} more" if rest else "")
