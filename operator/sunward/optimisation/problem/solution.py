"""A solution of the planning problem as frozen values, exactly the fields of its JSON file.

Knows no solver and does not judge: whether a solution is correct is `verify.verify`'s answer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar

from sunward.domain.plans import SolverName
from sunward.optimisation.problem.strict_json import JSON_NAME, OPTIONAL, DocumentError, parse, read, write


class SolutionError(DocumentError):
    """A solution file that cannot be read: JSON path and why."""


class Status(StrEnum):
    """What a solution claims: proven best, good, impossible, or the greedy plan because something failed."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    FALLBACK = "fallback"


class InfeasibilityCause(StrEnum):
    """What has to give before an infeasible problem has a plan."""

    DEADLINE = "deadline"
    NO_WORKER = "no-worker"
    OFFLOAD = "offload"
    STORAGE = "storage"
    WORKERS = "workers"
    SLEEP_LIMIT = "sleep-limit"
    BATTERY = "battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """Batches of `job` whose data live on `home`, processed on node `on` in `period` (from 1)."""

    job: str
    home: str = field(metadata={JSON_NAME: "from"})
    on: str
    period: int
    batches: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRow:
    """Watt-hours that `node` sends into `pool`, or draws from it before losses, in `period` (from 1)."""

    pool: str
    node: str
    period: int
    watt_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One node over all periods; every tuple has one entry per period."""

    name: str
    awake_hours: tuple[float, ...]
    on: tuple[bool, ...]
    grid_watt_hours: tuple[float, ...]
    harvest_used_watt_hours: tuple[float, ...]
    charge_watt_hours: tuple[float, ...]
    discharge_watt_hours: tuple[float, ...]
    stored_watt_hours: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Shadow prices: grams per watt-hour in each pool and period; grams per unit of a job's offload ratio."""

    energy_grams_per_watt_hour: Mapping[str, tuple[float, ...]]
    offload_cap_grams: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """By how much a constraint is missed, in its own unit.

    deadline, no-worker, offload, workers (minimum batches): batches; storage: gigabytes; sleep-limit: nodes;
    battery: watt-hours. `job` or `node` names whose constraint it is, None where it has none.
    """

    constraint: InfeasibilityCause
    job: str | None = field(default=None, metadata={OPTIONAL: True})
    node: str | None = field(default=None, metadata={OPTIONAL: True})
    shortfall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A plan with its certificate. Amounts are None only when the problem is infeasible.

    `solver` is a SolverName where one of ours found the plan; a file may name any other. `method` says how the solver
    went about it, for people. `fallback` is why the greedy answer stands in for that of the solver that was asked. The
    file has one text for the three, `solver`; see `_spelled`.
    """

    SCHEMA: ClassVar[str] = "sunward.dev/solution/v1alpha1"

    status: Status
    objective_grams: float | None
    lower_bound_grams: float | None
    relative_gap: float | None
    solver: str
    method: str | None = field(default=None, metadata={OPTIONAL: True})
    fallback: str | None = field(default=None, metadata={OPTIONAL: True})
    solve_seconds: float
    rounded: bool
    batches: tuple[BatchRow, ...]
    sends: tuple[EnergyRow, ...]
    draws: tuple[EnergyRow, ...]
    nodes: tuple[NodeRow, ...]
    prices: Prices
    infeasible_because: tuple[Shortfall, ...]

    @staticmethod
    def infeasible(
        because: tuple[Shortfall, ...], *, solver: SolverName, method: str | None = None, seconds: float
    ) -> "Solution":
        """No plan, and what is missing for one: no amount, no row and no price."""
        return Solution(
            status=Status.INFEASIBLE,
            objective_grams=None,
            lower_bound_grams=None,
            relative_gap=None,
            solver=solver,
            method=method,
            solve_seconds=seconds,
            rounded=False,
            batches=(),
            sends=(),
            draws=(),
            nodes=(),
            prices=NO_PRICES,
            infeasible_because=because,
        )

    @property
    def found_by(self) -> str:
        """The solver and its method, for people."""
        return f"{self.solver} ({self.method})" if self.method else str(self.solver)

    @staticmethod
    def from_json(text: str) -> "Solution":
        """Read a solution file; raises SolutionError with the JSON path of the first fault."""
        try:
            document = parse(text)
            if isinstance(document, dict) and document.pop("schema", None) != Solution.SCHEMA:
                raise SolutionError("schema", f"must be {Solution.SCHEMA!r}")
            if isinstance(document, dict) and (extra := next((key for key in _IN_ONE_TEXT if key in document), None)):
                raise SolutionError(extra, "is not a field of a solution; `solver` says it")
            found = read(Solution, document)
            return replace(found, **_parsed(found.solver))
        except SolutionError:
            raise
        except DocumentError as error:
            raise SolutionError(error.path, error.why) from None

    def to_json(self) -> str:
        """The solution file; `from_json` reads it back to an equal value."""
        document = {"schema": self.SCHEMA, **write(self), "solver": _spelled(self)}
        for key in _IN_ONE_TEXT:
            document.pop(key, None)
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


_IN_ONE_TEXT = ("method", "fallback")
_SPELLED = re.compile(
    rf"(?P<solver>{'|'.join(SolverName)})(?: \((?P<method>.+?)\))?(?:, because (?P<fallback>.+))?", re.DOTALL
)


def _spelled(solution: Solution) -> str:
    """`solver` of the file: NAME, then (METHOD), then ", because REASON" where another solver was asked."""
    because = "" if solution.fallback is None else f", because {solution.fallback}"
    return f"{solution.found_by}{because}"


def _parsed(text: str) -> dict[str, Any]:
    """The three fields of a text that `_spelled` wrote; any other text is a solver's name as it stands."""
    parts = _SPELLED.fullmatch(text)
    if parts is None:
        return {"solver": text}
    return {**parts.groupdict(), "solver": SolverName(parts["solver"])}


NO_PRICES = Prices(energy_grams_per_watt_hour={}, offload_cap_grams={})
"""Prices of a plan that no dual solution stands behind."""
