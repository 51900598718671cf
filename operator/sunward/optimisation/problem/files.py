"""Problem files: JSON text <-> a checked problem."""

from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.errors import ProblemError
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.strict_json import DocumentError, parse, read


def parse_problem(text: str) -> Problem:
    """Read and check a problem file; raises ProblemError with the JSON path of the first fault."""
    try:
        document = parse(text)
        if isinstance(document, dict):
            _require_schema(document.pop("schema", None))
        problem = read(Problem, document)
    except ProblemError:
        raise
    except DocumentError as error:
        raise ProblemError(error.path, error.why) from None
    check_problem(problem)
    return problem


def _require_schema(found: object) -> None:
    if found != Problem.SCHEMA:
        raise ProblemError("schema", f"must be {Problem.SCHEMA!r}")
