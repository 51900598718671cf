"""The repository: only solved answers are recalled, the same request first, and no number of it goes anywhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from sunward.advisor.account import Meter
from sunward.advisor.advise import advise
from sunward.advisor.answer import Advice
from sunward.advisor.repository import MOST_REMEMBERED, Repository
from sunward.advisor.request.types import Base, Status
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.solve import solve_exact
from support.advisor import expectations

FARM = Base(
    problem=parse_problem(expectations.text_of("farm")), start=datetime.fromisoformat(expectations.STARTS["farm"])
)


def answered(request: str) -> Advice:
    return advise(request, FARM, solve_exact, Meter(cpu_seconds=lambda: 0.0))


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty file."""
    found = Repository(tmp_path / "accepted.sqlite")
    yield found
    found.close()


def test_a_request_that_was_solved_is_recalled_first(repository: Repository) -> None:
    for request in ("crops by 3pm", "crops and cows by 3pm", "birds not before noon"):
        assert repository.remember(request, FARM, answered(request))
    found = repository.recall("crops by 3pm")
    assert [one.request for one in found][:1] == ["crops by 3pm"]
    assert found[0].edits == ("window",)
    assert repository.recall("no word in common, xyz") == []


@pytest.mark.parametrize("request_text", ["What is the cheapest plan?", "more sun", "Keep barn-09 on", "at most 5 g"])
def test_what_was_not_solved_is_never_recalled(repository: Repository, request_text: str) -> None:
    answer = answered(request_text)
    assert answer.status is not Status.SOLVED
    assert not repository.remember(request_text, FARM, answer)
    assert repository.recall(request_text) == []


def test_the_same_request_has_one_row_and_the_oldest_goes(repository: Repository) -> None:
    answer = answered("crops by 3pm")
    for number in range(MOST_REMEMBERED + 5):
        repository.remember(f"crops by 3pm {number}", FARM, answer)
    repository.remember("crops by 3pm 1004", FARM, answer)
    assert len(repository.recall("crops", count=2 * MOST_REMEMBERED)) <= MOST_REMEMBERED
    assert repository.forget() <= MOST_REMEMBERED
    assert repository.recall("crops") == []


def test_a_false_number_in_a_row_reaches_no_answer(repository: Repository, tmp_path: Path) -> None:
    repository.remember("crops by 3pm", FARM, answered("crops by 3pm"))
    with closing(sqlite3.connect(tmp_path / "accepted.sqlite", isolation_level=None)) as table:
        table.execute("""UPDATE accepted SET form = '{"edits": [{"edit": "window", "done_by_period": 1}]}'""")
    before = answered("crops by 3pm").as_data()
    assert {change["to"] for change in before["changes"]} == {9}
    assert "done_by_period" not in str([one.as_data() for one in repository.recall("crops by 3pm")])


@pytest.mark.parametrize("form", ["no json", "[]", '{"edits": 5}', '{"edits": [{}]}'])
def test_a_damaged_row_is_recalled_without_its_edits(repository: Repository, tmp_path: Path, form: str) -> None:
    repository.remember("crops by 3pm", FARM, answered("crops by 3pm"))
    with closing(sqlite3.connect(tmp_path / "accepted.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE accepted SET form = ?", (form,))
    assert [one.edits for one in repository.recall("crops")] == [()]
