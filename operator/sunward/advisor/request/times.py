"""Pieces of a request that say a time, as moments within the horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sunward.advisor.parser.lex import lex
from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.tokens import JOINED, Amount, Clock, Kind, Token, word
from sunward.advisor.request.types import Base, Code, NotSolvable

PART_HOURS = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 22), "night": (22, 30)}
"""Beginning and end of the parts of a day, in hours."""
_BEGIN_WORDS = {"before", "by", "until", "till", "prior to", "no later than", "not later than", "ahead of"}
_END_WORDS = {"after", "only after", "past"}


_LATER = frozenset(("later", "longer", "after that", "afterwards", "thereafter", "later than that"))
_SHIFTING = _LATER | {"earlier", "sooner", "forward", "brought forward", "before that", "earlier than that"}


class Clockwork:
    """Reads times of one request; collects how it understood them."""

    def __init__(self, base: Base, index: NameIndex) -> None:
        self.base = base
        self.index = index
        self.notes: list[str] = []

    def ends(self, first: str, last: str) -> tuple[datetime | None, datetime | None]:
        """The moments of a window's two quotes; the second follows the first where both stand in one quote."""
        if first and first == last and (tokens := lex(first, self.index)) and "neg" in tokens[0].concepts:
            return self._outside_part(tokens)
        begin = self._moment(first, is_end=False) if first else None
        end = self._moment(last, is_end=True, after=begin if first == last else None) if last else None
        return begin, end

    def _outside_part(self, tokens: Sequence[Token]) -> tuple[datetime | None, datetime | None]:
        """`not in the night`: what is left of the plan, where that is one piece."""
        parts = [token for token in tokens if token.kind is Kind.PART]
        if len(parts) == 1:
            first, last = (self._edge(str(parts[0].value), (), is_end=is_end) for is_end in (False, True))
            if first <= self.base.start:
                return last, None
            if last >= self.base.end:
                return None, first
        question = "What is left of the plan without these hours is not one piece. From when to when is meant?"
        raise NotSolvable(Code.NOT_EXPRESSIBLE, question)

    def first_period(self, moment: datetime | None) -> int | None:
        """The first period that begins at the moment or later."""
        if moment is None:
            return None
        if moment >= self.base.end:
            raise self._outside(moment)
        number = math.ceil((moment - self.base.start) / self.base.period) + 1
        self._note(
            moment,
            number,
            "the beginning of" if self._on_grid(moment) else "which lies within a period; first whole one:",
        )
        return number

    def last_period(self, moment: datetime | None) -> int | None:
        """The last period that ends at the moment or earlier."""
        if moment is None:
            return None
        if moment > self.base.end:
            raise self._outside(moment)
        number = math.floor((moment - self.base.start) / self.base.period)
        if number < 1:
            raise NotSolvable(Code.CONTRADICTION, f"No whole period ends by {moment:%H:%M}. Which later time is meant?")
        self._note(
            moment, number, "the end of" if self._on_grid(moment) else "which lies within a period; last whole one:"
        )
        return number

    def shift(self, quote: str) -> timedelta | None:
        """How much earlier (negative) or later than the base a quote asks for; None where it names a time."""
        tokens = lex(quote, self.index)
        length = next((t.amount.value for t in tokens if t.kind is Kind.QUANTITY and t.amount.unit == "s"), None)
        said = {word(token) for token in tokens}
        extends = any("extend" in token.concepts for token in tokens)
        if any("tillend" in token.concepts for token in tokens):
            return None
        if length is not None and extends:
            return timedelta(seconds=float(length))
        shifts = {concept for token in tokens for concept in token.concepts} & {"earlier", "later"}
        if JOINED in quote or length is None or not (said & _SHIFTING or shifts):
            return None
        return timedelta(seconds=float(length)) * (1 if said & _LATER or "later" in shifts else -1)

    def _on_grid(self, moment: datetime) -> bool:
        return (moment - self.base.start) % self.base.period == timedelta()

    def _note(self, moment: datetime, number: int, where: str) -> None:
        self.notes.append(f"{moment:%H:%M} is on {moment:%Y-%m-%d (%z)}, {where} period {number}")

    def _outside(self, moment: datetime) -> NotSolvable:
        start, end = self.base.start, self.base.end
        span = f"from {start:%H:%M on %Y-%m-%d} to {end:%H:%M on %Y-%m-%d}"
        question = f"{moment:%H:%M on %Y-%m-%d} lies outside of the plan, {span}. Which time within it is meant?"
        return NotSolvable(Code.OUTSIDE_HORIZON, question)

    def _moment(self, quote: str, *, is_end: bool, after: datetime | None = None) -> datetime:
        if JOINED in quote and _is_relative(quote, self.index):
            first, _, rest = quote.rpartition(JOINED)
            return self._moment(first, is_end=is_end, after=after) + (self.shift(rest) or timedelta())
        tokens = _times(lex(quote, self.index))
        times = [token for token in tokens if token.kind in (Kind.CLOCK, Kind.PART, Kind.QUANTITY)]
        if not times or len(times) > 2:
            raise NotSolvable(Code.MISSING_VALUE, f"{quote!r} names no time. At what time?")
        token = times[-1] if is_end and len(times) == 2 else times[0]
        if token.kind is Kind.QUANTITY:
            return self._after_start(token, tokens)
        if token.kind is Kind.PART:
            return self._edge(str(token.value), tokens, is_end=is_end)
        assert isinstance(token.value, Clock)
        return self._at(
            token.value, tokens, token, is_end=is_end, after=after, other=times[0] if len(times) == 2 else None
        )

    def _after_start(self, token: Token, tokens: Sequence[Token]) -> datetime:
        length = timedelta(seconds=float(token.amount.value))
        said = {word(t) for t in tokens}
        to_end = bool(said & {"last", "final"}) or any("tillend" in t.concepts for t in tokens)
        return self.base.end - length if to_end else self.base.start + length

    def _edge(self, part: str, tokens: Sequence[Token], *, is_end: bool) -> datetime:
        first, last = PART_HOURS[part]
        midnight = self.base.start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        begin = midnight + timedelta(hours=first)
        while begin + timedelta(hours=last - first) <= self.base.start:
            begin += timedelta(days=1)
        end = begin + timedelta(hours=last - first)
        if begin >= self.base.end:
            raise self._outside(begin)
        words = {word(token) for token in tokens}
        at_begin = (is_end and bool(words & _BEGIN_WORDS) and "end" not in words) or (
            not is_end and not words & _END_WORDS
        )
        self.notes.append(f"{part} is {begin:%H:%M} to {end:%H:%M}")
        return max(begin, self.base.start) if at_begin else min(end, self.base.end)

    def _at(
        self,
        clock: Clock,
        tokens: Sequence[Token],
        token: Token,
        *,
        is_end: bool,
        after: datetime | None,
        other: Token | None,
    ) -> datetime:
        if clock.hour > 23:
            raise NotSolvable(Code.IMPOSSIBLE_VALUE, f"{token.text!r} is no time of day. Which time is meant?")
        not_before = after if after is not None else self.base.start
        strict = is_end
        said = {word(t) for t in tokens}
        hours = [clock.hour]
        if clock.is_twelve and not _same_half(other, token):
            hours.append((clock.hour + 12) % 24)
        found = [self._next(hour, clock.minute, not_before, strict=strict) for hour in hours]
        if said & {"tomorrow", "the next day", "next day"}:
            found = [self._on_day(hour, clock.minute, 1) for hour in hours]
        elif "today" in said:
            found = [self._on_day(hour, clock.minute, 0) for hour in hours]
        inside = [moment for moment in found if moment <= self.base.end]
        if len(inside) > 1 and ":" in token.text and min(inside) != found[0]:
            choices = tuple(f"{moment:%H:%M}" for moment in sorted(inside))
            raise NotSolvable(Code.AMBIGUOUS, f"{token.text!r} may be {' or '.join(choices)}. Which one?", choices)
        chosen = min(inside or found)
        if len(hours) > 1:
            self.notes.append(f"{token.text} is taken as {chosen:%H:%M}, its next occurrence")
        return chosen

    def _next(self, hour: int, minute: int, after: datetime, *, strict: bool) -> datetime:
        moment = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return moment + timedelta(days=1) if moment < after or (strict and moment == after) else moment

    def _on_day(self, hour: int, minute: int, days: int) -> datetime:
        return self.base.start.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(days=days)


def _is_relative(quote: str, index: NameIndex) -> bool:
    """`2 p.m. ... two hours later`: a time, and a length of time that counts from it."""
    rest = lex(quote.rpartition(JOINED)[2], index)
    return bool(rest) and rest[0].kind is Kind.QUANTITY and rest[0].amount.unit == "s" and len(rest) == 2


def _same_half(other: Token | None, token: Token) -> bool:
    """`from 9 to 11am`, `between 10:00 and 14`: a range told in twenty-four hours is read so throughout."""
    if other is None or other is token or not isinstance(other.value, Clock):
        return False
    return not other.value.is_twelve and other.value.hour > 12


def _times(tokens: Sequence[Token]) -> list[Token]:
    """A bare number in a quote that must be a time is an hour."""
    if any(
        token.kind in (Kind.CLOCK, Kind.PART) or (token.kind is Kind.QUANTITY and token.amount.unit == "s")
        for token in tokens
    ):
        return [t for t in tokens if t.kind is not Kind.QUANTITY or t.amount.unit == "s"]
    return [
        _as_clock(token) if token.kind is Kind.NUMBER else token for token in tokens if token.kind is not Kind.QUANTITY
    ]


def _as_clock(token: Token) -> Token:
    assert isinstance(token.value, Amount)
    value = token.value.value
    hour = int(value) if value.denominator == 1 and 0 <= value <= 24 else 99
    clock = Clock(hour=hour % 24 if hour <= 24 else 99, minute=0, is_twelve=1 <= hour <= 12)
    return Token(kind=Kind.CLOCK, text=token.text, start=token.start, end=token.end, value=clock)
