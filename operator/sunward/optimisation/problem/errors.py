"""The error of a problem file; apart, so that reading and checking can both raise it."""

from sunward.optimisation.problem.strict_json import DocumentError


class ProblemError(DocumentError):
    """A problem that cannot be planned because its description is wrong: JSON path and why."""
