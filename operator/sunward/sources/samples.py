"""What an answer of Prometheus holds, read strictly: finite numbers, one series per node, or a reason why not.

Pure; it must not know where the answer came from.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.reasons import Reason

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
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
    """The finite number that `text` spells in full, or None (NaN, Inf, "1_0", "0x1", anything but text)."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


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
    values = [(float(seconds), strict_float(text)) for seconds, text in pairs]
    good = tuple(Sample(seconds=seconds, value=value) for seconds, value in values if value is not None)
    return SampleSeries(labels=dict(labels), samples=good)


def by_node(series: Iterable[SampleSeries]) -> dict[str, list[SampleSeries]]:
    """Series grouped by the node that service discovery named; series without a node belong to nobody."""
    groups: defaultdict[str, list[SampleSeries]] = defaultdict(list)
    for one in series:
        if node := one.labels.get(NODE_LABEL):
            groups[node].append(one)
    return dict(groups)


def only_one(series: Sequence[SampleSeries]) -> SampleSeries | Cause:
    """The single honest series of a node, or why there is none. Duplicates are all refused: nobody knows which lies."""
    if not series:
        return Cause(Reason.DATA_MISSING, "no series")
    if any(one.spoofed for one in series):
        return Cause(Reason.AMBIGUOUS_METRIC, SPOOFED)
    if len(series) > 1:
        return Cause(Reason.AMBIGUOUS_METRIC, f"{len(series)} series; one expected")
    if not series[0].samples:
        return Cause(Reason.NOT_A_NUMBER, "the sample is not a finite number")
    return series[0]
