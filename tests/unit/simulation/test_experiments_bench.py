"""Pieces of work in one process and in several: the same answers in the same order."""

from __future__ import annotations

import operator
from functools import partial

import pytest

from sunward.simulation.experiments.bench import HERE, crew_of


@pytest.mark.parametrize("alone", [False, True])
def test_the_number_of_processes_changes_no_answer_and_every_piece_is_counted(alone: bool) -> None:
    heard: list[int] = []
    pieces = list(range(37))
    with crew_of(2, heard.append) as crew:
        found = crew.each(partial(operator.mul, 3), pieces, alone=alone)
    assert found == HERE.each(partial(operator.mul, 3), pieces)
    assert heard == list(range(1, 38))


def test_one_process_is_this_one() -> None:
    with crew_of(1) as crew:
        assert crew.each(lambda item: item, ["what cannot be sent elsewhere"]) == ["what cannot be sent elsewhere"]


def test_what_a_piece_raises_is_heard() -> None:
    with crew_of(2) as crew, pytest.raises(ZeroDivisionError):
        crew.each(partial(operator.truediv, 1.0), [1.0, 0.0])
