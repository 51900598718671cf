"""What is wrong with a solution, as values; and the one comparison that all checks share."""

from collections.abc import Iterable
from dataclasses import dataclass, field

TOLERANCE = 1e-6
"""A constraint holds when it is missed by no more than this share of its largest term."""
FLOOR = 1e-12
"""Amounts below this are rounding of zero, whatever the unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken constraint: its number in the problem's description (or what else was checked), where, by how much."""

    constraint: str
    where: str
    excess: float
    message: str

    def __str__(self) -> str:
        """One line for people."""
        return f"constraint {self.constraint} at {self.where}: {self.message} (by {self.excess:.3g})"


@dataclass(slots=True)
class Findings:
    """Collects violations; every check goes through `at_most`, `equal` or `fault`."""

    found: list[Violation] = field(default_factory=list)

    def at_most(
        self, constraint: str, where: str, message: str, sides: tuple[float, float], *, terms: Iterable[float] = ()
    ) -> None:
        """Left side at most right side, to 1e-6 of the largest of both sides and `terms`."""
        left, right = sides
        allowed = TOLERANCE * max(abs(left), abs(right), *map(abs, terms)) + FLOOR
        if not left - right <= allowed:
            self.fault(constraint, where, message, left - right)

    def equal(
        self, constraint: str, where: str, message: str, sides: tuple[float, float], *, terms: Iterable[float] = ()
    ) -> None:
        """Both sides equal, to 1e-6 of the largest of both sides and `terms`."""
        left, right = sides
        allowed = TOLERANCE * max(abs(left), abs(right), *map(abs, terms)) + FLOOR
        if not abs(left - right) <= allowed:
            self.fault(constraint, where, message, abs(left - right))

    def fault(self, constraint: str, where: str, message: str, excess: float) -> None:
        """Record a violation."""
        self.found.append(Violation(constraint=constraint, where=where, excess=excess, message=message))
