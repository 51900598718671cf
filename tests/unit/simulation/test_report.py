"""The report of a made-up result: figures with units and intervals, numbers beside them, a page that says it all."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sunward.simulation.experiments.result import (
    Claim,
    DotChart,
    Figure,
    Level,
    Line,
    Result,
    Series,
    Table,
    cells,
    line,
    percent,
)
from sunward.simulation.experiments.statistics import Estimate
from sunward.simulation.report.figures import draw
from sunward.simulation.report.files import write_result
from sunward.simulation.report.page import write_page

SURE = Estimate(value=50.0, low=49.0, high=52.0, count=30)
FIGURE = Figure(
    name="course",
    title="A course",
    x_label="servers",
    y_label="emissions (g CO2e)",
    lines=(
        line("range", (1.0, 2.0), (SURE, SURE), band_only=True),
        Line(label="paper", x=(1.0, 2.0), y=(48.0, 51.0), marks_only=True),
    ),
    reference=("headline", 74.9),
    y_range=(0.0, None),
)
CHART = DotChart(
    name="policies",
    title="Policies",
    x_label="reduction (%)",
    rows=("first", "second"),
    series=(Series(label="market-based", values=(SURE, None)),),
)
CLAIMS = (
    Claim(
        name="A <b>bold</b> claim", paper="more", ours="less", level=Level.SHAPE, holds=False, disagrees="they erred"
    ),
    Claim(name="A number", paper=None, ours="50 %", level=Level.PREDICTED),
)
RESULT = Result(
    name="made-up",
    title="Made up",
    question="Does it show?",
    settings={"seeds": 30, "regions": {"a": 1.0}},
    claims=CLAIMS,
    tables=(Table(name="rows", title="Rows", header=("name", "low", "low "), rows=(("x", 1.5, None),)),),
    figures=(FIGURE, CHART),
)


@pytest.mark.parametrize("figure", [FIGURE, CHART], ids=lambda figure: figure.name)
def test_a_figure_is_drawn_twice_the_same_as_vector_and_bitmap(figure: Figure | DotChart, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    first, second = (draw(figure, tmp_path / folder) for folder in ("one", "two"))
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_numbers_of_a_figure_lie_beside_it(tmp_path: Path) -> None:
    folder = write_result(RESULT, tmp_path, figures=False)
    with (folder / "course.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["range", "1.0", "50.0", "49.0", "52.0"]
    assert rows[3] == ["paper", "1.0", "48.0", "", ""]
    with (folder / "policies.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [
            ["market-based", "first", "50.0", "49.0", "52.0"],
            ["market-based", "second", "", "", ""],
        ]


def test_the_page_tells_what_was_asked_what_failed_and_where_the_paper_is_contradicted(tmp_path: Path) -> None:
    write_page([RESULT], tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Does it show?" in page
    assert "Claims that do not hold: A &lt;b&gt;bold&lt;/b&gt; claim." in page
    assert "<b>bold</b>" not in page
    assert page.count("they erred") == 2  # in front, and where the claim stands
    for linked in ("made-up/course.svg", "made-up/course.png", "made-up/policies.csv"):
        assert linked in page
    assert "<script" not in page
    assert "http://" not in page


def test_a_result_without_claims_has_no_front_matter(tmp_path: Path) -> None:
    write_page([Result(name="plain", title="Plain", settings={})], tmp_path / "index.html")
    assert "How to read" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_nothing_is_printed_without_a_sign() -> None:
    nothing = Estimate(value=-1e-9, low=-2e-9, high=0.0, count=30)
    assert percent(nothing) == "0.0 % [0.0, 0.0]"
    assert [str(number) for number in cells(nothing)] == ["0.0", "0.0", "0.0"]
