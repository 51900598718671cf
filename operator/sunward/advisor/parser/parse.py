"""The parser: a request and a base in, a draft or a question out. No model, no clock, no network."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sunward.advisor.parser import guards
from sunward.advisor.parser.clauses import Cutter, Piece, renamed, used_text
from sunward.advisor.parser.corrections import corrected
from sunward.advisor.parser.lex import lex
from sunward.advisor.parser.names import NameIndex, index_of
from sunward.advisor.parser.shape import shaped
from sunward.advisor.parser.span import Edit, Reading
from sunward.advisor.parser.tokens import Kind, Token, word
from sunward.advisor.parser.words import cleaned
from sunward.advisor.request.types import Base, Code, Draft, NotSolvable

MOST_UNKNOWN_WORDS = 2
"""Words without a meaning here that a whole request may have besides what was read."""
_ASKS = "say it in one sentence, for example: the birds done by 3pm; keep barn-03 on; 20 % less sun; at most 40 g"
_FIELDS = "Hours can be given for jobs, harvest and grid intensity; everything else holds for the whole plan."
_SCOPE = "ask what a plan would emit under other deadlines, nodes, batteries, harvest, grid intensity or limits"


def parse(request: str, base: Base) -> Draft:
    """The draft of a request. Raises NotSolvable with the question or the refusal."""
    text = cleaned(request)
    index = index_of(base.problem)
    if not text:
        raise NotSolvable(Code.MISSING_VALUE, f"The request is empty. What should be different? You can {_SCOPE}.")
    raw = corrected(list(lex(text, index)))
    pieces = _cut(text, raw, index, base)
    _refuse(text, pieces, index)
    _require_read(text, pieces, index)
    return _draft(text, pieces, index)


def _cut(text: str, raw: list[Token], index: NameIndex, base: Base) -> tuple[Piece, ...]:
    """The best cut over the ways to read lists of names."""
    cutter = Cutter(text, index, base.is_night)
    best: tuple[Piece, ...] = ()
    for joins in ("all", "and", "none"):
        pieces = cutter.cut(shaped(raw, index, joins=joins))
        if not best or _cost(pieces) < _cost(best) - 1e-9:
            best = pieces
        if best and _cost(best) < 100.0:
            break
    return best


def _cost(pieces: Sequence[Piece]) -> float:
    return sum(piece.cost for piece in pieces)


def _refuse(text: str, pieces: Sequence[Piece], index: NameIndex) -> None:
    kept = " ".join(used_text(text, piece.tokens) + "." for piece in pieces if piece.role != "filler")
    tokens = [token for piece in pieces if piece.role != "filler" for token in piece.tokens]
    found = guards.refusal(text, kept, tokens)
    unknown = [token for token in tokens if token.kind is Kind.UNKNOWN]
    if unknown and found in ("actuation", None):
        raise _unknown_name(unknown[0], index)
    if found is not None:
        raise refused(found)
    if _wishes(pieces) and not any(piece.role == "unread" for piece in pieces):
        return
    if guards.is_outside(kept):
        raise refused("out-of-scope")


def refused(code: str) -> NotSolvable:
    """The refusal of a code, with what can be asked instead."""
    return NotSolvable(Code(code), f"{_REFUSED[Code(code)]} You can {_SCOPE}.")


_REFUSED = {
    Code.INJECTION: "The request contains instructions to the advisor or to a program; such text is not acted on.",
    Code.ACTUATION: "The advisor computes what would happen; it changes nothing in the cluster.",
    Code.UNSAFE: "The request would lower a limit that protects machines or data; the advisor does not compute that.",
    Code.OUT_OF_SCOPE: "This is outside of what the advisor can compute.",
    Code.UNSUPPORTED_OBJECTIVE: (
        "The advisor minimises emissions or energy from the grid; it knows no prices, times or accuracies to optimise."
    ),
    Code.UNSUPPORTED_CLAIM: (
        "The advisor computes grams and confirms no claim of neutrality; that takes retired certificates."
    ),
}


def _unknown_name(token: Token, index: NameIndex) -> NotSolvable:
    near = difflib.get_close_matches(token.text.lower(), index.known, n=3, cutoff=0.4)
    parts = {name.rpartition("/")[2]: name for name in index.jobs}
    near += [parts[part] for part in difflib.get_close_matches(token.text.lower(), parts, n=2, cutoff=0.5)]
    offered = tuple(dict.fromkeys(near)) or tuple(index.known)
    return NotSolvable(
        Code.UNKNOWN_NAME, f"{token.text!r} is no job, node or grid zone of this problem. Which one is meant?", offered
    )


def _wishes(pieces: Sequence[Piece]) -> list[Reading]:
    return [piece.reading for piece in pieces if piece.reading is not None]


def _require_read(text: str, pieces: Sequence[Piece], index: NameIndex) -> None:
    unread = [piece for piece in pieces if piece.role == "unread"]
    wishes = _wishes(pieces)
    if unread:
        raise _unread(text, unread, bool(wishes), index)
    for piece in pieces:
        foreign = _foreign_job(piece.tokens) if piece.role == "wish" else None
        if foreign is not None:
            raise _unknown_name(foreign, index)
    if _is_conditional(pieces):
        question = "A wish that depends on another one cannot be computed. Which of the two should be assumed?"
        raise NotSolvable(Code.NOT_EXPRESSIBLE, question)
    for wish in wishes:
        if wish.problem is not None:
            raise NotSolvable(Code(wish.problem[0]), f"This may mean {wish.problem[1]}; {_ASKS}.")
    unknown = [token for wish in wishes for token in wish.tokens if token.kind is Kind.WORD and not token.concepts]
    if sum(wish.cost for wish in wishes) > MOST_UNKNOWN_WORDS:
        words = ", ".join(repr(token.text) for token in unknown[:6])
        raise NotSolvable(Code.UNREAD, f"These words were not understood: {words}. Please say it without them.")
    if not wishes:
        raise refused("out-of-scope")


def _changes(piece: Piece) -> bool:
    """Whether a piece asks for a change, and not only whether a limit can be met."""
    return piece.reading is not None and piece.reading.kind not in ("limit", "objective")


def _is_conditional(pieces: Sequence[Piece]) -> bool:
    """`keep X awake if Y`: two wishes of which one is a condition. `what if Y`, and `if Y, what then?` are none."""
    for place, piece in enumerate(pieces):
        if piece.role != "wish" or word(piece.tokens[0]) != "if":
            continue
        before = [other for other in pieces[:place] if other.role == "wish" and _changes(other)]
        after = pieces[place + 1] if place + 1 < len(pieces) else None
        closed = piece.tokens[-1].text
        if (before and pieces[place - 1].role == "wish" and pieces[place - 1].tokens[-1].text not in ".;?!") or (
            after is not None and after.role == "wish" and _changes(after) and closed == ","
        ):
            return True
    return False


def _unread(text: str, unread: Sequence[Piece], has_wishes: bool, index: NameIndex) -> NotSolvable:
    """The most telling question about what was not read."""
    tokens = [token for piece in unread for token in piece.tokens]
    said = repr(" ... ".join(used_text(text, piece.tokens) for piece in unread))
    capital = [t for t in tokens if t.kind is Kind.WORD and t.is_capital and not t.concepts]
    named = [t for t in tokens if t.kind in (Kind.JOBS, Kind.NODES)]
    job = _foreign_job(tokens)
    if job is not None:
        return _unknown_name(job, index)
    if capital and (named or _has_strong(tokens)):
        return _unknown_name(capital[0], index)
    if any(t.concepts & {"either"} for t in tokens) or any(t.kind is Kind.MARK and t.value == "or" for t in tokens):
        return NotSolvable(Code.AMBIGUOUS, f"{said} leaves open which is meant; name one.")
    if any(t.concepts & {"conditional", "availability", "order"} for t in tokens) or (
        named and any(t.kind in (Kind.CLOCK, Kind.PART) for t in tokens)
    ):
        return NotSolvable(
            Code.NOT_EXPRESSIBLE,
            f"The problem has no field for {said}. {_FIELDS}",
        )
    if not has_wishes and not named and not _has_strong(tokens):
        return refused("out-of-scope")
    if not any(t.kind in (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK) for t in tokens) and _has_strong(tokens):
        return NotSolvable(
            Code.MISSING_VALUE, f"{said} does not say how much, when or which; give a number, a time or a name."
        )
    return NotSolvable(Code.UNREAD, f"This was not understood: {said}. Please {_ASKS}.")


def _foreign_job(tokens: Sequence[Token]) -> Token | None:
    """A word without meaning in front of `job` or `node`: probably a name."""
    nouns = ("job", "jobs", "node", "box", "training", "grid", "zone", "battery", "machine")
    for token, following in itertools.pairwise(tokens):
        if token.kind is Kind.WORD and not token.concepts and word(following) in nouns:
            return token
    return _in_list(tokens)


def _in_list(tokens: Sequence[Token]) -> Token | None:
    """A word without meaning beside a name, with `and` or a comma between them: `birds and dogs`."""
    told = [token for token in tokens if word(token) not in ("the", "a", "an", "our", "my")]
    for first, mark, second in zip(told, told[1:], told[2:], strict=False):
        if mark.kind is not Kind.MARK or not (mark.value == "and" or mark.text in (",", "&")):
            continue
        for name, other in ((first, second), (second, first)):
            if name.kind in (Kind.JOBS, Kind.NODES) and other.kind is Kind.WORD and not other.concepts:
                return other
    return None


def _has_strong(tokens: Sequence[Token]) -> bool:
    strong = {
        "sun",
        "battery",
        "grid",
        "export",
        "sleep",
        "move",
        "minimise",
        "emissions",
        "share",
        "offload",
        "shift",
        "embodied",
        "extend",
        "energy",
        "budget",
        "intensity",
        "by",
        "awake",
        "worker",
    }
    return any(t.concepts & strong and "neutral" not in t.concepts for t in tokens)


@dataclass(slots=True)
class _Context:
    """What was named last, for `its`, `they` and what is left out."""

    jobs: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    polarity: bool | None = None
    open_topics: int = 0
    scope: tuple[str, ...] = ()


def _draft(text: str, pieces: Sequence[Piece], index: NameIndex) -> Draft:
    context = _Context()
    edits: list[Edit] = []
    limits: list[Edit] = []
    objectives: list[str] = []
    notes = [
        f"taken as a reason and not as a wish: {used_text(text, p.tokens)!r}" for p in pieces if p.role == "filler"
    ]
    for piece in pieces:
        context.scope = _scope(piece) or context.scope
        if piece.role == "topic":
            _topic(context, piece)
        if piece.reading is not None:
            edits += _filled(piece.reading, context, index)
            limits += piece.reading.limits
            objectives += [piece.reading.objective] if piece.reading.objective else []
            _remember(context, piece.reading)
        context.scope = () if piece.tokens[-1].value == "hard" else context.scope
    if context.open_topics:
        raise NotSolvable(Code.UNREAD, f"A name was given without a wish about it; {_ASKS}.")
    if len(set(objectives)) > 1:
        raise NotSolvable(
            Code.CONTRADICTION, "The request asks for two objectives. Which one?", ("emissions", "grid-energy")
        )
    return Draft(
        edits=tuple(edits),
        limits=tuple(limits),
        objective=objectives[0] if objectives else "emissions",
        notes=tuple(notes),
    )


def _scope(piece: Piece) -> tuple[str, ...]:
    """The nodes of `cabin: ...`, which hold to the end of the sentence."""
    told = [token for token in piece.tokens if token.text.lower() not in ("the", "for", "at", "on")]
    headed = len(told) > 1 and told[0].kind is Kind.NODES and told[1].text == ":"
    return told[0].names.labels if headed else ()


def _scoped(edit: Edit, reading: Reading, context: _Context) -> Edit:
    """A harvest without names, under a heading that has some."""
    general = any(token.kind in (Kind.NODES, Kind.ALL) for token in reading.tokens)
    if context.scope and edit["edit"] == "harvest" and edit["nodes"] == ["*"] and not general:
        return {**edit, "nodes": list(context.scope)}
    return edit


def _topic(context: _Context, piece: Piece) -> None:
    for token in piece.tokens:
        if token.kind is Kind.JOBS:
            context.jobs = token.names.labels
        elif token.kind is Kind.NODES:
            context.nodes = token.names.labels
    context.open_topics += 1


def _filled(reading: Reading, context: _Context, index: NameIndex) -> list[Edit]:
    """The edits of a reading with what they lack taken from before, or a question."""
    jobs, nodes = context.jobs, context.nodes
    if "jobs" in reading.missing:
        jobs = jobs or (index.jobs if len(index.jobs) == 1 else ())
        strange = [t for t in reading.tokens if t.kind is Kind.WORD and not t.concepts]
        if not jobs and strange:
            raise _unknown_name(strange[0], index)
        if not jobs:
            raise NotSolvable(Code.MISSING_VALUE, "Which job is meant?", (*index.jobs, "all jobs"))
    if "nodes" in reading.missing and not nodes:
        raise NotSolvable(Code.MISSING_VALUE, "Which node is meant?", (*index.nodes, "all nodes"))
    if "polarity" in reading.missing and context.polarity is None:
        raise NotSolvable(Code.MISSING_VALUE, "Should that be on or off?", ("on", "off"))
    if reading.missing:
        context.open_topics = 0
    edits = [renamed(_scoped(edit, reading, context), jobs, nodes) for edit in reading.edits]
    return [_polar(edit, context.polarity) for edit in edits]


def _polar(edit: Edit, polarity: bool | None) -> dict[str, Any]:
    return {**edit, "on": polarity} if edit["edit"] == "switch" and edit["on"] is None else edit


def _remember(context: _Context, reading: Reading) -> None:
    context.jobs = reading.jobs or context.jobs
    every = ("*",) if any(edit.get("nodes") == ["*"] and edit["edit"] == "battery" for edit in reading.edits) else ()
    context.nodes = reading.nodes or every or context.nodes
    switches = [edit["on"] for edit in reading.edits if edit["edit"] == "switch" and edit["on"] is not None]
    if switches:
        context.polarity = switches[-1]
