"""The fixed questions asked of Prometheus.

Every query is made here, from a template, an allow-list of names and quoted values, so that nothing that a tenant can
name ever becomes a query. Pure text; it must not know how the text travels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from sunward.domain.errors import InvalidInput

_SPECIAL = re.compile(r"[ !-,./:-@\[-^`{-~]")
"""ASCII punctuation but - and _, which mean themselves: RE2 takes an escape of anything else for an error."""
_VALUE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,253}")


class Metric(StrEnum):
    """The metrics of the exporter's contract that may be asked for."""

    POWER = "sunward_node_power_watts"
    ENERGY = "sunward_node_energy_joules_total"
    HARVEST_POWER = "sunward_node_harvest_power_watts"
    HARVEST_ENERGY = "sunward_node_harvest_energy_joules_total"
    BATTERY_RATIO = "sunward_node_battery_state_of_charge_ratio"
    LAST_SAMPLE = "sunward_node_last_sample_timestamp_seconds"
    ABSENT = "sunward_exporter_meter_absent"
    CHOICES = "sunward_exporter_meter_info"


def quote(value: str) -> str:
    """A label value as a PromQL string; raises InvalidInput for control characters and absurd lengths."""
    return _string(_checked(value))


def selector(metric: Metric, job: str, nodes: Sequence[str]) -> str:
    """All series of one metric that the exporters' scrape job brought in for some nodes."""
    names = "|".join(_SPECIAL.sub(r"\\\g<0>", _checked(node)) for node in nodes)
    return f"{metric.value}{{job={quote(job)},node=~{_string(names)}}}"


def own_time(metric: Metric, job: str, nodes: Sequence[str]) -> str:
    """The time of each sample, because an instant query answers with the time of asking."""
    return f"timestamp({selector(metric, job, nodes)})"


def _checked(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise InvalidInput(
            "label value", f"{value!r} is empty, longer than 253 characters, or contains control characters"
        )
    return value


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def samples_of_last(metric: Metric, job: str, nodes: Sequence[str], seconds: int) -> str:
    """Raw samples of the last `seconds`, each with its own time; raises InvalidInput unless 1 s to 31 days."""
    if not 1 <= seconds <= 31 * 86_400:
        raise InvalidInput("window", f"{seconds} s is not between 1 s and 31 days")
    return f"{selector(metric, job, nodes)}[{seconds}s]"


def mapped(series: str, labels: Mapping[str, str], node_label: str, values: Sequence[str], seconds: int) -> str:
    """Raw samples of the last `seconds` of a series that the admin named, for some values of the node's label.

    Names of series and labels are checked where settings are read; values are quoted here.
    """
    names = "|".join(_SPECIAL.sub(r"\\\g<0>", _checked(value)) for value in values)
    matchers = [f"{label}={quote(value)}" for label, value in labels.items()]
    return f"{series}{{{','.join([*matchers, f'{node_label}=~{_string(names)}'])}}}[{seconds}s]"
