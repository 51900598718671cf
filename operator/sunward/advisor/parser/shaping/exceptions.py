"""Exceptions: a name for what is left."""

from __future__ import annotations

from dataclasses import replace

from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.shaping.common import DETERMINERS, ENTITIES
from sunward.advisor.parser.tokens import Kind, Names, Token, word

_EXCEPT = {
    "except",
    "except for",
    "other than",
    "apart from",
    "besides",
    "save",
    "excluding",
    "bar",
    "but",
    "save for",
    "aside from",
    "not counting",
}


def excepted_first(tokens: list[Token], index: NameIndex) -> list[Token]:
    """`Except for keyboard, everything is done by 1pm`: the exception stands before what it is taken from."""
    for place, token in enumerate(tokens):
        at_begin = place == 0 or tokens[place - 1].value in ("hard", "but")
        named = next((t for t in tokens[place + 1 : place + 3] if t.kind in ENTITIES), None)
        if word(token) not in _EXCEPT or token.kind is Kind.MARK or not at_begin or named is None:
            continue
        behind = tokens.index(named) + 1
        end = next((n for n in range(behind, len(tokens)) if tokens[n].value == "hard"), len(tokens))
        whole = next((n for n in range(behind, end) if _is_whole(tokens[n], named)), None)
        if whole is not None:
            rest = _complement(tokens[whole], named, index)
            rest = replace(rest, start=tokens[whole].start, end=tokens[whole].end, text=tokens[whole].text)
            return [*tokens[:place], *tokens[behind + 1 : whole], rest, *tokens[whole + 1 :]]
    return tokens


def excepted(tokens: list[Token], index: NameIndex) -> list[Token]:
    """`all nodes except barn-03`: a name for what is left. `anywhere but X` is `not X`."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        after = place + 1
        while after < len(tokens) and word(tokens[after]) in (*DETERMINERS, "on", "in"):
            after += 1
        named = tokens[after] if after < len(tokens) and tokens[after].kind in ENTITIES else None
        at = _whole_before(found, named) if named is not None and word(token) in _EXCEPT else None
        if named is not None and at is not None:
            whole, rest = found[at], found[at + 1 :]
            found = found[:at]
            if word(whole) in ("anywhere", "everywhere"):
                found += [replace(whole, concepts=frozenset({"neg"})), named]
            elif word(whole) in ("nothing", "nobody", "no one", "none"):
                found += [replace(whole, concepts=frozenset({"neg"})), _complement(whole, named, index)]
            else:
                found.append(_complement(whole, named, index))
            found += rest
            place = after + 1
            relative = [t for t in tokens[place : place + 2] if t.kind is not Kind.MARK][:1]
            if relative and word(relative[0]) in ("which", "who", "they", "it", "these", "those"):
                found += [mark for mark in tokens[place : place + 1] if mark.kind is Kind.MARK] + [named]
                place += 1 if tokens[place].kind is Kind.MARK else 0
            continue
        found.append(token)
        place += 1
    return found


def _whole_before(found: list[Token], named: Token) -> int | None:
    """Where the names stand that an exception is taken from: in the same stretch, nearest first."""
    for at in range(len(found) - 1, -1, -1):
        if found[at].kind is Kind.MARK and not (at == len(found) - 1 and found[at].text == ","):
            return None
        if _is_whole(found[at], named):
            return at
    return None


def _is_whole(token: Token, named: Token) -> bool:
    if word(token) in ("anywhere", "everywhere", "nothing", "nobody", "no one", "none"):
        return True
    return token.kind is Kind.ALL or (token.kind is named.kind and set(named.names.names) <= set(token.names.names))


def _complement(whole: Token, named: Token, index: NameIndex) -> Token:
    every = whole.names.names if whole.kind in ENTITIES else (index.jobs if named.kind is Kind.JOBS else index.nodes)
    names = tuple(name for name in every if name not in named.names.names)
    return replace(
        named, text=f"{whole.text} except {named.text}", start=whole.start, value=Names(labels=names, names=names)
    )
