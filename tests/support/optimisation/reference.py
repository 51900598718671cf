"""A second reading of the planning problem: every rule of the format, pairwise, solved by SciPy's HiGHS.

It was written from the text of the format alone, shares no code with the optimiser and is deliberately plain: one
variable for every letter of the text, one method for every rule, in the order of the text. It exists to disagree.
Energy is in watt-hours, time in hours, cost in grams, as in the text; periods count from one.
"""

import copy
import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Document = Mapping[str, Any]
Terms = dict[Hashable, float]

MODES = {
    "none": (False, False, False),
    "det": (True, False, False),
    "dat": (False, True, True),
    "deta": (True, True, True),
}
SOONEST_SLACK = 1e-6
LARGE = 1e3
RELATIVE, GRAMS = 1e-6, 1e-7
INFINITE = float("inf")


def in_mode(document: Document, mode: str) -> dict[str, Any]:
    """Returns a copy of the problem under one of the four presets."""
    changed = copy.deepcopy(dict(document))
    share, offload, sleep = MODES[mode]
    changed["policy"] |= {"share_energy": share, "offload_tasks": offload, "sleep": sleep}
    return changed


@dataclasses.dataclass(frozen=True)
class Least:
    """The smallest value of a sum of terms: as the search for integers left it, and with these integers made whole.

    SciPy lets the search call 1e-6 whole, so that the first may be too small, and rounding it may lose a node that is
    on for a moment, so that the second may be too large; the truth lies between.
    """

    nearly_whole: float
    whole: float

    def agrees(self, value: float) -> bool:
        """Tells whether a value is this one to the precision of the format."""
        low, high = sorted((self.nearly_whole, self.whole))
        return low - RELATIVE * abs(low) - GRAMS <= value <= high + RELATIVE * abs(high) + GRAMS


def optimum(document: Document) -> Least | None:
    """Returns the smallest objective in grams, None where no plan keeps every rule."""
    model = Model(document)
    if not document["policy"]["shift_in_time"]:
        soonest = model.programme.minimum(model.lateness())
        if soonest is None:
            return None
        model.programme.row(model.lateness(), high=soonest.whole * (1.0 + SOONEST_SLACK))
    return model.programme.minimum(model.objective)


def cost_of(document: Document, solution: Document, *, tolerance: float = 1e-6) -> float | None:
    """Returns the grams of a solution's rows, None where they break a rule by more than the tolerance of its scale."""
    programme = (model := Model(document)).programme
    for key, value in _values(document, solution).items():
        if not programme.hold(key, value, tolerance):
            return None
    programme.loosen(tolerance)
    found = programme.minimum(model.objective)
    return None if found is None else found.whole


def _values(document: Document, solution: Document) -> Terms:
    nodes = [node["name"] for node in document["nodes"]]
    periods = range(1, len(solution["nodes"][0]["on"]) + 1) if solution["nodes"] else range(0)
    pools, jobs = [pool["name"] for pool in document["energy_pools"]], [job["name"] for job in document["jobs"]]
    values: Terms = {(letter, p, i, t): 0.0 for letter in "sq" for p in pools for i in nodes for t in periods}
    values |= {("f", j, i, k, t): 0.0 for j in jobs for i in nodes for k in nodes for t in periods}
    for row in solution["batches"]:
        values["f", row["job"], row["from"], row["on"], row["period"]] = row["batches"]
    for letter, rows in (("s", solution["sends"]), ("q", solution["draws"])):
        values |= {(letter, row["pool"], row["node"], row["period"]): row["watt_hours"] for row in rows}
    return values | dict(_node_values(solution))


def _node_values(solution: Document) -> Iterator[tuple[Hashable, float]]:
    letters = {"a": "awake_hours", "u": "on", "g": "grid_watt_hours", "h": "harvest_used_watt_hours"}
    letters |= {"c": "charge_watt_hours", "d": "discharge_watt_hours", "e": "stored_watt_hours"}
    for row in solution["nodes"]:
        for letter, field in letters.items():
            for t, value in enumerate(row[field], start=1):
                yield (letter, row["name"], t), float(value)


class Programme:
    """Named variables between bounds, rows of named terms, and sums of terms to make small."""

    def __init__(self) -> None:
        """Starts without variables and without rows."""
        self.index: dict[Hashable, int] = {}
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.whole: list[int] = []
        self.rows: list[tuple[Terms, float, float]] = []

    def variable(self, key: Hashable, upper: float = INFINITE, *, lower: float = 0.0, whole: bool = False) -> None:
        """Adds one variable between its bounds."""
        self.index[key] = len(self.lower)
        self.lower.append(lower)
        self.upper.append(upper)
        self.whole.append(int(whole))

    def row(self, terms: Terms, low: float = -INFINITE, high: float = INFINITE) -> None:
        """Adds low <= sum of terms <= high; a variable that does not exist stands for zero."""
        self.rows.append((terms, low, high))

    def hold(self, key: Hashable, value: float, tolerance: float) -> bool:
        """Holds a variable at a value; false where its bounds refuse that by more than the tolerance."""
        if key not in self.index:
            return abs(value) <= tolerance
        at, allowed = self.index[key], tolerance * max(1.0, abs(value))
        held = min(max(value, self.lower[at]), self.upper[at])
        self.lower[at] = self.upper[at] = held
        return abs(held - value) <= allowed

    def loosen(self, tolerance: float) -> None:
        """Lets every row miss its sides by a share of its largest held term."""
        for at, (terms, low, high) in enumerate(self.rows):
            largest = [abs(value * self.lower[self.index[key]]) for key, value in terms.items() if key in self.index]
            allowed = tolerance * max([1e-3, *largest])
            self.rows[at] = (terms, low - allowed, high + allowed)

    def minimum(self, terms: Terms) -> Least | None:
        """Returns the smallest value of a sum of terms, None where no point keeps the rows.

        SciPy's search stops 1e-6 above the least sum, and lets nobody change that: the costs are made large beside it.
        """
        cost = np.zeros(len(self.lower))
        for key, value in terms.items():
            if key in self.index:
                cost[self.index[key]] += value
        scale = (float(np.abs(cost).max(initial=0.0)) or 1.0) / LARGE
        found = self._branch(cost / scale)
        return None if found is None else Least(found[0] * scale, found[1] * scale)

    def _branch(self, cost: np.ndarray) -> tuple[float, float] | None:
        """Solves with the integers, then once more with them made whole and held."""
        lower, upper, whole = np.array(self.lower), np.array(self.upper), np.array(self.whole, dtype=bool)
        found = self._milp(cost, whole, lower, upper)
        if found.x is None:
            return None
        lower[whole] = upper[whole] = np.round(found.x[whole])
        exact = self._milp(cost, np.zeros_like(whole), lower, upper)
        return float(found.fun), float(found.fun if exact.x is None else exact.fun)

    def _milp(self, cost: np.ndarray, whole: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Any:
        """Solves without the presolve, which has called a plan optimal that was not; with it where that one fails."""
        for presolve in (False, True):
            options = {"mip_rel_gap": 0.0, "presolve": presolve}
            bounds, rows = Bounds(lower, upper), self._matrix()
            found = milp(cost, integrality=whole, bounds=bounds, constraints=rows, options=options)
            if found.status in (0, 2):
                return found
        raise AssertionError(found.message)

    def _matrix(self) -> LinearConstraint:
        entries = [
            (at, self.index[key], value)
            for at, (terms, _, _) in enumerate(self.rows)
            for key, value in terms.items()
            if key in self.index
        ]
        rows, columns, values = (list(part) for part in zip(*entries, strict=True))
        matrix = csr_array((values, (rows, columns)), shape=(len(self.rows), len(self.lower)), dtype=float)
        return LinearConstraint(matrix, [low for _, low, _ in self.rows], [high for _, _, high in self.rows])


@dataclasses.dataclass
class Model:
    """The programme of one problem document."""

    document: Document

    def __post_init__(self) -> None:
        """Reads the names, then adds every variable, the cost and every rule."""
        document = self.document
        self.hours = document["period_seconds"] / 3600
        self.horizon = len(next(iter(document["intensity_grams_per_kilowatt_hour"].values())))
        self.periods = range(1, self.horizon + 1)
        self.nodes = {node["name"]: node for node in document["nodes"]}
        self.jobs = {job["name"]: job for job in document["jobs"]}
        self.pools = {pool["name"]: pool for pool in document["energy_pools"]}
        self.policy, self.network = document["policy"], document["network"]
        self.programme = Programme()
        self.objective: Terms = {}
        self.variables()
        self.pay()
        for rule in (
            self.work,
            self.offload,
            self.awake,
            self.on_and_off,
            self.energy,
            self.pooled,
            self.export,
            self.battery,
            self.workers,
        ):
            rule()

    # Variables

    def variables(self) -> None:
        """Adds every letter of the text with the bounds that its rule states alone."""
        for key in self.flows():
            self.programme.variable(key)
        for j in self.jobs:
            for t in self.periods:
                self.programme.variable(("r", j, t))
            for k in self.nodes:
                self.programme.variable(("z", j, k), 1.0, whole=True)
        for i, node in self.nodes.items():
            for t in self.periods:
                self.node_variables(i, node, t)

    def node_variables(self, i: str, node: Document, t: int) -> None:
        """Adds one node's letters of one period; a node that may not sleep is on."""
        add, battery = self.programme.variable, node["battery"]
        add(("g", i, t))
        add(("h", i, t), node["harvest_watt_hours"][t - 1])
        add(("a", i, t), self.hours)
        add(("u", i, t), 1.0, lower=0.0 if self.sleeps(i) else 1.0, whole=True)
        for letter in ("v+", "v-", "x", "y"):
            add((letter, i, t), 1.0, whole=True)
        if battery is not None:
            add(("c", i, t), battery["maximum_charge_watts"] * self.hours)
            add(("d", i, t), battery["maximum_discharge_watts"] * self.hours)
            add(("e", i, t), battery["capacity_watt_hours"], lower=battery["minimum_watt_hours"])
        for p, pool in self.pools.items():
            if self.policy["share_energy"] and i in pool["members"]:
                add(("s", p, i, t))
                add(("q", p, i, t))

    def flows(self) -> Iterator[tuple[str, str, str, str, int]]:
        """Yields f[j,i,k,t] wherever rules 1 and 2 do not make it zero."""
        for j, job in self.jobs.items():
            for i in job["batches"]:
                for k in self.able(j):
                    movable = job["movable_to"] is None or k in job["movable_to"]
                    if k == i or (self.policy["offload_tasks"] and movable):
                        for t in range(job["release_period"], job["deadline_period"] + 1):
                            yield ("f", j, i, k, t)

    def able(self, j: str) -> list[str]:
        """Returns the nodes that can work on a job."""
        job = self.jobs[j]
        return [k for k in self.nodes if k in job["watt_hours_per_batch"] and k in job["seconds_per_batch"]]

    def sleeps(self, i: str) -> bool:
        """Tells whether a node may be off."""
        return bool(self.policy["sleep"] and self.nodes[i]["can_sleep"])

    def loads(self, j: str, k: str, t: int, per_batch: float = 1.0) -> Terms:
        """Returns l[j,k,t] times a factor."""
        return {("f", j, i, k, t): per_batch for i in self.jobs[j]["batches"]}

    def moved(self, *, sender: str | None = None, receiver: str | None = None, factor: float = 1.0) -> Terms:
        """Returns the gigabytes that move from a sender, or to a receiver, times a factor."""
        return {
            key: factor * self.jobs[key[1]]["gigabytes_per_batch"]
            for key in self.flows()
            if key[2] != key[3] and sender in (None, key[2]) and receiver in (None, key[3])
        }

    # Objective

    def pay(self) -> None:
        """Collects the objective in grams."""
        document = self.document
        for i, node in self.nodes.items():
            wear = node["battery"]["wear_grams_per_watt_hour"] if node["battery"] else 0.0
            zone = document["intensity_grams_per_kilowatt_hour"][node["grid_zone"]]
            for t in self.periods:
                self.objective["g", i, t] = zone[t - 1] / 1000
                self.objective["h", i, t] = document["harvest_intensity_grams_per_kilowatt_hour"] / 1000
                self.objective["c", i, t] = self.objective["d", i, t] = wear
                self.objective["a", i, t] = node["embodied_grams_per_hour"] if self.policy["include_embodied"] else 0.0
        transit = self.network["transit_watt_hours_per_gigabyte"]
        transit *= self.network["transit_intensity_grams_per_kilowatt_hour"] / 1000
        self.objective |= self.moved(factor=transit)

    def lateness(self) -> Terms:
        """Returns the sum over jobs and periods of the period times the batches done in it (rule 11)."""
        return {key: float(key[4]) for key in self.flows()}

    # Rules

    def work(self) -> None:
        """Rule 1: all work inside its window; a synchronous job's rounds take the same share of every shard."""
        for j, job in self.jobs.items():
            if job["synchronous"]:
                self.programme.row({("r", j, t): 1.0 for t in self.periods}, 1.0, 1.0)
            for i, count in job["batches"].items():
                self.programme.row({key: 1.0 for key in self.flows() if key[1:3] == (j, i)}, count, count)
                for t in self.periods if job["synchronous"] else ():
                    done: Terms = {("f", j, i, k, t): 1.0 for k in self.nodes}
                    self.programme.row(done | {("r", j, t): -float(count)}, 0.0, 0.0)

    def offload(self) -> None:
        """Rule 2: the cap on batches that leave home, and the storage of who takes them."""
        for j, job in self.jobs.items():
            for i, count in job["batches"].items():
                away: Terms = {key: 1.0 for key in self.flows() if key[1:3] == (j, i) and key[3] != i}
                most = job.get("maximum_offloaded_batches", {}).get(i, count)
                self.programme.row(away, high=min(most, job["maximum_offload_ratio"] * count))
        for k, node in self.nodes.items():
            self.programme.row(self.moved(receiver=k), high=node["storage_gigabytes"])

    def awake(self) -> None:
        """Rule 4, with the transfer hours of rule 3."""
        for k, node in self.nodes.items():
            for t in self.periods:
                busy: Terms = {("v+", k, t): node["wake_seconds"] / 3600, ("a", k, t): -1.0}
                for j in self.jobs:
                    if k in self.able(j):
                        busy |= self.loads(j, k, t, self.jobs[j]["seconds_per_batch"][k] / 3600)
                self.programme.row(
                    _plus(busy, self.transfers(k, t, self.network["seconds_per_gigabyte"] / 3600)), high=0.0
                )
                whole = not self.policy["partial_period_sleep"] or not self.sleeps(k)
                terms: Terms = {("a", k, t): 1.0, ("u", k, t): -self.hours}
                self.programme.row(terms, 0.0 if whole else -INFINITE, 0.0)

    def transfers(self, k: str, t: int, each_way: float) -> Terms:
        """Returns what a node spends on moved data, sent and received, which happens in period one."""
        if t != 1:
            return {}
        return _plus(self.moved(sender=k, factor=each_way), self.moved(receiver=k, factor=each_way))

    def on_and_off(self) -> None:
        """Rule 5: starts, stops, minimum times awake and asleep, and how many may sleep at once."""
        for k, node in self.nodes.items():
            for t in self.periods:
                change: Terms = {("u", k, t): 1.0, ("u", k, t - 1): -1.0, ("v+", k, t): -1.0, ("v-", k, t): 1.0}
                before = float(node["initially_awake"]) if t == 1 else 0.0
                self.programme.row(change, before, before)
                starts: Terms = {("v+", k, s): 1.0 for s in _last(node["minimum_awake_periods"], t)}
                stops: Terms = {("v-", k, s): 1.0 for s in _last(node["minimum_asleep_periods"], t)}
                self.programme.row(starts | {("u", k, t): -1.0}, high=0.0)
                self.programme.row(stops | {("u", k, t): 1.0}, high=1.0)
            if "maximum_sleeps" in node:
                self.programme.row({("v-", k, t): 1.0 for t in self.periods}, high=node["maximum_sleeps"])
        limit = self.policy["maximum_asleep_nodes"]
        for t in self.periods if limit is not None else ():
            self.programme.row({("u", k, t): 1.0 for k in self.nodes}, low=len(self.nodes) - limit)

    def energy(self) -> None:
        """Rule 6: what a node takes in equals what it spends, stores and sends."""
        for i, node in self.nodes.items():
            for t in self.periods:
                terms: Terms = {("g", i, t): 1.0, ("h", i, t): 1.0, ("d", i, t): 1.0, ("c", i, t): -1.0}
                terms |= {("q", p, i, t): pool["efficiency"] for p, pool in self.pools.items()}
                terms |= {("s", p, i, t): -1.0 for p in self.pools}
                terms |= {
                    ("a", i, t): node["asleep_watts"] - node["idle_watts"],
                    ("v+", i, t): -node["wake_watt_hours"],
                }
                for j in self.jobs:
                    if i in self.able(j):
                        terms |= self.loads(j, i, t, -self.jobs[j]["watt_hours_per_batch"][i])
                send, receive = (self.network[f"{way}_watt_hours_per_gigabyte"] for way in ("send", "receive"))
                if t == 1:
                    terms = _plus(terms, self.moved(sender=i, factor=-send))
                    terms = _plus(terms, self.moved(receiver=i, factor=-receive))
                asleep = node["asleep_watts"] * self.hours
                self.programme.row(terms, asleep, asleep)

    def pooled(self) -> None:
        """Rule 7: a pool gives what it takes."""
        for p in self.pools:
            for t in self.periods:
                terms: Terms = {("s", p, i, t): 1.0 for i in self.nodes}
                self.programme.row(terms | {("q", p, i, t): -1.0 for i in self.nodes}, 0.0, 0.0)

    def export(self) -> None:
        """Rule 8: how much a node may send, and under surplus-only that it then takes nothing from the grid."""
        for i, node in self.nodes.items():
            battery = node["battery"] or {
                "exportable": False,
                "charge_from_grid": False,
                "maximum_discharge_watts": 0.0,
            }
            for t in self.periods:
                sent: Terms = {("s", p, i, t): 1.0 for p in self.pools}
                from_battery: Terms = {("d", i, t): -float(battery["exportable"])}
                allowed = node["maximum_export_ratio"] * node["harvest_watt_hours"][t - 1]
                self.programme.row(sent | from_battery, high=allowed)
                charged: Terms = {("h", i, t): -1.0, ("c", i, t): float(not battery["charge_from_grid"])}
                self.programme.row(sent | from_battery | charged, high=0.0)
                if self.policy["export_rule"] == "surplus-only":
                    most = allowed + battery["exportable"] * battery["maximum_discharge_watts"] * self.hours
                    self.programme.row(sent | {("x", i, t): -most}, high=0.0)
                    self.programme.row({("g", i, t): 1.0, ("x", i, t): self.most_grid(i)}, high=self.most_grid(i))

    def most_grid(self, i: str) -> float:
        """Returns watt-hours that a node never exceeds in a period in which it sends nothing."""
        node = self.nodes[i]
        most = max(node["idle_watts"], node["asleep_watts"]) * self.hours + node["wake_watt_hours"]
        most += (node["battery"] or {"maximum_charge_watts": 0.0})["maximum_charge_watts"] * self.hours
        for j, job in self.jobs.items():
            count = sum(job["batches"].values())
            most += count * job["watt_hours_per_batch"].get(i, 0.0)
            ways = self.network["send_watt_hours_per_gigabyte"] + self.network["receive_watt_hours_per_gigabyte"]
            most += count * self.jobs[j]["gigabytes_per_batch"] * ways
        return float(most)

    def battery(self) -> None:
        """Rule 9: what is stored from period to period; an exportable battery does one thing at a time (y)."""
        for i, node in self.nodes.items():
            battery = node["battery"]
            for t in self.periods if battery else ():
                stored: Terms = {("e", i, t): 1.0, ("e", i, t - 1): -1.0, ("c", i, t): -battery["charge_efficiency"]}
                before = battery["initial_watt_hours"] if t == 1 else 0.0
                self.programme.row(stored | {("d", i, t): 1.0 / battery["discharge_efficiency"]}, before, before)
                if not battery["charge_from_grid"]:
                    self.programme.row({("c", i, t): 1.0, ("h", i, t): -1.0}, high=0.0)
                if battery["exportable"]:
                    charge, discharge = (
                        battery[f"maximum_{way}_watts"] * self.hours for way in ("charge", "discharge")
                    )
                    self.programme.row({("c", i, t): 1.0, ("y", i, t): -charge}, high=0.0)
                    self.programme.row({("d", i, t): 1.0, ("y", i, t): discharge}, high=discharge)
            if battery:
                self.programme.row({("e", i, self.horizon): 1.0}, low=battery["final_watt_hours"])

    def workers(self) -> None:
        """Rule 10: enough workers, each with enough batches; a job without batches has no such rule."""
        for j, job in self.jobs.items():
            total = float(sum(job["batches"].values()))
            if total > 0:
                self.programme.row({("z", j, k): 1.0 for k in self.nodes}, low=job["minimum_workers"])
            for k in self.nodes if total > 0 else ():
                done: Terms = {}
                for t in self.periods:
                    done |= self.loads(j, k, t)
                self.programme.row(done | {("z", j, k): -float(job["minimum_batches_per_worker"])}, low=0.0)
                self.programme.row(done | {("z", j, k): -total}, high=0.0)


def _last(count: int, t: int) -> range:
    """Returns the last periods up to and including t; there is none before period one."""
    return range(max(1, t - count + 1), t + 1)


def _plus(one: Terms, other: Terms) -> Terms:
    """Returns the sum of two sums of terms."""
    return {key: one.get(key, 0.0) + other.get(key, 0.0) for key in one | other}
