"""The four modes of the method as presets of the policy: what may be shared, moved and put to sleep."""

from dataclasses import replace
from enum import StrEnum

from sunward.optimisation.problem.instance import Problem


class Scheme(StrEnum):
    """none: nothing; det: share energy; dat: move tasks and sleep; deta: both."""

    NONE = "none"
    DET = "det"
    DAT = "dat"
    DETA = "deta"


def with_mode(problem: Problem, mode: Scheme | str) -> Problem:
    """The same problem under a mode's policy; everything else of the policy stays. Raises ValueError if unknown."""
    chosen = Scheme(mode)
    policy = replace(
        problem.policy,
        share_energy=chosen in (Scheme.DET, Scheme.DETA),
        offload_tasks=chosen in (Scheme.DAT, Scheme.DETA),
        sleep=chosen in (Scheme.DAT, Scheme.DETA),
    )
    return replace(problem, policy=policy)
