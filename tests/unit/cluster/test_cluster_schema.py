"""Custom resources become base units, and records survive the way through a status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects import schema
from sunward.cluster.objects.records import node_record, record_patch
from sunward.domain.errors import InvalidInput
from sunward.domain.nodes import Intent, NodeRecord, Operation, PowerState
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason

SAMPLES = Path(__file__).parents[3] / "crds" / "samples" / "valid"
GENERIC = {"template": {"spec": {"containers": [{"name": "train", "image": "registry.example.org/team/own:1"}]}}}
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001


def test_milliwatts_become_watts_and_percents_ratios() -> None:
    spec = schema.node_spec(
        {
            "metadata": {"name": "pi-01"},
            "spec": {
                "gridZone": "US-MISO",
                "power": {"idleMilliwatts": 2700, "busyMilliwatts": 6400, "wakeMilliwattHours": 50},
                "export": {"maximumPercentOfHarvest": 40},
            },
        }
    )
    assert (spec.power.idle_watts, spec.power.busy_watts) == (2.7, 6.4)
    assert spec.power.wake_watt_hours == pytest.approx(0.05)
    assert spec.maximum_export_ratio == pytest.approx(0.4)
    assert spec.node_name == "pi-01"


def test_a_missing_field_is_named_by_its_path() -> None:
    with pytest.raises(InvalidInput, match=r"EnergyNode pi-01: spec\.gridZone: is missing"):
        schema.node_spec({"metadata": {"name": "pi-01"}, "spec": {"power": {}}})


def test_without_a_policy_nothing_is_ever_done() -> None:
    assert schema.policy_spec({"metadata": {"name": "default"}, "spec": {}}).mode is OperatingMode.DRY_RUN


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_valid_sample_can_be_read(path: Path) -> None:
    readers = {
        "EnergyNode": schema.node_spec,
        "TrainingJob": schema.job_spec,
        "EnergyPolicy": schema.policy_spec,
    }
    for body in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if body["kind"] in readers:
            readers[body["kind"]](body)


def test_a_job_without_a_runtime_that_exists_is_refused_in_words() -> None:
    body = yaml.safe_load((SAMPLES / "trainingjob-flower.yaml").read_text(encoding="utf-8"))
    for runtime in ({}, {"generic": GENERIC, **body["spec"]["runtime"]}):
        with pytest.raises(InvalidInput, match=r"spec\.runtime: must have exactly one of flower and generic"):
            schema.job_spec({**body, "spec": body["spec"] | {"runtime": runtime}})
    with pytest.raises(InvalidInput, match=r"spec\.runtime\.generic\.template\.spec: is missing"):
        schema.job_spec({**body, "spec": body["spec"] | {"runtime": {"generic": {"template": {}}}}})


@given(
    st.builds(
        NodeRecord,
        power_state=st.sampled_from(list(PowerState)),
        operation=st.none()
        | st.builds(
            Operation,
            id=st.text("abcdef0123456789", min_size=1, max_size=12),
            intent=st.sampled_from(Intent),
            reason=st.sampled_from(list(Reason)),
            started_at=TIMES,
            deadline=TIMES,
            attempt=st.integers(1, 9),
            fencing_token=st.integers(0, 999),
        ),
        cordoned_by_us=st.booleans(),
        awake_since=st.none() | TIMES,
        asleep_since=st.none() | TIMES,
        next_attempt_at=st.none() | TIMES,
        sleep_times=st.lists(TIMES, max_size=5).map(tuple),
    )
)
def test_a_record_survives_the_way_through_the_status(record: NodeRecord) -> None:
    assert node_record({"status": record_patch(record)}) == record


def test_times_are_aware_and_keep_microseconds() -> None:
    moment = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC) + timedelta(hours=1)
    assert parse_time(format_time(moment)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22t18:00:00z", datetime(2026, 11, 22, 18, tzinfo=UTC)),
        ("2026-11-22T18:00:00.5+02:00", datetime(2026, 11, 22, 16, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-22T18:00:00-00:00", datetime(2026, 11, 22, 18, tzinfo=UTC)),
    ],
)
def test_every_spelling_of_rfc_3339_is_read(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


@given(
    st.one_of(st.text(max_size=40), st.from_regex(r"\A\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z"))
)
def test_any_text_is_a_time_that_can_be_written_again_or_a_value_error(text: str) -> None:
    try:
        moment = parse_time(text)
    except ValueError:
        return
    assert moment is None or format_time(moment)
