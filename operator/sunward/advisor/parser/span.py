"""A stretch of tokens that may be one wish, and what a reader of wishes asks of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.tokens import JOINED, Kind, Token, word

Edit = dict[str, Any]
STRONG = 100.0
"""Cost of a token that would change the meaning and that the reader did not use: such a reading is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a stretch means: edits of a draft, what they lack and may take from the sentence before, and its cost."""

    kind: str
    edits: tuple[Edit, ...] = ()
    limits: tuple[Edit, ...] = ()
    objective: str | None = None
    missing: frozenset[str] = frozenset()
    cost: float = 0.0
    jobs: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()
    problem: tuple[str, str] | None = None
    follows: str | None = None


@dataclass(slots=True)
class Span:
    """Tokens and the text that they are from; `is_night` where the horizon is a night."""

    text: str
    tokens: Sequence[Token]
    index: NameIndex
    is_night: bool
    used: set[int] = field(default_factory=set)

    def has(self, *concepts: str) -> bool:
        """Whether any word carries one of the concepts."""
        return any(not token.concepts.isdisjoint(concepts) for token in self.tokens)

    def hours(self) -> list[Token]:
        """Times of day and parts of a day, but for a night that is the whole plan."""
        whole = self.is_night
        return [t for t in self.of(Kind.CLOCK, Kind.PART) if not (whole and "overnight" in t.concepts)]

    def of(self, *kinds: Kind) -> list[Token]:
        """Tokens of some kinds."""
        return [token for token in self.tokens if token.kind in kinds]

    def words(self, *concepts: str) -> list[Token]:
        """Tokens that carry one of the concepts."""
        return [token for token in self.tokens if not token.concepts.isdisjoint(concepts)]

    def amounts(self, *units: str) -> list[Token]:
        """Quantities in some units; the empty unit stands for a bare number."""
        kinds = (Kind.QUANTITY, Kind.NUMBER)
        return [token for token in self.tokens if token.kind in kinds and token.amount.unit in units]

    def says(self, *words: str) -> bool:
        """Whether a token reads so."""
        return any(word(token) in words for token in self.tokens)

    def quote(self, tokens: Iterable[Token]) -> str:
        """The piece of the request from the first to the last of these tokens."""
        found = sorted(tokens, key=lambda token: token.start)
        pieces: list[list[int]] = []
        related = [token for token in found if JOINED in token.text]
        if related:
            rest = self.quote(token for token in found if token not in related)
            return " ".join(text for text in (rest, related[0].text) if text)
        for token in found:
            if pieces and self._is_covered(pieces[-1][1], token.start):
                pieces[-1][1] = max(pieces[-1][1], token.end)
            else:
                pieces.append([token.start, token.end])
        return JOINED.join(self.text[start:end] for start, end in pieces)

    def _is_covered(self, start: int, end: int) -> bool:
        """Whether nothing but tokens of this stretch stands in between: what was corrected away is no part of it."""
        inside = [token for token in self.tokens if start <= token.start < end]
        rest = "".join(self.text[start:end].split())
        return len(rest) <= sum(len("".join(token.text.split())) for token in inside)

    def labels(self, tokens: Iterable[Token]) -> list[str]:
        """The names of tokens as a draft writes them."""
        return list(dict.fromkeys(label for token in tokens for label in token.names.labels))

    def is_before(self, first: Token, second: Token) -> bool:
        """Whether one token stands before another."""
        return first.start < second.start

    def previous(self, token: Token) -> Token | None:
        """The token before, determiners passed over."""
        at = self.tokens.index(token) - 1
        while at >= 0 and word(self.tokens[at]) in ("the", "a", "an", "its", "their", "about", "of", "by", "our"):
            at -= 1
        return self.tokens[at] if at >= 0 else None

    def cost(self, allowed: Collection[str], used: Iterable[Token]) -> float:
        """What is left over: nothing for words that change no meaning, one for unknown ones, STRONG for the rest."""
        taken = {id(token) for token in used}
        return sum(self._left(token, allowed) for token in self.tokens if id(token) not in taken)

    def _left(self, token: Token, allowed: Collection[str]) -> float:
        if token.kind in (Kind.HORIZON, Kind.PRONOUN):
            return 0.0
        if token.kind is Kind.PART:
            return 0.0 if self.is_night and "overnight" in token.concepts else STRONG
        if token.kind is Kind.MARK:
            return STRONG if token.value == "or" and "or" not in allowed else 0.0
        if token.kind is Kind.ALL:
            return 0.0 if "all" in allowed else STRONG
        if token.kind is not Kind.WORD:
            return STRONG
        if not token.concepts:
            return STRONG if token.is_capital else 1.0
        return 0.0 if token.concepts & {"neutral", "question"} or not token.concepts.isdisjoint(allowed) else STRONG

    def reading(
        self,
        kind: str,
        edits: Sequence[Edit],
        allowed: Collection[str],
        used: Iterable[Token],
        missing: Collection[str] = (),
    ) -> Reading | None:
        """A reading, or None where something is left over that would change the meaning."""
        cost = self.cost(allowed, used)
        if cost >= STRONG or len(self.of(Kind.JOBS)) > 1 or len(self.of(Kind.NODES)) > 1:
            return None
        return self.done(kind, edits=edits, missing=missing, cost=cost)

    def done(
        self,
        kind: str,
        *,
        edits: Sequence[Edit] = (),
        limits: Sequence[Edit] = (),
        objective: str | None = None,
        missing: Collection[str] = (),
        cost: float = 0.0,
    ) -> Reading:
        """A reading with its mentions."""
        return Reading(
            kind=kind,
            edits=tuple(edits),
            limits=tuple(limits),
            objective=objective,
            missing=frozenset(missing),
            cost=cost,
            jobs=tuple(self.labels(self.of(Kind.JOBS)[-1:])),
            nodes=tuple(self.labels(self.of(Kind.NODES)[-1:])),
            tokens=tuple(self.tokens),
        )

    def share(self, concepts: Collection[str]) -> tuple[str, list[Token]] | None:
        """The piece that says a share with its direction, and its tokens; None unless there is exactly one share."""
        shares = self.amounts("%", "x")
        if len(shares) != 1:
            return None
        near = [token for token in self.words(*concepts) if token.kind is Kind.WORD]
        at = self.tokens.index(shares[0])
        before = [
            t for t in self.tokens[max(0, at - 2) : at] if word(t) in ("to", "by", "up", "only", "at", "just", "down")
        ]
        before += [t for t in self.tokens[at + 1 : at + 2] if word(t) in ("up", "down")]
        return self.quote([*shares, *near, *before]), [*shares, *near, *before]

    def is_level(self, token: Token) -> bool:
        """Whether an amount is what something is set to, and not by how much it changes."""
        at = self.tokens.index(token)
        return at > 0 and (word(self.tokens[at - 1]) in ("to", "at") or "reduced_to" in self.tokens[at - 1].concepts)

    def jobs_or_missing(self) -> tuple[list[str] | None, list[Token], set[str]]:
        """Named jobs, their tokens, and `jobs` as missing where none is named."""
        named = self.of(Kind.JOBS)
        return (self.labels(named), named, set()) if named else (None, [], {"jobs"})
