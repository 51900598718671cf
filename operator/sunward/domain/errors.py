"""Errors that people can act on; each keeps its data in fields and says what was expected."""

from __future__ import annotations


class SunwardError(Exception):
    """Root of every error that this package raises on purpose."""


class InvalidInput(SunwardError):
    """A file, resource or option is wrong: *where* names the field, *why* says what to do."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"{where}: {why}")


class SourceUnavailable(SunwardError):
    """A source of measurements did not answer; the caller degrades by policy.

    `retry_after_seconds` is how long it wants to be left alone, where it says so.
    """

    def __init__(self, source: str, why: str, retry_after_seconds: float | None = None) -> None:
        self.source = source
        self.why = why
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{source} is unavailable: {why}")


class NameTaken(SunwardError):
    """An object that we need exists under its name and belongs to another owner; *kind* and *name* identify it."""

    def __init__(self, kind: str, name: str, owner: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"{kind} {name} exists and does not belong to {owner}: delete it, or rename the job")
