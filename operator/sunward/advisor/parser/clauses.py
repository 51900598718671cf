"""A request as a row of wishes: the cheapest way to cut it into stretches that each reader understands whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sunward.advisor.parser import ellipsis
from sunward.advisor.parser.fillers import is_filler, is_plain
from sunward.advisor.parser.frames import amount, battery, data, export, place, policy, power, sleep, supply, window
from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.span import STRONG, Edit, Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word

READERS = tuple(
    reader
    for module in (policy, sleep, window, place, data, amount, export, battery, supply, power)
    for reader in module.READERS
)
_OPENERS = {
    "with",
    "while",
    "when",
    "if",
    "so",
    "then",
    "because",
    "since",
    "as",
    "given that",
    "assuming",
    "without",
    "what if",
    "suppose",
    "even if",
    "where",
    "because of",
    "so that",
    "due",
    "owing",
    "although",
    "though",
    "whereas",
    "and",
    "even though",
}
UNREAD = 1000.0
DIVIDED = 1.5
"""Cost of a mark within one wish: two wishes that are whole by themselves are not read as one."""
POOR = 2.0
"""Unknown words of a reading from which on a reason is the better one."""
MOST_ATOMS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch and what it was read as; no reading where it is filler, a topic, or was not read."""

    tokens: tuple[Token, ...]
    reading: Reading | None
    role: str
    cost: float


@dataclass(frozen=True, slots=True)
class _Path:
    cost: float
    pieces: tuple[Piece, ...]

    @property
    def last(self) -> Reading | None:
        return next((piece.reading for piece in reversed(self.pieces) if piece.reading is not None), None)


@dataclass(slots=True)
class Cutter:
    """Searches all ways to cut the tokens at marks and openers."""

    text: str
    index: NameIndex
    is_night: bool

    def cut(self, tokens: Sequence[Token]) -> tuple[Piece, ...]:
        """The cheapest row of pieces."""
        atoms = list(_atoms(tokens))[:MOST_ATOMS]
        best: list[_Path | None] = [_Path(0.0, ())] + [None] * len(atoms)
        for end in range(1, len(atoms) + 1):
            for start in range(end - 1, max(-1, end - 8), -1):
                if start < end - 1 and _is_hard(atoms[end - 2]):
                    break
                self._extend(best, atoms, start, end)
        found = best[-1]
        return found.pieces if found is not None else ()

    def _extend(self, best: list[_Path | None], atoms: list[list[Token]], start: int, end: int) -> None:
        before = best[start]
        if before is None:
            return
        tokens = [token for atom in atoms[start:end] for token in atom]
        piece = self._piece(tokens, before.last, is_single=end - start == 1)
        cost = before.cost + piece.cost
        present = best[end]
        if present is None or cost < present.cost - 1e-9:
            best[end] = _Path(cost, (*before.pieces, piece))

    def _piece(self, tokens: list[Token], last: Reading | None, *, is_single: bool) -> Piece:
        kept = tuple(tokens)
        if is_plain(kept):
            return Piece(tokens=kept, reading=None, role="plain", cost=0.1)
        readings = [
            r for r in self._readings(kept) if r.follows is None or (last is not None and r.follows == last.kind)
        ]
        if is_filler(kept) and is_single and all(reading.cost >= POOR for reading in readings):
            return Piece(tokens=kept, reading=None, role="filler", cost=0.3)
        if (
            is_filler(kept)
            and is_single
            and readings
            and word(kept[0]) in ("because", "because of", "since", "as", "due", "owing")
        ):
            return Piece(tokens=kept, reading=None, role="filler", cost=0.3)
        if readings:
            least = min(reading.cost for reading in readings)
            cheapest = [reading for reading in readings if reading.cost == least]
            other = last is not None and all(reading.kind != last.kind for reading in cheapest)
            again = self._elliptic(kept, last) if cheapest[0].missing and other else None
            if again is not None and not again.missing:
                return Piece(tokens=kept, reading=again, role="wish", cost=2.5 + 2.0 * again.cost)
            if any(reading.follows is not None for reading in cheapest):
                cheapest = [reading for reading in cheapest if reading.follows is not None]
            cost = 1.0 + 2.0 * least + 1.5 * len(cheapest[0].missing) + DIVIDED * _inner_marks(kept)
            return Piece(tokens=kept, reading=_agreed(cheapest), role="wish", cost=cost)
        again = self._elliptic(kept, last)
        if again is not None:
            return Piece(tokens=kept, reading=again, role="wish", cost=2.5 + 2.0 * again.cost)
        if _is_topic(kept):
            return Piece(tokens=kept, reading=None, role="topic", cost=3.0)
        return Piece(tokens=kept, reading=None, role="unread", cost=UNREAD + len(kept))

    def _readings(self, tokens: Sequence[Token]) -> list[Reading]:
        inner = list(tokens)
        while inner and inner[0].kind is Kind.MARK and inner[0].value != "or":
            inner = inner[1:]
        while inner and inner[-1].kind is Kind.MARK and inner[-1].value != "or":
            inner = inner[:-1]
        span = Span(text=self.text, tokens=inner, index=self.index, is_night=self.is_night)
        return [
            reading for reader in READERS for reading in reader(span) if reading is not None and reading.cost < STRONG
        ]

    def _elliptic(self, tokens: Sequence[Token], last: Reading | None) -> Reading | None:
        """`and barn-02 as well`: the wish before, with what is named here in the place of what was named there."""
        if last is None or last.tokens[-1].value == "or":
            return None
        renewed = ellipsis.renewed(tokens, last)
        found = [r for r in self._readings(renewed) if r.kind == last.kind] if renewed else []
        return replace(found[0], cost=found[0].cost) if found else None


def _inner_marks(tokens: Sequence[Token]) -> int:
    """Marks between the first and the last word of a stretch."""
    places = [place for place, token in enumerate(tokens) if token.kind is not Kind.MARK]
    return sum(token.kind is Kind.MARK for token in tokens[places[0] : places[-1]]) if places else 0


def _is_topic(tokens: Sequence[Token]) -> bool:
    """Only names, to be used by what follows: `Keyboard: ...`, `As for the birds, ...`."""
    named = [token for token in tokens if token.kind in (Kind.JOBS, Kind.NODES)]
    rest = [token for token in tokens if token not in named]
    return len(named) == 1 and (
        is_plain(rest)
        or all(
            word(t) in ("as for", "regarding", "concerning", "about", "re", "as", "for") or is_plain([t]) for t in rest
        )
    )


def _agreed(readings: Sequence[Reading]) -> Reading:
    """One reading, or a question where two readers understand different things at the same cost."""
    first = readings[0]
    if all(
        other.edits == first.edits and other.limits == first.limits and other.objective == first.objective
        for other in readings
    ):
        return first
    kinds = sorted({reading.kind for reading in readings})
    return replace(first, problem=("ambiguous", " or ".join(kinds)))


def _atoms(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Stretches between marks; the mark closes its stretch, an opener begins one."""
    atom: list[Token] = []
    for token in tokens:
        if word(token) in _OPENERS and token.kind is not Kind.MARK and any(t.kind is not Kind.MARK for t in atom):
            yield atom
            atom = []
        atom.append(token)
        if token.kind is Kind.MARK:
            yield atom
            atom = []
    if atom:
        yield atom


def _is_hard(atom: Sequence[Token]) -> bool:
    return atom[-1].kind is Kind.MARK and atom[-1].value == "hard"


def used_text(text: str, tokens: Sequence[Token]) -> str:
    """The piece of the request that tokens cover."""
    return text[min(t.start for t in tokens) : max(t.end for t in tokens)].strip(" ,.;:!?") if tokens else ""


def renamed(edit: Edit, jobs: Sequence[str], nodes: Sequence[str]) -> Edit:
    """An edit whose missing names are taken from what was named before."""
    filled = dict(edit)
    if "jobs" in filled and filled["jobs"] is None:
        filled["jobs"] = list(jobs)
    if "nodes" in filled and filled["nodes"] is None:
        filled["nodes"] = list(nodes)
    return filled
