"""Requests in many words: each compiles to exactly the changes that it asks for, or is not solved at all."""

from __future__ import annotations

import contextlib
import json
import re
import time
from functools import cache

import pytest

from sunward.advisor.compiling.compile import Compiled, compile_request
from sunward.advisor.parser.names import index_of
from sunward.advisor.parser.parse import parse
from sunward.advisor.request.check import check
from sunward.advisor.request.types import Base, Code, NotSolvable, Request
from sunward.optimisation.problem.files import parse_problem
from support.advisor import expectations
from support.advisor.expectations import Row

ROWS = list(expectations.rows())
PLANS = [row for row in ROWS if not row.codes]
BAD = [row for row in ROWS if row.codes]


@cache
def problem(name: str) -> Base:
    """A base problem with its start."""
    row = Row(base=name, request="")
    return Base(problem=parse_problem(expectations.text_of(name)), start=row.start)


def understood(row: Row) -> tuple[Request, Compiled]:
    """A request up to its problem."""
    base = problem(row.base)
    request = check(row.request, parse(row.request, base), base)
    return request, compile_request(request, base)


@pytest.mark.parametrize("row", PLANS, ids=lambda row: f"{row.base}: {row.request}")
def test_a_request_changes_what_it_asks_for_and_nothing_else(row: Row) -> None:
    request, compiled = understood(row)
    got = expectations.changed(json.loads(expectations.text_of(row.base)), json.loads(compiled.problem.to_json()))
    assert expectations.is_same(got, row.changes), {"got": got, "want": row.changes}
    assert {limit["limit"]: limit["at_most"] for limit in request.limits} == row.limits
    assert request.objective == row.objective
    assert {change["path"] for change in compiled.changes if change["because"]} == row.changes.keys()


@pytest.mark.parametrize("row", BAD, ids=lambda row: f"{row.base}: {row.request}")
def test_what_cannot_be_answered_is_not(row: Row) -> None:
    with pytest.raises(NotSolvable) as refusal:
        understood(row)
    assert refusal.value.question


def test_every_code_is_given_and_most_are_those_that_a_person_would_give() -> None:
    given, wrong = set(), []
    for row in BAD:
        with pytest.raises(NotSolvable) as refusal:
            understood(row)
        given.add(refusal.value.code)
        if row.codes != ("any",) and refusal.value.code.value not in row.codes:
            wrong.append((row.request, refusal.value.code.value))
    assert given == set(Code)
    assert len(wrong) <= 0.1 * len(BAD), wrong


@pytest.mark.parametrize("row", PLANS, ids=lambda row: f"{row.base}: {row.request}")
def test_no_digit_enters_that_the_request_does_not_have(row: Row) -> None:
    draft = parse(row.request, problem(row.base))
    names = " ".join(index_of(problem(row.base).problem).known)
    quotes = [str(value) for edit in (*draft.edits, *draft.limits) for value in edit.values() if isinstance(value, str)]
    for number in re.findall(r"\d+", " ".join(quotes)):
        assert number in row.request or number in names


def test_a_draft_takes_milliseconds() -> None:
    slowest = 0.0
    for row in ROWS:
        base, began = problem(row.base), time.process_time()
        with contextlib.suppress(NotSolvable):
            parse(row.request, base)
        slowest = max(slowest, time.process_time() - began)
    assert slowest < 0.3
