"""What an answer of Prometheus holds, read strictly: finite numbers, one series per node, or a reason why not.

Pure; it must not know where the answer came from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.reasons import Reason

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
LARGEST_VALUE = 1e15
"""No meter shows more, whatever its unit, and sums of such numbers stay finite."""
LONGEST_LABEL = 253
"""Characters of a label that are kept; a name of Kubernetes is no longer."""
NODE_LABEL = "node"
SPOOFED = "a target set labels that only Prometheus may set (exported_*)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number at one time (seconds since 1970)."""

    seconds: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSeries:
    """Samples of one time series in order of time. Those that were no finite number are left out."""

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]

    @property
    def spoofed(self) -> bool:
        """Whether the target claimed labels that only Prometheus may set."""
        return any(label.startswith("exported_") for label in self.labels)


def strict_float(text: object) -> float | None:
    """The number that `text` spells in full, or None (NaN, Inf, 1e300, "1_0", "0x1", anything but text)."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) <= LARGEST_VALUE else None


def parse_series(source: str, body: Any) -> list[SampleSeries]:
    """Read the body of a query; raises SourceUnavailable when it is an error or has another shape."""
    if not isinstance(body, Mapping) or body.get("status") != "success":
        why = body.get("error", "no reason given") if isinstance(body, Mapping) else "no object"
        raise SourceUnavailable(source, f"rejected the query: {str(why)[:200]}")
    try:
        data = body["data"]
        pairs = {"vector": _one_pair, "matrix": _many_pairs}[data["resultType"]]
        return [_one_series(row["metric"], pairs(row)) for row in data["result"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceUnavailable(source, f"returned a response of unknown structure ({type(error).__name__})") from None


def _one_pair(row: Mapping[str, Any]) -> Sequence[Any]:
    return [row["value"]]


def _many_pairs(row: Mapping[str, Any]) -> Sequence[Any]:
    pairs: Sequence[Any] = row["values"]
    return pairs


def _one_series(labels: Mapping[str, str], pairs: Sequence[Any]) -> SampleSeries:
    values = [(_seconds(seconds), strict_float(text)) for seconds, text in pairs]
    good = tuple(Sample(seconds=seconds, value=value) for seconds, value in values if value is not None)
    return SampleSeries(labels=_labels(labels), samples=good)


def _seconds(number: object) -> float:
    """A time of a sample, in seconds since 1970. Raises TypeError for anything but a number."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError("the time of a sample is a number")
    return float(number)


def _labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels of a series, which stand in statuses and on pages. Raises TypeError for what is no text."""
    found = dict(labels)
    if not all(isinstance(value, str) for value in found.values()):
        raise TypeError("labels are text")
    return {name: shortened(value) for name, value in found.items()}


def shortened(text: str) -> str:
    """A label as it may be shown: its length is bounded, and it is one printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_LABEL])


def by_node(series: Iterable[SampleSeries]) -> dict[str, list[SampleSeries]]:
    """Series grouped by the node that service discovery named; series without a node belong to none."""
    groups: defaultdict[str, list[SampleSeries]] = defaultdict(list)
    for one in series:
        if node := one.labels.get(NODE_LABEL):
            groups[node].append(one)
    return dict(groups)


def only_one(series: Sequence[SampleSeries]) -> SampleSeries | Cause:
    """The single honest series of a node, or why there is none. Of duplicates none is taken: any may be wrong."""
    if not series:
        return Cause(Reason.DATA_MISSING, "no series")
    if any(one.spoofed for one in series):
        return Cause(Reason.AMBIGUOUS_METRIC, SPOOFED)
    if len(series) > 1:
        return Cause(Reason.AMBIGUOUS_METRIC, f"{len(series)} series; one expected")
    if not series[0].samples:
        return Cause(Reason.NOT_A_NUMBER, "the sample is not a finite number")
    return series[0]
