"""Names side by side: merged ones, lists, counts, all of them, and the others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.shaping.common import DETERMINERS, ENTITIES
from sunward.advisor.parser.tokens import Kind, Names, Token, word


def merged(tokens: list[Token]) -> list[Token]:
    """Two names side by side where one is part of the other: `cow audio`, `Danish school-02`."""
    found: list[Token] = []
    for token in tokens:
        before = found[-1] if found else None
        if (
            before is not None
            and before.kind is token.kind
            and token.kind in ENTITIES
            and "work" not in before.concepts
        ):
            small = min((before, token), key=lambda one: len(one.names.names))
            common = set(before.names.names) & set(token.names.names)
            if common == set(small.names.names):
                found[-1] = replace(small, text=f"{before.text} {token.text}", start=before.start, end=token.end)
                continue
        found.append(token)
    return found


def lists(tokens: list[Token], *, commas: bool) -> list[Token]:
    """Names of one kind with commas and `and` between them become one token; with `or` after a `not` or an `only`."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind in ENTITIES:
            place, token = _list_from(tokens, place, commas=commas, negative=_is_negative(found))
        else:
            place += 1
        found.append(token)
    return found


def _is_negative(found: Sequence[Token]) -> bool:
    for token in reversed(found):
        if token.kind is Kind.MARK and token.value == "hard":
            return False
        if token.concepts & {"neg", "forbid", "only"}:
            return True
    return False


def _list_from(tokens: list[Token], place: int, *, commas: bool, negative: bool) -> tuple[int, Token]:
    token = tokens[place]
    after = place + 1
    while after < len(tokens):
        at = after
        while at < len(tokens) and _divides(tokens[at], commas, negative):
            at += 1
        if at == after:
            break
        while at < len(tokens) and (
            word(tokens[at]) in DETERMINERS
            or (
                word(tokens[at]) in ("on", "of", "job", "jobs", "node", "nodes")
                and at + 1 < len(tokens)
                and word(tokens[at]) == "on"
            )
        ):
            at += 1
        if at >= len(tokens) or tokens[at].kind is not token.kind:
            break
        other = tokens[at]
        labels = tuple(dict.fromkeys((*token.names.labels, *other.names.labels)))
        names = tuple(dict.fromkeys((*token.names.names, *other.names.names)))
        zones = tuple(dict.fromkeys((*token.names.zones, *other.names.zones)))
        value = Names(labels=labels, names=names, zones=zones, is_place=token.names.is_place and other.names.is_place)
        token = replace(token, text=f"{token.text}, {other.text}", end=other.end, value=value)
        after = at + 1
    return after, token


def _divides(token: Token, commas: bool, negative: bool) -> bool:
    if token.kind is not Kind.MARK:
        return word(token) in ("as well as", "together with", "plus")
    if token.text == ",":
        return commas
    return (
        token.value == "and"
        or token.text == "&"
        or (token.value == "or" and negative)
        or (token.text == "/" and commas)
    )


def counted(tokens: list[Token]) -> list[Token]:
    """`three Warsaw boxes` where there are three: the number only repeats the name."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        repeats = token.kind is Kind.NUMBER and after is not None and after.kind is Kind.NODES
        if (
            repeats
            and after is not None
            and token.amount.value == len(after.names.names)
            and len(after.names.names) > 1
        ):
            continue
        found.append(token)
    return found


def quantified(tokens: list[Token]) -> list[Token]:
    """`all`, `both`, `each` beside a name only stress it."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        before = next((t for t in reversed(found) if word(t) not in DETERMINERS and word(t) != "of"), None)
        after = next((t for t in tokens[place + 1 :] if word(t) not in DETERMINERS and word(t) != "of"), None)
        beside = (after is not None and after.kind in ENTITIES) or (
            before is not None and before.kind in (*ENTITIES, Kind.PRONOUN) and word(token) in ("both", "all", "each")
        )
        if (
            token.kind is Kind.ALL
            and word(token) not in ("anything", "everything")
            and beside
            and not _is_share(tokens, place)
        ):
            continue
        found.append(token)
    return found


def _is_share(tokens: Sequence[Token], place: int) -> bool:
    """`all of the crops`, `all crops data`: how much of it, not which."""
    ahead = tokens[place + 1 : place + 5]
    of_job = (
        word(tokens[place]) == "all"
        and bool(ahead)
        and word(ahead[0]) == "of"
        and any(t.kind is Kind.JOBS for t in ahead)
    )
    return of_job or any(t.kind is Kind.JOBS and "data" in after.concepts for t, after in itertools.pairwise(ahead))


def others(tokens: list[Token], index: NameIndex) -> list[Token]:
    """`the other jobs`: all but those that were named last."""
    found: list[Token] = []
    for token in tokens:
        if token.kind is Kind.OTHERS:
            wanted = {"jobs": Kind.JOBS, "nodes": Kind.NODES}.get(str(token.value))
            last = next((t for t in reversed(found) if t.kind in ENTITIES and wanted in (None, t.kind)), None)
            if last is not None:
                every = index.jobs if last.kind is Kind.JOBS else index.nodes
                names = tuple(name for name in every if name not in last.names.names)
                token = replace(token, kind=last.kind, value=Names(labels=names, names=names))
        found.append(token)
    return found
