"""The knowledge base: the same pages give the same digest, questions find their pages, and doubtful figures say so."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest

from sunward.advisor.account import Meter
from sunward.advisor.advise import advise
from sunward.advisor.knowledge.chunks import PAGES, Chunk, chunks, cut, digest, pages
from sunward.advisor.knowledge.index import Index, index
from sunward.advisor.request.types import Base
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.solve import solve_exact
from support.advisor import expectations

QUESTIONS = Path(expectations.__file__).with_name("questions.txt")
FARM = Base(
    problem=parse_problem(expectations.text_of("farm")), start=datetime.fromisoformat(expectations.STARTS["farm"])
)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The tool that scores retrieval, as a module."""
    path = Path(__file__).parents[3] / "tools" / "advisor_retrieval.py"
    spec = importlib.util.spec_from_file_location("advisor_retrieval", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["advisor_retrieval"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((PAGES / name).read_text(encoding="utf-8").splitlines()))


def test_the_digest_is_that_of_the_pages_and_of_nothing_else() -> None:
    own = tuple(chunk for name, text in pages() for chunk in cut(name, text))
    with closing(Index(own)) as first, closing(Index(chunks())) as second:
        assert first.digest == second.digest == index().digest
    changed = (*chunks()[:-1], Chunk(file="advisor.md", number=99, text="other"))
    assert digest(changed) != index().digest


def test_chunks_overlap_and_miss_nothing() -> None:
    text = "".join(str(n % 10) for n in range(2450))
    found = list(cut("page.md", text, 1000, 200))
    assert [len(chunk.text) for chunk in found] == [1000, 1000, 850]
    assert all(before.text[-200:] == after.text[:200] for before, after in itertools.pairwise(found))
    assert found[0].text + "".join(chunk.text[200:] for chunk in found[1:]) == text
    assert [chunk.text for chunk in cut("short.md", "short")] == ["short"]


def test_table_one_has_its_rows_and_their_doubts() -> None:
    table = rows("table1.csv")
    assert len({row["row"].rstrip("b") for row in table}) == 20
    assert all(row["flag"] and row["why"] for row in table if row["component"] != "tablet")


def test_every_figure_of_the_background_has_a_unit_a_section_and_a_doubt_with_its_reason() -> None:
    for row in rows("background.csv"):
        assert row["unit"]
        assert row["section"]
        assert row["source"]
        assert row["why"]


def test_every_application_of_table_two_has_a_baseline_here_or_none() -> None:
    table = rows("methods.csv")
    assert len(table) == 8
    assert all(row["baseline here"] and row["where"] for row in table)
    assert {row["where"] for row in table if row["baseline here"] == "none"} == {"none"}


def test_a_doubtful_figure_is_never_cited_without_its_flag() -> None:
    found = index().search("TikTok or YouTube?")
    flagged = [one for one in found if one.chunk.flag]
    assert flagged
    assert all(one.as_data().get("flag", "") == one.chunk.flag for one in found)
    assert all(f"flag: {one.chunk.flag}" in one.chunk.text for one in flagged)


@pytest.mark.parametrize(
    "question", ['" OR 1=1 --', "NEAR(a b) *", "text: x", "'; DROP TABLE pages", "", "the of and", "☃"]
)
def test_a_question_is_never_a_query(question: str) -> None:
    assert len(index().search(question)) <= 4
    assert index().search("carbon intensity")


def test_recall_at_four_meets_its_target(tool: ModuleType) -> None:
    asked = tool.questions(QUESTIONS)
    assert len(asked) >= 40
    assert tool.recall(tool.places(index(), asked), 4) >= tool.TARGET


def test_an_answer_names_its_sources_and_the_digest_and_nothing_else_depends_on_them() -> None:
    request = "Keep barn-03 on all day."
    answer = advise(request, FARM, solve_exact, Meter(cpu_seconds=lambda: 0.0)).as_data()
    assert 1 <= len(answer["sources"]) <= 4
    assert answer["knowledge_digest"] == index().digest
    assert set(answer["account"]["stages"]) == {"draft", "check", "compile", "solve", "retrieve"}
    assert {change["path"] for change in answer["changes"]} == {"nodes[barn-03].can_sleep"}


def test_a_refusal_has_sources_and_no_value() -> None:
    answer = advise("What is the cheapest plan?", FARM, solve_exact, Meter(cpu_seconds=lambda: 0.0)).as_data()
    assert answer["code"] == "unsupported-objective"
    assert answer["objective_value"] is None
    assert answer["knowledge_digest"].startswith("sha256:")
