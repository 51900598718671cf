"""What can go wrong while planning with prices, apart from a problem that is wrong or has no plan."""

from sunward.domain.errors import SunwardError


class DecompositionError(SunwardError):
    """Root of what price decomposition raises on purpose."""


class UnsupportedError(DecompositionError, ValueError):
    """The problem is not of the kind that prices can plan; the message is the reason."""


class OutOfTimeError(DecompositionError, TimeoutError):
    """The time ended before any plan was found."""


class MasterError(DecompositionError):
    """The master program could not be solved; says what the solver reported."""


class BlockError(DecompositionError):
    """A block of nodes could not answer; says what the solver reported."""


class InfeasibleBlockError(BlockError):
    """A block of nodes cannot serve its own needs at any price."""


class NoWholePlanError(DecompositionError):
    """The bound is known, but no plan was found that meets every row; another solver may find one."""
