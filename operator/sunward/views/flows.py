"""Energy from sun, batteries and grid to nodes, and between nodes, as mean watts of the youngest settled period.

The picture needs books that close; readings of one instant do not. Where a figure of the ledger is absent, so is its
link, and the node is counted as incomplete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sunward.views.fields import Body, at, moment, name_of, rows, scaled, stamp, text
from sunward.views.models import FlowPicture, Link

MICRO = 1e6
MOST_NODES = 16
"""With more, the picture shows sites."""
SMALLEST_WATTS = 0.0005
NEEDED = ("harvestUsedMicrowattHours", "gridMicrowattHours")
Key = tuple[str, str, str]


def picture(plans: Sequence[Body], nodes: Sequence[Body]) -> FlowPicture | None:
    """Of the youngest settled plan; None where no period is settled."""
    settled = [plan for plan in plans if isinstance(at(plan, "status", "settlement"), Mapping)]
    if not settled:
        return None
    settlement = settled[-1]["status"]["settlement"]
    start, end = moment(text(settlement, "from")), moment(text(settlement, "until"))
    if start is None or end is None or end <= start:
        return None
    ledger = list(rows(settlement, "nodes"))
    by_site = len(ledger) > MOST_NODES
    places = _places(nodes, by_site=by_site)
    hours = (end - start).total_seconds() / 3600.0
    return FlowPicture(
        start=stamp(start),
        end=stamp(end),
        by_site=by_site,
        incomplete=sum(any(scaled(row, field, per=MICRO) is None for field in NEEDED) for row in ledger),
        links=_links(_flows(ledger, settlement, places), hours),
    )


def _places(nodes: Iterable[Body], *, by_site: bool) -> Mapping[str, str]:
    """Name of a node -> its place in the picture."""
    return {
        name_of(body): (text(body, "spec", "site") or "without a site") if by_site else name_of(body) for body in nodes
    }


def _flows(ledger: Iterable[Body], settlement: Body, places: Mapping[str, str]) -> Iterator[tuple[Key, float | None]]:
    for row in ledger:
        name = text(row, "node") or ""
        place = places.get(name, name)
        yield ("Sun", place, "Sun"), scaled(row, "harvestUsedMicrowattHours", per=MICRO)
        yield ("Sun", "Batteries charged", "Sun"), scaled(row, "harvestStoredMicrowattHours", per=MICRO)
        yield ("Sun", "Not used", "Unused"), scaled(row, "harvestCurtailedMicrowattHours", per=MICRO)
        yield ("Batteries", place, "Battery"), _own_battery(row)
        yield ("Grid", place, "Grid"), scaled(row, "gridMicrowattHours", per=MICRO)
    for row in rows(settlement, "transfers"):
        source, target = text(row, "fromNode") or "", text(row, "toNode") or ""
        kind = text(row, "kind") or "Physical"
        sender = f"Surplus of {places.get(source, source)}"
        received = scaled(row, "receivedMicrowattHours", per=MICRO)
        yield ("Sun", sender, "Sun"), received
        yield (sender, places.get(target, target), kind), received


def _own_battery(row: Body) -> float | None:
    """What a battery gave to its own node; None where one of the two figures is unknown."""
    out, sent = (scaled(row, field, per=MICRO) for field in ("dischargedMicrowattHours", "batterySentMicrowattHours"))
    return None if out is None or sent is None else max(0.0, out - sent)


def _links(flows: Iterable[tuple[Key, float | None]], hours: float) -> tuple[Link, ...]:
    sums: dict[Key, float] = defaultdict(float)
    for key, watt_hours in flows:
        sums[key] += watt_hours or 0.0
    watts = ((key, total / hours) for key, total in sorted(sums.items()))
    return tuple(
        Link(source=source, target=target, kind=kind, watts=round(amount, 4))
        for (source, target, kind), amount in watts
        if amount >= SMALLEST_WATTS
    )
