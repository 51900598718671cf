"""Takes events one by one and judges the world by every invariant after each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sunward_audit.events import Event, LogLine, ObjectSeen, Quiescence, RelayOrder, RelayRead, Request
from sunward_audit.invariants import invariants
from sunward_audit.report import Report, Violation, finding
from sunward_audit.verdicts import Invariant, Source, Verdict
from sunward_audit.view import PATIENCE, View

SOURCES: dict[type, Source] = {
    ObjectSeen: Source.OBJECTS,
    RelayOrder: Source.ORDERS,
    Request: Source.REQUESTS,
    LogLine: Source.LOGS,
    Quiescence: Source.CALM,
}
FROM_FILES = (RelayOrder, RelayRead, Request)
"""What is read from the beginning of a file, and may have happened before the audit began."""


class Auditor:
    """Events in, violations out.

    `operators` are the user names of the operator at the API server (default: service accounts named
    sunward-operator); `operator_node` is the Node on which it runs when it is no pod. `sources` are those that are
    connected although nothing has come from them yet. `only` limits the invariants to those of the given ids.
    `patience` is how long the record that announces an order may arrive after it.
    """

    def __init__(
        self,
        *,
        operators: Iterable[str] = (),
        operator_node: str | None = None,
        secret_values: Iterable[str] = (),
        sources: Iterable[Source] = (),
        only: Collection[str] | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        values = tuple(secret_values)
        self.view = View(frozenset(operators), operator_node, patience)
        self.sources = {*sources, *((Source.SECRETS,) if values else ())}
        chosen: tuple[Invariant, ...] = invariants(values)
        self._invariants = tuple(i for i in chosen if only is None or i.id in only)
        self._judged: Counter[str] = Counter()
        self._violations: dict[tuple[str, str, str], Violation] = {}

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All so far, each once, in the order in which they were first seen."""
        return tuple(self._violations.values())

    def looks_since(self, moment: datetime) -> None:
        """The first look is over. What files tell of the time before it is remembered and not judged: the record that
        announced an order of yesterday has long been another."""
        self.view.looks_since = moment

    def take(self, event: Event) -> tuple[Violation, ...]:
        """Judge the world after an event; returns what is newly broken."""
        source = SOURCES.get(type(event))
        if source is not None:
            self.sources.add(source)
        if isinstance(event, RelayRead) and self.view.powered.get(event.node) is event.on:
            return ()  # nothing changed, and a relay is asked every second
        self.view.take(event)
        if isinstance(event, FROM_FILES) and event.time < self.view.looks_since:
            return ()
        return tuple(
            violation
            for invariant in self._invariants
            for check in invariant.checks
            for verdict in check(self.view, event)
            if (violation := self._note(invariant, verdict)) is not None
        )

    def report(self) -> Report:
        """What was judged, what was broken, and what could not be judged."""
        counts = Counter(violation.invariant for violation in self._violations.values())
        return Report(
            began=self.view.began,
            ended=self.view.now if self.view.began else None,
            violations=self.violations,
            findings=tuple(
                finding(invariant, self._judged[invariant.id], counts[invariant.id], self.sources)
                for invariant in self._invariants
            ),
        )

    def _note(self, invariant: Invariant, verdict: Verdict) -> Violation | None:
        self._judged[invariant.id] += 1
        if verdict.broken is None:
            return None
        key = (invariant.id, verdict.subject, verdict.broken)
        known = self._violations.get(key)
        if known is not None:
            self._violations[key] = replace(known, last=self.view.now, times=known.times + 1)
            return None
        self._violations[key] = Violation(
            invariant=invariant.id,
            subject=verdict.subject,
            what=verdict.broken,
            evidence=verdict.evidence,
            first=self.view.now,
            last=self.view.now,
        )
        return self._violations[key]
