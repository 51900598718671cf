"""Values that stand in relation to others: changes from one to another, units said once, times after a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sunward.advisor.parser.tokens import JOINED, Amount, Clock, Kind, Token, word
from sunward.advisor.parser.words import listed

_CHANGING = listed(
    "move; moves; moved; moves back; moved to; shift; shifts; shifted; change; changes; changed; go; goes; "
    "extend; extended; push; pushed; bring; brought; postpone; postponed; slip; slips; raise; raised; raises; "
    "lower; lowered; cut; cuts; reduce; reduced; increase; increased; increases; drop; drops; dropped; falls; "
    "fall; up; down; rise; rises; relax; relaxed; deadline; start; lift; lifted; grow; grows; shrink; shrinks; "
    "go up; goes up; go down; goes down; set; adjust; adjusted; correct; move the deadline; pushed back; "
    "moves to; deadline moves to"
)
"""Words behind which `from A to B` says what was and what shall be."""
_ENDS = frozenset(("deadline", "move the deadline", "start", "release", "beginning", "end"))
_AMOUNTS = (Kind.QUANTITY, Kind.NUMBER)
_BOUND = frozenset(("under", "below", "least", "above", "beneath", "over", "minimum", "at least", "no less than"))
_LOOKS = listed(
    "look; look like; get; be; mean; take; cost; come; emit; turn out; help; work; matter; do; make; change"
)
_DELAYING = listed("delay; delays; delaying; defer; hold back; deferring")
_LOWER = listed("lower than; less than; below; under; fewer than; beneath; smaller than")
_HIGHER = listed("higher than; more than; above; over; greater than; beyond")
_PUSHING = listed("push; pushes; stretch; move; shift; set; put; pushed; moved")
_MOVING = listed("shift; shifts; move; set; put; bring; change; shifted; moved")
_NOUNS_OF_ENDS = listed("start; beginning; begin; starting; release")
_THINGS = listed("box; node; machine; device; one; board; computer; host")
_AFTER = {"after that": 1, "later": 1, "afterwards": 1, "thereafter": 1, "later than that": 1}
_BEFORE = {"before that": -1, "earlier": -1, "sooner": -1, "earlier than that": -1}


def from_to(tokens: list[Token]) -> list[Token]:
    """`the deadline moves from 6pm to 8pm`, `raise the reserve from 8 to 12 Wh`: what was goes."""
    for place, token in enumerate(tokens):
        after = tokens[place + 1 : place + 4]
        if word(token) != "from" or len(after) < 3 or not _is_change(tokens[:place], *after):
            continue
        return [*tokens[:place], *from_to(tokens[place + 2 :])]
    return tokens


def _is_change(before: Sequence[Token], old: Token, to: Token, new: Token) -> bool:
    values = {old.kind, new.kind}
    said = {word(token) for token in _since_mark(before)}
    if not (to.concepts & {"rangeto"} or word(to) == "to") or not said & _CHANGING:
        return False
    if values <= {Kind.CLOCK}:
        return bool(said & _ENDS)
    return values <= set(_AMOUNTS)


def _since_mark(tokens: Sequence[Token]) -> Sequence[Token]:
    marks = [place for place, token in enumerate(tokens) if token.kind is Kind.MARK and token.value == "hard"]
    return tokens[marks[-1] + 1 :] if marks else tokens


def same_units(tokens: list[Token]) -> list[Token]:
    """`ends at 15 Wh and is never under 8`: a bare number behind a bound has the unit that was said last."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        unit, grid = _unit_before(found), _grid_unit(found)
        lead = next((t for t in reversed(found) if word(t) not in ("about", "the")), None)
        bound = lead is not None and (lead.concepts & {"atleast", "minimum"} or word(lead) in _BOUND)
        levelled = lead is not None and word(lead) in ("at", "to", "with")
        bound = bound or (levelled and any(t.concepts & {"final", "initial", "minimum"} for t in found[-5:]))
        if token.kind is Kind.NUMBER and grid is not None and token.amount.value >= 20 and _ends_here(tokens, place):
            unit, bound = grid, True
        if token.kind is Kind.NUMBER and unit is not None and bound and _ends_here(tokens, place):
            value = Amount(value=token.amount.value, unit=unit.amount.unit)
            token = replace(
                token, kind=Kind.QUANTITY, value=value, text=f"{token.text}{JOINED}{unit.text.lstrip('0123456789., ')}"
            )
        found.append(token)
    return found


def _grid_unit(found: Sequence[Token]) -> Token | None:
    """The last intensity, where the stretch names another grid: `Denmark at 100 g/kWh, Germany at 400`."""
    units = [t for t in found if t.kind is Kind.QUANTITY and t.amount.unit in ("g/kWh",)]
    marks = [place for place, t in enumerate(found) if t.kind is Kind.MARK]
    here = found[marks[-1] :] if marks else ()
    places = any(t.kind is Kind.NODES and t.names.is_place for t in here)
    return units[-1] if units and places else None


def _unit_before(found: Sequence[Token]) -> Token | None:
    """The last quantity that is a level of a battery; `40 kWh` lends nothing, for a thousand would be easily lost."""
    levels = [t for t in found if t.kind is Kind.QUANTITY]
    last = levels[-1] if levels else None
    plain = last is not None and last.text.lstrip("0123456789., ").lower() in ("wh", "%", "percent", "watt hours")
    return last if plain and any("battery" in t.concepts or t.kind is Kind.NODES for t in found) else None


def _ends_here(tokens: Sequence[Token], place: int) -> bool:
    """Whether nothing is counted: the stretch ends here, or goes on with words of no meaning."""
    for token in tokens[place + 1 :]:
        if token.kind is Kind.MARK:
            return True
        if token.concepts & {"worker", "awake", "sleep", "batch"} or token.kind in (Kind.NODES, Kind.JOBS):
            return False
        if token.kind not in (Kind.WORD, Kind.PRONOUN, Kind.HORIZON):
            return False
    return True


def times_after(tokens: list[Token]) -> list[Token]:
    """`crops by 2 pm, the birds two hours later`: a length of time counts from the time that was said last."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        tail = word(tokens[place + 1]) if place + 1 < len(tokens) else ""
        turn = _AFTER.get(tail) or _BEFORE.get(tail)
        clock = _said_before(found)
        if token.kind is Kind.QUANTITY and token.amount.unit == "s" and turn and clock is not None:
            found.append(_shifted(clock, token, tokens[place + 1], turn))
            place += 2
            continue
        found.append(token)
        place += 1
    return found


def _said_before(found: Sequence[Token]) -> Token | None:
    """The time of the wish before: there is one, and a mark stands in between."""
    marks = [place for place, token in enumerate(found) if token.kind is Kind.MARK]
    clocks = [token for token in found[: marks[-1]] if token.kind is Kind.CLOCK] if marks else []
    return clocks[-1] if clocks else None


def _shifted(clock: Token, length: Token, tail: Token, turn: int) -> Token:
    assert isinstance(clock.value, Clock)
    minutes = clock.value.hour * 60 + clock.value.minute + turn * int(length.amount.value // 60)
    value = Clock(hour=minutes // 60 % 24, minute=minutes % 60)
    text = f"{clock.text}{JOINED}{length.text} {tail.text}"
    return replace(length, kind=Kind.CLOCK, value=value, text=text, end=tail.end)


def put_off(tokens: list[Token]) -> list[Token]:
    """`put the traffic off until ten`: the two words that belong together are one."""
    for place, token in enumerate(tokens):
        named = any(t.kind in (Kind.JOBS, Kind.PRONOUN) for t in tokens[place + 1 : place + 4])
        if word(token) in _DELAYING and named and any(t.kind is Kind.CLOCK for t in tokens[place + 1 : place + 9]):
            tokens = [*tokens[:place], replace(token, concepts=frozenset({"neutral", "defer"})), *tokens[place + 1 :]]
        ahead = [word(t) for t in tokens[place + 1 : place + 2]]
        opened = [n for n in range(place) if word(tokens[n]) in ("put", "puts", "hold", "held", "holds", "call")]
        if word(token) == "off" and opened and ahead and ahead[0] in ("until", "till", "to"):
            neutral = replace(token, concepts=frozenset({"neutral", "defer"}))
            return [*tokens[:place], neutral, *put_off(tokens[place + 1 :])]
    return tokens


def no_but(tokens: list[Token]) -> list[Token]:
    """`no box but waw-1`: nothing but it."""
    for place, token in enumerate(tokens[:-2]):
        noun, mark = tokens[place + 1], tokens[place + 2]
        if word(token) == "no" and word(noun) in _THINGS and word(mark) in ("but", "except", "other than", "besides"):
            nothing = replace(token, text="nothing", end=noun.end)
            return [*tokens[:place], nothing, *no_but(tokens[place + 2 :])]
    return tokens


def any_of(tokens: list[Token]) -> list[Token]:
    """`not on either of the schools`, `not on any of the barns`: all that are named."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        ahead = [t for t in tokens[place + 1 : place + 5] if word(t) not in ("of", "the", "our", "its", "two")]
        negative = any("neg" in t.concepts or "forbid" in t.concepts for t in found)
        named = bool(ahead) and ahead[0].kind in (Kind.NODES, Kind.JOBS)
        if word(token) in ("either", "any") and negative and named:
            token = replace(token, kind=Kind.WORD, concepts=frozenset({"neutral"}), value=None)
        found.append(token)
    return found


def dummies(tokens: list[Token]) -> list[Token]:
    """`what does it look like`: here `it` stands for nothing that was named."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        before = word(found[-1]) if found else ""
        asked = before.endswith(("does", "would", "will", "is", "do", "how", "what")) and place < len(tokens) - 1
        ahead = word(tokens[place + 1]) if asked else ""
        if token.kind is Kind.PRONOUN and word(token) == "it" and ahead in _LOOKS:
            token = replace(token, kind=Kind.WORD, concepts=frozenset({"neutral"}), value=None)
        found.append(token)
    return found


def negated_bounds(tokens: list[Token]) -> list[Token]:
    """`should not end lower than half`: a negation and a bound that words part are one bound, the other way round."""
    for place, token in enumerate(tokens):
        if "neg" not in token.concepts or not word(token).endswith(("not", "never", "n't")):
            continue
        ahead = tokens[place + 1 : place + 6]
        at = next((n for n, t in enumerate(ahead) if word(t) in (*_LOWER, *_HIGHER)), None)
        if not at or any(t.kind is not Kind.WORD for t in ahead[:at]) or len(ahead) <= at + 1:
            continue
        if ahead[at + 1].kind not in _AMOUNTS:
            continue
        turned = frozenset({"atleast"} if word(ahead[at]) in _LOWER else {"atmost"})
        bound = replace(ahead[at], concepts=turned)
        return [*tokens[:place], *ahead[:at], bound, *negated_bounds(tokens[place + 2 + at :])]
    return tokens


def as_neither(tokens: list[Token]) -> list[Token]:
    """`barn-01 must not sleep, nor may barn-02`: behind a negation `nor` is an `and`."""
    found: list[Token] = []
    for token in tokens:
        if token.kind is Kind.MARK and word(token) == "nor" and any("neg" in t.concepts for t in found):
            token = replace(token, value="and")
        found.append(token)
    return found


def moved_ends(tokens: list[Token]) -> list[Token]:
    """`shift the start of the crops to eight`: the verb moves a time, and no work."""
    for place, token in enumerate(tokens):
        ahead = tokens[place + 1 : place + 9]
        if word(token) in _PUSHING and any(word(t) == "deadline" for t in ahead) and _names_clock(ahead):
            later = replace(token, concepts=frozenset({"extend"}))
            rest = [replace(t, concepts=frozenset({"neutral"})) if word(t) in ("out", "back") else t for t in ahead]
            return [*tokens[:place], later, *rest, *tokens[place + 9 :]]
        ends = [t for t in ahead if word(t) in _NOUNS_OF_ENDS]
        hours = [
            n for n, t in enumerate(ahead) if t.kind in (Kind.CLOCK, Kind.NUMBER) and n and word(ahead[n - 1]) == "to"
        ]
        if word(token) in _MOVING and ends and hours:
            hour = ahead[hours[0]]
            if hour.kind is Kind.NUMBER and 0 <= hour.amount.value <= 24:
                value = int(hour.amount.value)
                clock = Clock(hour=value % 24, minute=0, is_twelve=1 <= value <= 12)
                ahead[hours[0]] = replace(hour, kind=Kind.CLOCK, value=clock)
            return [*tokens[:place], replace(token, concepts=frozenset({"neutral"})), *ahead, *tokens[place + 9 :]]
    return tokens


def _names_clock(tokens: Sequence[Token]) -> bool:
    return any(token.kind is Kind.CLOCK for token in tokens)


def own_homes(tokens: list[Token]) -> list[Token]:
    """`no image may leave its barn`: where a job's data lies is its home, and no name of a group."""
    found: list[Token] = []
    for token in tokens:
        before = found[-1] if found else None
        own = before is not None and before.kind is Kind.PRONOUN and word(before) in ("its", "their")
        if own and token.kind is Kind.NODES and len(token.names.names) > 1 and not token.text[0].isupper():
            found[-1] = replace(token, kind=Kind.WORD, value=None, concepts=frozenset({"home"}))
            continue
        found.append(token)
    return found


def afterwards(tokens: list[Token]) -> list[Token]:
    """`250 g/kWh before noon, 350 after`: the time that was said last, and its unit."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        last = place + 1 == len(tokens) or tokens[place + 1].kind is Kind.MARK
        clock = _said_before(found)
        behind = tokens[place + 1] if place + 1 < len(tokens) else None
        then = word(token) == "then" and bool(found) and (found[-1].kind is Kind.MARK or word(found[-1]) == "and")
        if then and clock is not None and behind is not None and behind.kind in _AMOUNTS and _is_until(found, clock):
            found += [replace(token, concepts=frozenset({"after"})), clock]
            continue
        if found and found[-1] is clock and token.kind is Kind.NUMBER and _ends_here(tokens, place):
            found = _with_unit([*found, token])
            continue
        if last and clock is not None and word(token) in ("after", "afterwards", "thereafter", "after that", "then on"):
            found = _with_unit(found)
            found += [replace(token, concepts=frozenset({"after"})), clock]
            continue
        found.append(token)
    return found


def _is_until(found: Sequence[Token], clock: Token) -> bool:
    """Whether a time closed the stretch before."""
    at = found.index(clock)
    return at > 0 and bool(found[at - 1].concepts & {"until", "before", "rangeto"})


def _with_unit(found: list[Token]) -> list[Token]:
    """A bare number right before gets the unit of the last quantity."""
    quantities = [t for t in found if t.kind is Kind.QUANTITY]
    if not quantities or found[-1].kind is not Kind.NUMBER or quantities[-1].amount.unit != "g/kWh":
        return found
    unit = quantities[-1]
    value = Amount(value=found[-1].amount.value, unit=unit.amount.unit)
    text = f"{found[-1].text}{JOINED}{unit.text.lstrip('0123456789., ')}"
    return [*found[:-1], replace(found[-1], kind=Kind.QUANTITY, value=value, text=text)]


def shared_verbs(tokens: list[Token]) -> list[Token]:
    """`up to 60 % of A and up to 10 % of B may be moved`: the verb at the end is that of both."""
    for place, mark in enumerate(tokens):
        if mark.kind is not Kind.MARK or not (mark.value == "and" or mark.text == ","):
            continue
        left = tokens[_begin(tokens, place) : place]
        end = next((n for n in range(place + 1, len(tokens)) if tokens[n].kind is Kind.MARK), len(tokens))
        right = tokens[place + 1 : end]
        tail = _verb_tail(right)
        if tail and _is_share_of_job(left) and not any("move" in t.concepts for t in left):
            return [*tokens[:place], *tail, *tokens[place:]]
    return tokens


def _begin(tokens: Sequence[Token], place: int) -> int:
    return next((n + 1 for n in range(place - 1, -1, -1) if tokens[n].kind is Kind.MARK), 0)


def _is_share_of_job(tokens: Sequence[Token]) -> bool:
    """Only a bound, a share and a job."""
    kinds = [t.kind for t in tokens if t.kind is not Kind.WORD]
    words = all(t.concepts & {"neutral", "atmost", "data", "only"} for t in tokens if t.kind is Kind.WORD)
    return words and sorted(kinds) == sorted([Kind.QUANTITY, Kind.JOBS])


def _verb_tail(tokens: Sequence[Token]) -> list[Token]:
    """What follows the job, where that says that data moves."""
    at = next((n for n, t in enumerate(tokens) if t.kind is Kind.JOBS), None)
    tail = list(tokens[at + 1 :]) if at is not None and any(t.kind is Kind.QUANTITY for t in tokens[:at]) else []
    return tail if any("move" in t.concepts for t in tail) else []
