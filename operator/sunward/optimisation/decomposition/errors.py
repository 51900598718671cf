"""What can go wrong while planning with prices, apart from a problem that is wrong or has no plan."""


class MasterError(RuntimeError):
    """The master program could not be solved; says what the solver reported."""


class BlockError(RuntimeError):
    """A block of nodes could not answer; says what the solver reported."""


class InfeasibleBlockError(BlockError):
    """A block of nodes cannot serve its own needs at any price."""


class NoWholePlanError(RuntimeError):
    """The bound is known, but no plan was found that meets every row; another solver may find one."""
