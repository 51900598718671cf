"""Stretches that are no wish: reasons, what was once, times of events, and words that mean nothing here."""

from __future__ import annotations

from collections.abc import Sequence

from sunward.advisor.parser.shaping.events import EVENTS
from sunward.advisor.parser.tokens import Kind, Token, word

_PAST_TIMES = (
    "last week",
    "last month",
    "last year",
    "last time",
    "last night",
    "yesterday",
    "last winter",
    "last summer",
    "previously",
    "in the past",
    "the other day",
    "back then",
    "ago",
    "earlier this week",
    "last monday",
    "last friday",
    "last sunday",
    "used to",
    "once upon",
    "historically",
    "earlier today",
    "last spring",
    "last autumn",
    "last tuesday",
    "last wednesday",
    "last thursday",
    "last saturday",
    "so far this",
    "once was",
    "the day before",
)
_PAST_VERBS = {
    "was",
    "were",
    "had",
    "took",
    "used",
    "did",
    "emitted",
    "got",
    "needed",
    "spent",
    "came",
    "went",
    "said",
    "told",
    "told me",
    "wanted",
    "ran",
    "managed",
    "asked",
    "would",
}
_PERSONS = ("they", "we", "he", "she", "people", "everyone", "nobody", "i", "you", "users", "students", "colleagues")
_WISHES = (
    "must",
    "should",
    "may",
    "can",
    "could",
    "cannot",
    "let",
    "please",
    "need",
    "needs",
    "want",
    "shall",
    "would",
)
_STATES = ("they're", "it's", "they've", "is", "are", "was", "were", "has", "have", "had", "it is", "gets", "got")
_STRESS = (
    "no more",
    "no less",
    "not more",
    "not less",
    "no later",
    "nothing more",
    "and no more",
    "that is it",
    "nowhere else",
    "and nowhere else",
    "nothing else",
    "only there",
    "not anywhere else",
    "no more than that",
    "only those",
    "only them",
    "and only there",
    "no one else",
    "nobody else",
)
_STRONG_HERE = {
    "by",
    "before",
    "until",
    "after",
    "atmost",
    "atleast",
    "only",
    "sun",
    "battery",
    "grid",
    "export",
    "sleep",
    "minimise",
    "budget",
    "move",
    "less",
    "more",
    "cleaner",
    "dirtier",
    "share",
    "offload",
    "extend",
}


def is_plain(tokens: Sequence[Token]) -> bool:
    """Nothing here asks for anything: greetings, questions about the result, marks."""
    if " ".join(word(token) for token in tokens if token.kind is not Kind.MARK) in _STRESS:
        return True
    return all(
        token.kind in (Kind.MARK, Kind.HORIZON, Kind.PRONOUN)
        or (token.kind is Kind.WORD and bool(token.concepts & {"neutral", "question"}))
        or (token.kind is Kind.PART and "overnight" in token.concepts and False)
        for token in tokens
    )


def is_reason(tokens: Sequence[Token]) -> bool:
    """`because ...`, `since the vet comes at 4`: why, not what."""
    told = [token for token in tokens if token.kind is not Kind.MARK]
    if not told:
        return False
    first, second = word(told[0]), word(told[1]) if len(told) > 1 else ""
    if first in (
        "because",
        "because of",
        "owing",
        "owing to",
        "due to",
        "thanks to",
        "the reason",
        "so that",
        "in order to",
        "cause",
        "cos",
        "'cause",
        "coz",
    ):
        return True
    if first == "so" and second in _PERSONS and not _has_values(told):
        return True
    if (
        first == "so"
        and second in ("that", "they", "we", "he", "she", "people", "everyone", "nobody", "i")
        and not any(t.concepts & {"atmost", "atleast"} for t in told)
    ):
        return _is_event(told) or second == "that"
    if first in ("since", "as") and second not in ("soon", "little", "low", "for"):
        return any(
            word(t)
            in (
                "is",
                "are",
                "has",
                "have",
                "comes",
                "starts",
                "need",
                "needs",
                "was",
                "will",
                "must",
                "begins",
                "leaves",
                "closes",
                "opens",
                "it is",
            )
            or (t.kind is Kind.WORD and not t.concepts)
            for t in told[1:]
        )
    return False


def _has_values(told: Sequence[Token]) -> bool:
    kinds = (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.PART, Kind.JOBS, Kind.NODES, Kind.ALL, Kind.UNKNOWN)
    return any(token.kind in kinds for token in told)


def is_remark(tokens: Sequence[Token]) -> bool:
    """`they're being serviced`, `it's not urgent`, `its fan rattles`: what is said about a thing named before."""
    told = [token for token in tokens if token.kind is not Kind.MARK]
    if len(told) < 2 or (
        told[0].kind is not Kind.PRONOUN and word(told[0]) not in ("it is", "it's", "they're", "they", "it")
    ):
        return False
    if _has_values(told) or any(token.concepts & (_STRONG_HERE | {"weather", "conditional"}) for token in told):
        return False
    if any(word(token) in _WISHES for token in told):
        return False
    return any(word(t) in _STATES or (t.kind is Kind.WORD and not t.concepts) for t in told)


def is_heading(tokens: Sequence[Token]) -> bool:
    """`It is windy today:` says why, and what follows says what."""
    kinds = (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.JOBS, Kind.NODES, Kind.ALL, Kind.UNKNOWN)
    if tokens[-1].text != ":" or any(token.kind in kinds for token in tokens):
        return False
    changes = {"less", "more", "dead", "neg", "worse", "better", "reduced_to", "atmost", "atleast"}
    stated = any(word(token) in _STATES for token in tokens)
    return (
        stated
        and any(t.concepts & {"sun", "weather"} for t in tokens)
        and not any(t.concepts & changes for t in tokens)
    )


def is_aside(tokens: Sequence[Token]) -> bool:
    """`(maintenance)`: words in brackets that ask for nothing."""
    told = [token for token in tokens if token.kind is not Kind.MARK]
    if tokens[-1].text != ")" or not told or len(told) > 3 or _has_values(told):
        return False
    return all(not t.concepts or t.concepts <= {"availability", "neutral", "weather"} for t in told)


def is_past(tokens: Sequence[Token]) -> bool:
    """`last week it was 80 g`: what was, and is not wanted."""
    text = " ".join(word(token) for token in tokens)
    if not any(time in text for time in _PAST_TIMES):
        return False
    verbs = any(word(token) in _PAST_VERBS or any(v in word(token).split() for v in _PAST_VERBS) for token in tokens)
    return verbs and not any(word(t) in ("must", "should", "please", "again", "same") for t in tokens)


def is_event(tokens: Sequence[Token]) -> bool:
    """`their demo is at 15:30`: a time that belongs to something outside the plan."""
    return _is_event([token for token in tokens if token.kind is not Kind.MARK])


def _is_event(told: Sequence[Token]) -> bool:
    nouns = [token for token in told if word(token) in EVENTS or word(token).removesuffix("s") in EVENTS]
    if not nouns:
        return False
    before = told[: list(told).index(nouns[0])]
    if any(t.concepts & _STRONG_HERE for t in told) or any(
        t.kind in (Kind.QUANTITY,) and t.amount.unit != "s" for t in told
    ):
        return False
    named = [t for t in told if t.kind in (Kind.JOBS, Kind.NODES)]
    return all(t in before and before and before[-1] is t for t in named)


def is_filler(tokens: Sequence[Token]) -> bool:
    """Whether a stretch is none of the plan's business."""
    return (
        is_heading(tokens)
        or is_aside(tokens)
        or is_reason(tokens)
        or is_past(tokens)
        or is_event(tokens)
        or is_remark(tokens)
    )
