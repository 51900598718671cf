"""Answers are read strictly: what is no finite number, no single series or no success is never a value."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.reasons import Reason
from sunward.sources.plausible import check_amount, check_ratio
from sunward.sources.promql import Metric, own_time, quote, samples_of_last, selector
from sunward.sources.samples import SampleSeries, by_node, only_one, parse_series, strict_float


@pytest.mark.parametrize(("text", "value"), [("4.5", 4.5), ("-0.1", -0.1), ("1e+06", 1e6), ("0", 0.0), (".5", 0.5)])
def test_a_number_in_full_is_read(text: str, value: float) -> None:
    assert strict_float(text) == value


@pytest.mark.parametrize(
    "text", ["NaN", "+Inf", "-Inf", "inf", "", " 1", "1 ", "1_000", "0x10", "1e999", "5W", 4.5, None]
)
def test_anything_else_is_no_number(text: object) -> None:
    assert strict_float(text) is None


def vector(*rows: tuple[dict[str, str], str]) -> dict[str, Any]:
    result = [{"metric": labels, "value": [1000.0, text]} for labels, text in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def test_series_are_grouped_by_the_label_of_service_discovery() -> None:
    series = parse_series("p", vector(({"node": "pi-01"}, "1"), ({"node": "pi-02"}, "2"), ({"pod": "x"}, "3")))

    assert {node: one[0].samples[0].value for node, one in by_node(series).items()} == {"pi-01": 1.0, "pi-02": 2.0}


def refusal(*rows: tuple[dict[str, str], str]) -> Reason:
    found = only_one(parse_series("p", vector(*rows)))
    assert isinstance(found, Cause)
    return found.reason


def test_two_series_for_one_node_are_both_refused() -> None:
    assert refusal(({"instance": "a"}, "5"), ({"instance": "b"}, "9999")) is Reason.AMBIGUOUS_METRIC


def test_a_target_that_sets_labels_of_its_own_is_refused() -> None:
    assert refusal(({"node": "pi-02", "exported_node": "pi-01"}, "9999")) is Reason.AMBIGUOUS_METRIC


def test_a_series_that_shows_nan_is_refused() -> None:
    assert refusal(({"node": "pi-01"}, "NaN")) is Reason.NOT_A_NUMBER


def test_no_series_is_missing_data() -> None:
    assert refusal() is Reason.DATA_MISSING


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"status": "error", "error": "query timed out"},
        {"status": "success"},
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": ["x", "1"]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": 5, "value": [1, "1"]}]}},
    ],
)
def test_another_shape_is_no_answer(body: Any) -> None:
    with pytest.raises(SourceUnavailable):
        parse_series("p", body)


def test_a_matrix_keeps_its_good_samples_only() -> None:
    row = {"metric": {"node": "a"}, "values": [[1, "1"], [2, "NaN"], [3, "3"]]}
    body = {"status": "success", "data": {"resultType": "matrix", "result": [row]}}

    series: SampleSeries = parse_series("p", body)[0]

    assert [sample.value for sample in series.samples] == [1.0, 3.0]


@pytest.mark.parametrize(
    ("value", "nameplate", "expected"),
    [
        (5.0, 10.0, 5.0),
        (-0.05, 10.0, 0.0),
        (10.4, 10.0, 10.4),
        (50.0, None, 50.0),
        (-0.2, 10.0, Reason.NEGATIVE_VALUE),
        (10.6, 10.0, Reason.ABOVE_NAMEPLATE),
        (5000.0, 10.0, Reason.ABOVE_NAMEPLATE),
    ],
)
def test_a_meter_shows_between_nothing_and_its_nameplate(
    value: float, nameplate: float | None, expected: float | Reason
) -> None:
    found = check_amount(value, nameplate)

    assert (found.reason if isinstance(found, Cause) else found) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, 0.5), (1.005, 1.0), (-0.005, 0.0), (57.0, Reason.IMPLAUSIBLE_UNIT), (-0.5, Reason.NEGATIVE_VALUE)],
)
def test_a_state_of_charge_is_a_ratio_and_no_percentage(value: float, expected: float | Reason) -> None:
    found = check_ratio(value)

    assert (found.reason if isinstance(found, Cause) else found) == expected


def test_a_label_value_cannot_leave_its_quotes() -> None:
    assert (
        selector(Metric.POWER, 'x"} or up{job="', ["n"])
        == 'sunward_node_power_watts{job="x\\"} or up{job=\\"",node=~"n"}'
    )
    assert selector(Metric.POWER, "j", ["a.b", '"|.*']) == (
        'sunward_node_power_watts{job="j",node=~"a\\\\.b|\\\\\\"\\\\|\\\\.\\\\*"}'
    )
    assert quote("back\\slash") == '"back\\\\slash"'


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00b", "x" * 254])
def test_a_label_value_that_none_can_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput):
        quote(value)


def test_queries_are_the_documented_ones() -> None:
    assert own_time(Metric.BATTERY_RATIO, "j", ["n"]) == (
        'timestamp(sunward_node_battery_state_of_charge_ratio{job="j",node=~"n"})'
    )
    assert samples_of_last(Metric.ENERGY, "j", ["n", "m"], 330) == (
        'sunward_node_energy_joules_total{job="j",node=~"n|m"}[330s]'
    )


@pytest.mark.parametrize("seconds", [0, -5, 40 * 86_400])
def test_a_window_without_bounds_is_not_asked_for(seconds: int) -> None:
    with pytest.raises(InvalidInput):
        samples_of_last(Metric.ENERGY, "j", ["n"], seconds)
