"""What tokens mean together: particles, merged names, lists, exceptions, the rest, events that only give a reason."""

from __future__ import annotations

from collections.abc import Sequence

from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.shaping.events import by_then, without_events
from sunward.advisor.parser.shaping.exceptions import excepted, excepted_first
from sunward.advisor.parser.shaping.lists import counted, lists, merged, others, quantified
from sunward.advisor.parser.shaping.particles import particles, without_contrast
from sunward.advisor.parser.shaping.relations import (
    afterwards,
    any_of,
    as_neither,
    dummies,
    from_to,
    moved_ends,
    negated_bounds,
    no_but,
    own_homes,
    put_off,
    same_units,
    shared_verbs,
    times_after,
)
from sunward.advisor.parser.tokens import Token


def shaped(tokens: Sequence[Token], index: NameIndex, *, joins: str) -> list[Token]:
    """Tokens after all passes. `joins` says which marks make a list of names: "all", "and" or "none"."""
    found = without_events(by_then(list(tokens)))
    found = own_homes(negated_bounds(as_neither(found)))
    found = times_after(same_units(any_of(put_off(moved_ends(from_to(dummies(no_but(found))))))))
    found = afterwards(found)
    found = particles(without_contrast(found))
    found = shared_verbs(merged(found))
    found = excepted(excepted_first(found, index), index)
    if joins != "none":
        found = lists(found, commas=joins == "all")
    found = excepted(found, index)
    return counted(quantified(others(found, index)))
