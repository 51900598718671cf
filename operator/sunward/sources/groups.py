"""Questions to Prometheus about groups of nodes, so that what one node exports costs no other node its readings.

Every answer has a limit in proportion to the nodes that were asked about. A group whose answer is larger is asked for
in halves, down to the node that is to blame; that node alone is absent, and is left out for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason
from sunward.sources.http import JsonReader, TooLarge
from sunward.sources.samples import SampleSeries, by_node, parse_series
from sunward.sources.settings import PrometheusSettings

NODES_PER_QUESTION = 200
FIXED_BYTES = 256 << 10
"""What any answer may have, beside the share of each node."""
LEFT_OUT_SECONDS = 300.0
"""How long a node whose answer was too large is not asked about."""

Found = list[SampleSeries] | Cause
"""A node's series, or why they were not read."""


@dataclass(slots=True, kw_only=True)
class NodeGroups:
    """Asks one Prometheus about nodes, group by group; remembers which nodes' answers were too large."""

    reader: JsonReader
    settings: PrometheusSettings
    _left_out_until: dict[str, float] = field(default_factory=dict)

    async def ask(
        self,
        question: Callable[[Sequence[str]], str],
        nodes: Collection[str],
        at: datetime,
        bytes_per_node: int,
    ) -> Mapping[str, Found]:
        """What was found of each node at *at*; nodes without series are not in it.

        `question` makes the query about some nodes. Raises SourceUnavailable when Prometheus does not answer.
        """
        left_out = {node for node in nodes if at.timestamp() < self._left_out_until.get(node, 0.0)}
        names = sorted(set(nodes) - left_out)
        groups = [names[start : start + NODES_PER_QUESTION] for start in range(0, len(names), NODES_PER_QUESTION)]
        answers = await asyncio.gather(*(self._group(question, group, at, bytes_per_node) for group in groups))
        found: dict[str, Found] = {node: _too_large() for node in left_out}
        for answer in answers:
            found |= answer
        return found

    async def _group(
        self, question: Callable[[Sequence[str]], str], nodes: Sequence[str], at: datetime, bytes_per_node: int
    ) -> Mapping[str, Found]:
        limit = min(FIXED_BYTES + bytes_per_node * len(nodes), self.reader.limits.maximum_bytes)
        form = {"query": question(nodes), "time": f"{at.timestamp():.3f}"}
        form["timeout"] = f"{self.settings.timeout_seconds:g}s"
        try:
            body = await self.reader.post_form(f"{self.settings.url}/api/v1/query", form, maximum_bytes=limit)
        except TooLarge:
            return await self._halves(question, nodes, at, bytes_per_node)
        return dict(by_node(parse_series(self.reader.name, body)))

    async def _halves(
        self, question: Callable[[Sequence[str]], str], nodes: Sequence[str], at: datetime, bytes_per_node: int
    ) -> Mapping[str, Found]:
        """One half after the other: large answers are not held at the same time."""
        if len(nodes) == 1:
            self._left_out_until[nodes[0]] = at.timestamp() + LEFT_OUT_SECONDS
            return {nodes[0]: _too_large()}
        middle = len(nodes) // 2
        first = await self._group(question, nodes[:middle], at, bytes_per_node)
        return {**first, **await self._group(question, nodes[middle:], at, bytes_per_node)}


def _too_large() -> Cause:
    why = f"its series are too many or too long; it is asked about again within {LEFT_OUT_SECONDS:.0f} s"
    return Cause(Reason.DATA_UNAVAILABLE, why)
