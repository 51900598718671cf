"""`sunward top` and the redrawn pages: sums of what is known, question marks for the rest, and no stop at an outage."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from sunward.cli import status, top
from sunward.cli.live import redraw
from sunward.cluster.access.api import ApiError
from sunward.domain.errors import InvalidInput


def a_node(name: str, power: int | None, harvest: int | None = None, grams: int | None = 560_000) -> dict[str, Any]:
    own: dict[str, Any] = {"powerState": "Awake", "power": {"milliwatts": power}, "harvest": {"milliwatts": harvest}}
    spec = {} if harvest is None else {"harvest": {"nameplateMilliwatts": 10_000}}
    return {
        "metadata": {"name": name},
        "spec": spec,
        "status": {**own, "intensity": {"milligramsPerKilowattHour": grams}},
    }


def drawn(page: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(page)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO from above
    return text


def test_nodes_are_ranked_by_what_they_emit_and_summed() -> None:
    found = top.ranked([top.figures(one) for one in (a_node("a", 3000, 4000), a_node("b", 2000), a_node("c", 5000))])
    assert [(one["node"], one["milligramsPerHour"]) for one in found] == [("c", 2800), ("b", 1120), ("a", 0)]
    assert [line.split() for line in drawn(top.page({"nodes": found})).splitlines()][-1] == [
        *("all", "10.00", "4.00", "7.00", "3920")
    ]


@pytest.mark.parametrize("node", [a_node("x", None), a_node("x", 3000, grams=None), {"metadata": {"name": "x"}}])
def test_what_is_not_known_comes_first_and_makes_the_sum_unknown(node: dict[str, Any]) -> None:
    found = top.ranked([top.figures(one) for one in (a_node("b", 2000), node)])
    assert [one["node"] for one in found] == ["x", "b"]
    assert found[0]["milligramsPerHour"] is None
    assert drawn(top.page({"nodes": found})).splitlines()[-1].split()[-1] == "?"


def test_a_panel_without_a_reading_is_unknown_and_no_panel_is_nothing() -> None:
    silent = a_node("p", 3000, 1)
    silent["status"]["harvest"] = {}
    assert top.figures(silent)["gridMilliwatts"] is None
    assert top.figures(a_node("q", 3000))["gridMilliwatts"] == 3000


def test_without_nodes_the_table_says_so() -> None:
    assert drawn(top.page({"nodes": []})) == "Emissions now: none\n"
    assert drawn(status.page({"energynodes": [], "trainingjobs": [], "energyplans": []})).count("none") == 3


def reader(*answers: Any) -> Callable[[], Any]:
    """Answers in turn; an error is raised."""
    left = list(answers)

    async def read() -> dict[str, Any]:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return {"text": found}

    return read


def waits(count: int) -> Callable[[], Any]:
    left = iter(range(count))

    async def wait() -> None:
        try:
            next(left)
        except StopIteration:
            raise StopAsyncIteration from None

    return wait


async def test_a_page_is_redrawn_and_an_outage_is_a_line_below_what_was_known() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    down = ApiError(503, "GET", "/apis", "try later\x1b[2J")
    await redraw(reader("one", down, "two"), lambda data: Text(data["text"]), console=console, wait=waits(2))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO from above
    assert [text.count(word) for word in ("one", "not up to date", "try later")] == [2, 1, 1]
    assert text.index("not up to date") < text.index("two")
    assert "\x1b[2J" not in text


async def test_a_cluster_that_cannot_be_reached_at_the_start_is_an_error() -> None:
    with pytest.raises(ApiError):
        await redraw(reader(ApiError(503, "GET", "/apis", "x")), lambda _: Text(""), wait=waits(0))


@pytest.mark.parametrize("command", [status.status, top.top])
def test_a_redrawn_page_is_no_data(command: Callable[..., None]) -> None:
    from sunward.cli.output import Output

    with pytest.raises(InvalidInput, match="--watch"):
        command("", output=Output.JSON, watch=True)
