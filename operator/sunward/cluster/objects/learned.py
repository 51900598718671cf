"""`EnergyNode.status.learned` <-> `Learned`: milli-units for people, base units for the operator."""

from __future__ import annotations

from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects.crd_types import EnergyNodeStatusLearned
from sunward.domain.estimate import Estimate
from sunward.domain.nodes import Learned

MILLI = 1e-3


def learned(body: EnergyNodeStatusLearned) -> Learned:
    """What an earlier pass wrote; a figure without its number of observations counts as not observed."""
    counts, spread = body.get("observations") or {}, body.get("spread") or {}
    return Learned(
        idle_watts=_estimate(body.get("idleMilliwatts"), spread.get("idleMilliwatts"), counts.get("idle"), MILLI),
        busy_watts=_estimate(body.get("busyMilliwatts"), spread.get("busyMilliwatts"), counts.get("busy"), MILLI),
        wake_seconds=_estimate(body.get("wakeMilliseconds"), spread.get("wakeMilliseconds"), counts.get("wake"), MILLI),
        observed_at=parse_time(body.get("time")),
    )


def _estimate(mean: int | None, spread: int | None, observations: int | None, unit: float) -> Estimate | None:
    if mean is None or not observations:
        return None
    return Estimate(mean=mean * unit, spread=(spread or 0) * unit, observations=observations)


def draw_patch(known: Learned) -> EnergyNodeStatusLearned:
    """The part of a merge patch that stores the draws and leaves the wakes alone."""
    idle, busy = known.idle_watts, known.busy_watts
    return {
        "time": format_time(known.observed_at),
        "idleMilliwatts": _milli(idle),
        "busyMilliwatts": _milli(busy),
        "spread": {"idleMilliwatts": _milli_spread(idle), "busyMilliwatts": _milli_spread(busy)},
        "observations": {"idle": _count(idle), "busy": _count(busy)},
    }


def wake_patch(known: Learned) -> EnergyNodeStatusLearned:
    """The part of a merge patch that stores the wakes and leaves the draws alone."""
    wake = known.wake_seconds
    return {
        "wakeMilliseconds": _milli(wake),
        "spread": {"wakeMilliseconds": _milli_spread(wake)},
        "observations": {"wake": _count(wake)},
    }


def _milli(estimate: Estimate | None) -> int | None:
    return None if estimate is None else round(estimate.mean / MILLI)


def _milli_spread(estimate: Estimate | None) -> int | None:
    return None if estimate is None else round(estimate.spread / MILLI)


def _count(estimate: Estimate | None) -> int | None:
    return None if estimate is None else estimate.observations
