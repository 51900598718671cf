"""Requests that are refused as they stand: commands to the advisor or the cluster, money, claims, other subjects.

The patterns are in `refusals.txt`. They refuse too much rather than too little: what they stop can be asked in other
words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from sunward.advisor.parser.tokens import Kind, Token, word

_BEFORE_COMMAND = (
    r"(?:^|[.;!,]\s*|\b(?:and|then|please|now|just|can you|could you|would you|you should|you must|i want you to|"
    r"we need you to|immediately|so)\s+)(?:now\s+|immediately\s+|please\s+|go\s+ahead\s+and\s+|just\s+)*"
)
"""Where a verb is an order: at the beginning of a sentence, or after a word that leads to one."""
_AFTER_COMMAND = r"\b(?!\s*(?:time|energy|power\b|[-]?ups?\b|takes|costs|needs|to\s+\d))"
"""What makes of a verb a noun: `wake time`, `boot energy`."""
_GO = re.compile(r"\bgo ahead\b|\bdo it\b|\bmake it so\b", re.IGNORECASE)


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """One pattern for each section of the file."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("refusals.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:-1].replace("-", "").isalpha():
            section = found.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            section.append(line)
    commands = f"{_BEFORE_COMMAND}(?:{'|'.join(found.pop('command'))}){_AFTER_COMMAND}"
    joined = {name: "|".join(lines) for name, lines in found.items()}
    return {name: re.compile(text, re.IGNORECASE) for name, text in {**joined, "command": commands}.items()}


def refusal(text: str, kept: str, tokens: Sequence[Token]) -> str | None:
    """The code of a refusal, None where there is none. `text` is the whole request, `kept` is it without reasons."""
    if _patterns()["injection"].search(text):
        return "injection"
    for code in ("unsupported-claim", "unsupported-objective", "unsafe"):
        if _patterns()[code].search(kept):
            return code
    return "actuation" if _orders(kept, tokens) else None


def is_outside(kept: str) -> bool:
    """Whether words of another subject stand in what was not read."""
    return bool(_patterns()["out-of-scope"].search(kept))


def _orders(kept: str, tokens: Sequence[Token]) -> bool:
    """An order to a machine: a command, or `turn off` and `put to sleep` with a node."""
    if _patterns()["command"].search(kept):
        return True
    if _patterns()["actuation"].search(kept):
        return not any("asap" in token.concepts for token in tokens) or bool(_GO.search(kept))
    if _stops_job(tokens):
        return True
    for place, token in enumerate(tokens):
        if word(token) in (
            "turn",
            "switch",
            "shut",
            "power",
            "put",
            "send",
            "turn off",
            "switch off",
            "put to sleep",
            "send to sleep",
            "shut off",
        ) and _is_order_at(tokens, place):
            return True
    return False


def _stops_job(tokens: Sequence[Token]) -> bool:
    """`stop the crop job right now`: what runs is to change, and no plan."""
    first = next(
        (t for t in tokens if t.kind is not Kind.MARK and word(t) not in ("please", "now", "just", "can", "you")), None
    )
    jobs = any(t.kind is Kind.JOBS for t in tokens)
    timed = any(t.kind in (Kind.CLOCK, Kind.PART, Kind.QUANTITY, Kind.NODES) for t in tokens)
    verbs = ("stop", "start", "halt", "suspend", "freeze", "interrupt", "begin", "run", "restart")
    at_once = any(
        "asap" in t.concepts or word(t) in ("now", "right now", "this minute", "this instant") for t in tokens
    )
    stopping = first is not None and word(first) in ("stop", "halt", "suspend", "freeze", "interrupt")
    return (
        first is not None
        and word(first) in verbs
        and jobs
        and not timed
        and (at_once or (stopping and len(tokens) < 7))
    )


def _is_order_at(tokens: Sequence[Token], place: int) -> bool:
    rest = []
    for token in tokens[place : place + 9]:
        if token.kind is Kind.MARK:
            break
        rest.append(token)
    if any("neg" in t.concepts for t in tokens[max(0, place - 3) : place]):
        return False
    named = [t for t in rest if t.kind in (Kind.NODES, Kind.UNKNOWN)]
    sun = any("sun" in t.concepts or "battery" in t.concepts for t in rest)
    ends = any(t.concepts & {"sleep", "off", "on"} for t in rest)
    return bool(named) and ends and not sun and not any(t.kind is Kind.JOBS for t in rest)
