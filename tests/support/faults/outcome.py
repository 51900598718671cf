"""What every suite is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run a suite; the same options give the same run wherever no real process is part of it."""

    seed: int = 1
    """First seed; a suite that needs several counts on from here."""
    long: bool = False
    """Release figures instead of those that every run of the tests can afford."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out of a suite."""

    suite: str
    """Name of its module, as in `make fault-NAME`."""
    title: str
    seed: int
    counts: Mapping[str, int | float]
    """How much was tried and how often what happened, by what it is: the words of the closing line."""
    violations: list[str]
    """What must not happen and did, each with the seed or case that shows it again."""
    worst_recovery_seconds: float | None = None
    not_run: str | None = None
    """Why it cannot run here; then it has neither passed nor failed."""
    figures: Mapping[str, object] = field(default_factory=dict)
    """Anything else worth keeping, for the file only."""

    @property
    def state(self) -> str:
        """One of passed, FAILED, not run."""
        if self.not_run is not None:
            return "not run"
        return "FAILED" if self.violations else "passed"

    def line(self) -> str:
        """The closing line."""
        if self.not_run is not None:
            return f"{self.title}: not run: {self.not_run}"
        told = [f"{_number(value)} {name.replace('_', ' ')}" for name, value in self.counts.items()]
        told.append(f"{len(self.violations)} violations")
        if self.worst_recovery_seconds is not None:
            told.append(f"worst recovery {self.worst_recovery_seconds:.1f} s")
        return f"{self.title}: {self.state} (seed {self.seed}): {', '.join(told)}"

    def as_json(self) -> dict[str, object]:
        """Every field, and the state in a word."""
        return {**asdict(self), "counts": dict(self.counts), "figures": dict(self.figures), "state": self.state}


def _number(value: int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"
