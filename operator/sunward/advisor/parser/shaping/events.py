"""Events that only give a reason, and `by then`."""

from __future__ import annotations

from sunward.advisor.parser.shaping.common import DETERMINERS, ENTITIES
from sunward.advisor.parser.tokens import Kind, Token, word

EVENTS = frozenset(
    [
        "demo",
        "demonstration",
        "meeting",
        "visit",
        "visitors",
        "visitor",
        "lesson",
        "lessons",
        "class",
        "classes",
        "lecture",
        "inspection",
        "inspector",
        "inspectors",
        "vet",
        "doctor",
        "audit",
        "presentation",
        "call",
        "lunch",
        "dinner",
        "breakfast",
        "party",
        "match",
        "game",
        "bus",
        "flight",
        "boss",
        "customer",
        "customers",
        "review",
        "exam",
        "exams",
        "milking",
        "feeding",
        "delivery",
        "concert",
        "wedding",
        "workshop",
        "conference",
        "farmer",
        "guests",
        "guest",
        "kids",
        "children",
        "tour",
        "interview",
        "show",
        "standup",
        "launch",
        "opening",
        "closing",
        "auditors",
        "ceremony",
        "event",
        "talk",
        "session",
        "webinar",
        "seminar",
        "festival",
        "fair",
        "appointment",
        "briefing",
        "handover",
        "minister",
        "mayor",
        "director",
        "manager",
        "colleagues",
        "colleague",
        "pupils",
        "students",
        "student",
        "teacher",
        "teachers",
        "lorry",
        "truck",
        "technician",
        "electrician",
        "plumber",
        "harvesters",
        "tractor",
        "football",
        "briefings",
        "school",
        "breaks",
        "press",
        "journalists",
        "reporters",
        "parents",
        "committee",
        "panel's",
        "report",
        "presentation's",
        "dinner's",
        "meal",
        "supper",
        "barbecue",
        "rehearsal",
        "curfew",
        "ferry",
        "train",
        "plane",
        "choir",
        "yoga",
        "painter",
        "painters",
        "cleaner",
        "cleaners",
        "mechanic",
        "engineer",
        "engineers",
        "neighbour",
        "neighbours",
        "owner",
        "client's",
        "deadline's",
    ]
)
"""Nouns whose times are a reason and no wish."""


def without_events(tokens: list[Token]) -> list[Token]:
    """`for the demo at 15:30` is a reason and goes; `before the demo at 15:30` keeps its time."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        noun = place + 1
        while noun < len(tokens) and (word(tokens[noun]) in DETERMINERS or tokens[noun].kind in ENTITIES):
            noun += 1
        is_event = noun < len(tokens) and word(tokens[noun]) in EVENTS
        if is_event and word(tokens[place]) in ("for", "in time for"):
            after = noun + 1
            if (
                after + 1 < len(tokens)
                and word(tokens[after]) in ("at", "is", "from", "starting at", "on", "starts")
                and tokens[after + 1].kind is Kind.CLOCK
            ):
                after += 2
            elif after < len(tokens) and tokens[after].kind is Kind.CLOCK:
                after += 1
            clocks = [t for t in tokens[noun:after] if t.kind is Kind.CLOCK]
            if word(tokens[place]) == "in time for" and clocks:
                found += [tokens[place], *clocks]
            place = after
            continue
        bounded = is_event and bool(tokens[place].concepts & {"before", "by", "after", "until"})
        at_clock = (
            noun + 2 < len(tokens)
            and word(tokens[noun + 1]) in ("at", "starts at", "is at", "from")
            and tokens[noun + 2].kind is Kind.CLOCK
        )
        if bounded and at_clock:
            found.append(tokens[place])
            place = noun + 2
            continue
        found.append(tokens[place])
        place += 1
    return found


def by_then(tokens: list[Token]) -> list[Token]:
    """`by then` has the time that was named last."""
    found: list[Token] = []
    for token in tokens:
        clock = next((t for t in reversed(found) if t.kind is Kind.CLOCK), None)
        bounded = bool(found) and bool(found[-1].concepts & {"by", "before", "until", "after"})
        if word(token) == "then" and bounded and clock is not None:
            token = clock
        found.append(token)
    return found
