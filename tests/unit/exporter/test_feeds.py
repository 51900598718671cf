"""What feeds show and refuse, without their peers."""

from __future__ import annotations

import argparse

import pytest

from sunward_exporter.feeds import modbus, mqtt, nut
from sunward_exporter.feeds.page import MOST_METERS, Board, Kind
from sunward_exporter.readings import Refusal


class Clock:
    """Unix time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(wall=clock, fresh_seconds=60.0)


def test_a_value_is_shown_while_it_is_fresh(board: Board, clock: Clock) -> None:
    board.show("plug", Kind.POWER, 4.5)
    clock.now += 60.0
    assert board.shown() == {(Kind.POWER, "plug"): (4.5, 1000.0)}
    clock.now += 0.1
    assert board.shown() == {}


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (Kind.POWER, -4.0, Refusal.NEGATIVE_VALUE),
        (Kind.HARVEST, 1e9, Refusal.IMPLAUSIBLE_UNIT),
        (Kind.BATTERY, 83.0, Refusal.IMPLAUSIBLE_UNIT),
        (Kind.POWER, float("nan"), Refusal.NOT_A_NUMBER),
        (Kind.POWER, Refusal.DATA_MISSING, Refusal.DATA_MISSING),
    ],
)
def test_what_cannot_be_true_is_counted_and_not_shown(
    board: Board, kind: Kind, value: float | Refusal, reason: Refusal
) -> None:
    board.show("plug", kind, value)
    assert board.shown() == {}
    assert board.errors() == {("plug", reason): 1}


def test_a_broker_that_names_meters_without_end_fills_no_memory(board: Board) -> None:
    for number in range(2 * MOST_METERS):
        board.show(f"plug-{number}", Kind.POWER, 1.0)
        board.refuse(f"plug-{number}", Refusal.DATA_MISSING)
    assert len(board.shown()) == len(board.errors()) == MOST_METERS


@pytest.mark.parametrize(
    ("variables", "watts"),
    [
        ({"ups.realpower": "12.4", "ups.load": "90", "ups.realpower.nominal": "100"}, 12.4),
        ({"ups.load": "7", "ups.realpower.nominal": "300"}, 21.0),
        ({"ups.load": "7"}, None),
        ({"ups.load": "seven", "ups.realpower.nominal": "300"}, Refusal.NOT_A_NUMBER),
        ({"ups.realpower": "1e400"}, Refusal.NOT_A_NUMBER),
        ({}, None),
    ],
)
def test_a_supply_tells_its_power_or_its_load(variables: dict[str, str], watts: float | Refusal | None) -> None:
    assert nut.watts_of(variables) == (pytest.approx(watts) if isinstance(watts, float) else watts)


@pytest.mark.parametrize(
    "text", ["plug", "plug=watts:", "plug=unknown:a/b", "plug=watts:a/#", "plug=watts:+/b", "a b=watts:c"]
)
def test_a_meter_of_mqtt_that_is_none_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=FORMAT:TOPIC"):
        mqtt.meter(text)


@pytest.mark.parametrize("text", ["roof", "roof=sunspec", "roof=sunspec:300", "roof=other:1"])
def test_a_meter_of_modbus_that_is_none_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=sunspec:UNIT"):
        modbus.meter(text)
