"""Draft to request: names exist, quotes stand in the request, numbers are in range, and nothing contradicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from sunward.advisor.parser.names import NameIndex, index_of
from sunward.advisor.parser.tokens import JOINED
from sunward.advisor.parser.words import cleaned
from sunward.advisor.request.amounts import Amounts
from sunward.advisor.request.times import Clockwork
from sunward.advisor.request.types import Base, Code, Draft, Edit, NotSolvable, Request

_FREE = {"edit", "jobs", "nodes", "zones", "name", "on", "rule", "without", "limit", "charge_from_grid"}
"""Fields of a draft that are chosen and not quoted."""
RELATIVE = ("idle_watts", "asleep_watts", "wake_seconds", "wake_watt_hours")
_UNITS = {"idle_watts": "W", "asleep_watts": "W", "wake_seconds": "s", "wake_watt_hours": "Wh"}


def check(request: str, draft: Draft, base: Base) -> Request:
    """The request in numbers and periods. Raises NotSolvable with a question."""
    checker = _Checker(request, base)
    edits, because = [], []
    for edit in draft.edits:
        checker.quotes_stand(edit)
        edits.append(checker.edit(edit))
        because.append(_because(edit))
    limits = [checker.limit(limit) for limit in draft.limits]
    _agree(limits)
    notes = [*draft.notes, *checker.amounts.notes, *checker.clock.notes]
    return Request(
        edits=tuple(edits),
        limits=tuple(limits),
        objective=draft.objective,
        because=tuple(because),
        assumptions=tuple(dict.fromkeys(notes)),
    )


def _agree(limits: Sequence[dict[str, Any]]) -> None:
    """One limit for each quantity."""
    values: dict[str, float] = {}
    for limit in limits:
        if values.setdefault(limit["limit"], limit["at_most"]) != limit["at_most"]:
            raise NotSolvable(Code.CONTRADICTION, f"There are two limits in {limit['unit']}. Which one holds?")


def _because(edit: Edit) -> str:
    quotes = [str(value) for key, value in edit.items() if key not in _FREE and isinstance(value, str) and value]
    return ", ".join(dict.fromkeys(quotes)) or str(edit["edit"])


class _Checker:
    def __init__(self, request: str, base: Base) -> None:
        self.text = cleaned(request)
        self.base = base
        self.index: NameIndex = index_of(base.problem)
        self.clock = Clockwork(base, self.index)
        self.amounts = Amounts(self.index)

    def quotes_stand(self, edit: Edit) -> None:
        """Every quoted value is a piece of the request, so no number enters that the request does not have."""
        for key, value in edit.items():
            pieces = value.split(JOINED) if key not in _FREE and isinstance(value, str) else []
            if any(piece not in self.text for piece in pieces):
                raise NotSolvable(Code.UNREAD, f"The value {value!r} of {key} does not stand in the request.")

    def edit(self, edit: Edit) -> Edit:
        """One edit in numbers."""
        readers: dict[str, Callable[[Edit], Edit]] = {
            "window": self._window,
            "extend": self._window,
            "move": self._move,
            "minimum-workers": self._workers,
            "work": self._work,
            "asleep-limit": self._asleep,
            "export": self._export,
            "battery": self._battery,
            "harvest": self._harvest,
            "intensity": self._intensity,
            "node-power": self._power,
        }
        return readers.get(str(edit["edit"]), dict)({**edit, **self._names(edit)})

    def _names(self, edit: Edit) -> Edit:
        """Chosen names; one that the base does not have is asked about."""
        found: Edit = {}
        zones = list(self.base.problem.intensity_grams_per_kilowatt_hour)
        pools = [pool.name for pool in self.base.problem.energy_pools]
        known = {
            "jobs": {"*", *self.index.jobs},
            "nodes": {"*", *self.index.nodes, *(f"zone:{zone}" for zone in zones), *(f"pool:{pool}" for pool in pools)},
            "zones": {"*", *zones},
        }
        for key, names in known.items():
            if key in edit:
                wrong = [name for name in edit[key] or () if name not in names]
                if wrong or not edit[key]:
                    raise NotSolvable(
                        Code.UNKNOWN_NAME,
                        f"{(wrong or ['nothing'])[0]!r} is none of the {key}. Which one is meant?",
                        tuple(sorted(names)),
                    )
                found[key] = "*" if "*" in edit[key] else list(edit[key])
        return found

    def _window(self, edit: Edit) -> Edit:
        shift = self.clock.shift(edit["done_by"]) if edit["done_by"] else None
        if shift is not None:
            edit.pop("not_before")
            return {
                **edit,
                "edit": "extend" if shift.total_seconds() > 0 else edit["edit"],
                "not_before_period": None,
                "done_by_period": None,
                "deadline_shift_seconds": shift.total_seconds(),
                "done_by": edit["done_by"],
            }
        begin, end = self.clock.ends(edit.pop("not_before"), edit.pop("done_by"))
        edit["not_before_period"] = self.clock.first_period(begin)
        edit["done_by_period"] = self.clock.last_period(end)
        first, last = edit["not_before_period"], edit["done_by_period"]
        if first is not None and last is not None and first > last:
            raise NotSolvable(
                Code.CONTRADICTION, "The job would have to end before it begins. Which of the two times holds?"
            )
        return edit

    def _move(self, edit: Edit) -> Edit:
        edit["at_most_percent"] = self.amounts.share(edit.pop("at_most"), most=100)
        return edit

    def _export(self, edit: Edit) -> Edit:
        return self._move(edit)

    def _workers(self, edit: Edit) -> Edit:
        value, _ = self.amounts.quantity(edit["workers"], "")
        if value != int(value) or value < 1:
            raise NotSolvable(Code.IMPOSSIBLE_VALUE, f"{value:g} workers: a whole number of 1 or more is needed.")
        return {**edit, "workers": int(value)}

    def _work(self, edit: Edit) -> Edit:
        return {**edit, "percent": self.amounts.share(edit["percent"])}

    def _asleep(self, edit: Edit) -> Edit:
        total = len(self.index.nodes)
        quote = edit.get("at_most") or edit.get("at_least_awake") or ""
        counts = self.amounts.counts(quote)
        if not counts or len(counts) > 2 or (len(counts) == 2 and counts[1] != (Fraction(total), "")):
            raise NotSolvable(Code.CONTRADICTION, f"{quote!r} does not fit {total} nodes. How many may sleep at once?")
        value, unit = counts[0]
        awake = "at_least_awake" in edit
        if unit == "%":
            nodes = int(total * (100 - value) / 100) if awake else int(total * value / 100)
        elif value.denominator == 1:
            nodes = total - int(value) if awake else int(value)
        else:
            nodes = -1
        if not 0 <= nodes <= total or value < 0:
            raise NotSolvable(
                Code.IMPOSSIBLE_VALUE, f"{quote!r} does not fit {total} nodes. How many may sleep at once?"
            )
        self.amounts.notes.append(f"of {total} nodes at most {nodes} may sleep at once")
        return {"edit": "asleep-limit", "at_most": nodes}

    def _battery(self, edit: Edit) -> Edit:
        found: Edit = {"edit": "battery", "nodes": edit["nodes"]}
        if edit.get("at") and self.clock.ends("", edit["at"])[1] != self.base.end:
            end = f"{self.base.end:%H:%M}"
            question = f"A level can be asked for at the end of the plan, {end}, or for all of it. Which is meant?"
            raise NotSolvable(Code.NOT_EXPRESSIBLE, question, ("at the end", "at all times"))
        for key in ("minimum", "final", "initial"):
            if edit.get(key):
                found[key] = self.amounts.level(edit[key])
        if edit.get("capacity"):
            found["capacity"] = self.amounts.capacity(edit["capacity"])
        if edit.get("charge_from_grid"):
            found["charge_from_grid"] = edit["charge_from_grid"] == "on"
        return found

    def _periods(self, edit: Edit) -> Edit:
        begin, end = self.clock.ends(edit.pop("from"), edit.pop("to"))
        first, last = self.clock.first_period(begin), self.clock.last_period(end)
        if first is not None and last is not None and first > last:
            raise NotSolvable(Code.OUTSIDE_HORIZON, "No whole period lies within these hours. Which hours are meant?")
        return {**edit, "from_period": first, "to_period": last}

    def _harvest(self, edit: Edit) -> Edit:
        edit = self._periods(edit)
        return {**edit, "percent": self.amounts.share(edit["percent"])}

    def _intensity(self, edit: Edit) -> Edit:
        edit = self._periods(edit)
        if "percent" in edit:
            return {**edit, "percent": self.amounts.share(edit["percent"], worse_is_more=True)}
        quote = edit["grams_per_kilowatt_hour"]
        grams, unit = self.amounts.quantity(quote, "g/kWh", "g")
        if unit == "g":
            self.amounts.notes.append(f"{quote!r} of a grid is taken as grams per kilowatt-hour")
        return {**edit, "grams_per_kilowatt_hour": grams}

    def _power(self, edit: Edit) -> Edit:
        found: Edit = {"edit": "node-power", "nodes": edit["nodes"]}
        for key in RELATIVE:
            if edit.get(key):
                counts = self.amounts.counts(edit[key])
                relative = any(unit in ("%", "x") for _, unit in counts)
                found[key] = (
                    {"percent": self.amounts.share(edit[key])}
                    if relative
                    else self.amounts.quantity(edit[key], _UNITS[key])[0]
                )
        return found

    def limit(self, limit: Edit) -> dict[str, Any]:
        """A limit in its unit."""
        self.quotes_stand(limit)
        unit = "g" if limit["limit"] == "emissions" else "Wh"
        value, _ = self.amounts.quantity(limit["at_most"], unit)
        return {"limit": limit["limit"], "at_most": value, "unit": unit}
