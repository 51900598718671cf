"""A second, deliberately naive solver of the planning problem, to judge the product's by.

Reads the file's JSON, writes down every constraint of the description literally, pair of nodes by pair of nodes, with
every integer it mentions, and hands that to SciPy. Shares no code and no idea of aggregation with the product.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack


class Unsettled(Exception):
    """The oracle itself found no proven answer."""


class _Rows:
    def __init__(self) -> None:
        self.names: dict[tuple[Any, ...], int] = {}
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.whole: list[int] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def var(self, *name: Any, lower: float = 0.0, upper: float = np.inf, whole: bool = False) -> int:
        if name not in self.names:
            self.names[name] = len(self.lower)
            self.lower.append(lower)
            self.upper.append(upper)
            self.whole.append(int(whole))
        return self.names[name]

    def add(self, terms: list[tuple[int, float]], lower: float = -np.inf, upper: float = np.inf) -> None:
        merged: dict[int, float] = defaultdict(float)
        for column, value in terms:
            merged[column] += value
        self.rows.append((dict(merged), lower, upper))


@dataclass
class Judgement:
    """The optimum, or None where the problem is infeasible.

    `integers` is what the search for integers said, `objective` what is left with them rounded and fixed. SciPy offers
    no tolerance below 1e-6 for the search, so the two may differ by that much; the truth lies between.
    """

    objective: float | None
    integers: float | None

    def is_close(self, grams: float) -> bool:
        """Whether a claimed optimum agrees to the precision that the format promises."""
        if self.objective is None or self.integers is None:
            return False
        low, high = sorted((self.objective, self.integers))
        return low - 1e-6 * abs(low) - 1e-7 <= grams <= high + 1e-6 * abs(high) + 1e-7


def judge(p: dict[str, Any]) -> Judgement:
    """Optimum of a problem given as the parsed JSON of its file."""
    m, cost, soonest = _formulate(p)
    if not p["policy"]["shift_in_time"] and soonest:
        first = _solve(m, soonest)
        if first.objective is None:
            return first
        m.add(soonest, upper=first.objective * (1 + 1e-6))
    return _solve(m, cost)


def _formulate(p: dict[str, Any]) -> tuple[_Rows, list[tuple[int, float]], list[tuple[int, float]]]:
    m = _Rows()
    nodes = {n["name"]: n for n in p["nodes"]}
    periods = range(1, len(next(iter(p["intensity_grams_per_kilowatt_hour"].values()))) + 1)
    hours = p["period_seconds"] / 3600
    policy, net = p["policy"], p["network"]
    flows = []  # job, i, k, t, column
    for job in p["jobs"]:
        can = set(job["watt_hours_per_batch"]) & set(job["seconds_per_batch"])
        for i, batches in job["batches"].items():
            for k in nodes:
                for t in periods:
                    home = i == k
                    allowed = k in can and job["release_period"] <= t <= job["deadline_period"]
                    if not home:
                        allowed &= policy["offload_tasks"]
                        allowed &= job["movable_to"] is None or k in job["movable_to"]
                    if allowed and batches > 0:
                        flows.append((job, i, k, t, m.var("f", job["name"], i, k, t, upper=batches)))
    cost: list[tuple[int, float]] = []
    soonest = [(c, float(t)) for *_, t, c in flows]
    transit = net["transit_watt_hours_per_gigabyte"] * net["transit_intensity_grams_per_kilowatt_hour"] / 1000
    for job, i, k, _, c in flows:
        if i != k:
            cost.append((c, job["gigabytes_per_batch"] * transit))
    _work(m, p, nodes, periods, flows)
    _sleeping(m, p, periods, hours)
    for name, node in nodes.items():
        for t in periods:
            mine = [(job, c) for job, _, k, tt, c in flows if k == name and tt == t]
            out = [(job, c) for job, i, k, _, c in flows if i == name and k != name] if t == 1 else []
            into = [(job, c) for job, i, k, _, c in flows if k == name and i != name] if t == 1 else []
            a = m.var("a", name, t, upper=hours)
            wake = m.var("v+", name, t, upper=1)
            busy = [(c, job["seconds_per_batch"][name] / 3600) for job, c in mine]
            busy += [(c, job["gigabytes_per_batch"] * net["seconds_per_gigabyte"] / 3600) for job, c in out + into]
            m.add([(a, 1.0), (wake, -node["wake_seconds"] / 3600), *((c, -v) for c, v in busy)], lower=0)
            load = [(a, node["idle_watts"] - node["asleep_watts"]), (wake, node["wake_watt_hours"])]
            load += [(c, job["watt_hours_per_batch"][name]) for job, c in mine]
            load += [(c, job["gigabytes_per_batch"] * net["send_watt_hours_per_gigabyte"]) for job, c in out]
            load += [(c, job["gigabytes_per_batch"] * net["receive_watt_hours_per_gigabyte"]) for job, c in into]
            cost += _energy(m, p, node, t, hours, load)
            if policy["include_embodied"]:
                cost.append((a, node["embodied_grams_per_hour"]))
    for pool in p["energy_pools"]:
        if policy["share_energy"]:
            for t in periods:
                sent = [(m.var("s", pool["name"], i, t), 1.0) for i in pool["members"]]
                drawn = [(m.var("q", pool["name"], i, t), -1.0) for i in pool["members"]]
                m.add(sent + drawn, 0, 0)
    return m, cost, soonest


def _work(m: _Rows, p: dict[str, Any], nodes: dict[str, Any], periods: range, flows: list[Any]) -> None:
    for job in p["jobs"]:
        name = job["name"]
        of_job = [(i, k, t, c) for j, i, k, t, c in flows if j is job]
        total = sum(job["batches"].values())
        if total <= 0:
            continue
        if job["synchronous"]:
            shares = [(m.var("r", name, t, upper=1), 1.0) for t in periods]
            m.add(shares, 1, 1)
        for home, batches in job["batches"].items():
            if batches <= 0:
                continue
            m.add([(c, 1.0) for i, _, _, c in of_job if i == home], batches, batches)
            m.add(
                [(c, 1.0) for i, k, _, c in of_job if i == home and k != home],
                upper=min(
                    job["maximum_offload_ratio"] * batches,
                    job.get("maximum_offloaded_batches", {}).get(home, np.inf),
                ),
            )
            if job["synchronous"]:
                for t in periods:
                    done = [(c, 1.0) for i, _, tt, c in of_job if i == home and tt == t]
                    m.add([*done, (m.var("r", name, t), -batches)], 0, 0)
        workers = []
        for node in nodes:
            z = m.var("z", name, node, upper=1, whole=True)
            workers.append((z, 1.0))
            done = [(c, 1.0) for _, k, _, c in of_job if k == node]
            m.add([*done, (z, -total)], upper=0)
            m.add([*done, (z, -job["minimum_batches_per_worker"])], lower=0)
        m.add(workers, lower=job["minimum_workers"])
    for node in nodes.values():
        m.add(
            [(c, j["gigabytes_per_batch"]) for j, i, k, _, c in flows if k == node["name"] and i != k],
            upper=node["storage_gigabytes"],
        )


def _sleeping(m: _Rows, p: dict[str, Any], periods: range, hours: float) -> None:
    policy = p["policy"]
    for node in p["nodes"]:
        name = node["name"]
        fixed = not (policy["sleep"] and node["can_sleep"])
        for t in periods:
            u = m.var("u", name, t, lower=float(fixed), upper=1, whole=True)
            up, down = m.var("v+", name, t, upper=1, whole=True), m.var("v-", name, t, upper=1, whole=True)
            a = m.var("a", name, t, upper=hours)
            exact = fixed or not policy["partial_period_sleep"]
            m.add([(a, 1.0), (u, -hours)], lower=0 if exact else -np.inf, upper=0)
            before = [(m.var("u", name, t - 1), -1.0)] if t > 1 else []
            known = float(node["initially_awake"]) if t == 1 else 0.0
            m.add([(u, 1.0), *before, (up, -1.0), (down, 1.0)], known, known)
            since = range(max(1, t - node["minimum_awake_periods"] + 1), t + 1)
            m.add([*((m.var("v+", name, x, upper=1, whole=True), 1.0) for x in since), (u, -1.0)], upper=0)
            since = range(max(1, t - node["minimum_asleep_periods"] + 1), t + 1)
            m.add([*((m.var("v-", name, x, upper=1, whole=True), 1.0) for x in since), (u, 1.0)], upper=1)
        sleeps = node.get("maximum_sleeps", len(periods))
        m.add([(m.var("v-", name, t, upper=1, whole=True), 1.0) for t in periods], upper=sleeps)
    if policy["maximum_asleep_nodes"] is not None:
        for t in periods:
            awake = [(m.var("u", n["name"], t), 1.0) for n in p["nodes"]]
            m.add(awake, lower=len(p["nodes"]) - policy["maximum_asleep_nodes"])


def _energy(
    m: _Rows, p: dict[str, Any], node: dict[str, Any], t: int, hours: float, load: list[tuple[int, float]]
) -> list[tuple[int, float]]:
    name, battery = node["name"], node["battery"]
    harvest = node["harvest_watt_hours"][t - 1]
    g = m.var("g", name, t)
    h = m.var("h", name, t, upper=harvest)
    cost = [
        (g, p["intensity_grams_per_kilowatt_hour"][node["grid_zone"]][t - 1] / 1000),
        (h, p["harvest_intensity_grams_per_kilowatt_hour"] / 1000),
    ]
    sends, draws = [], []
    if p["policy"]["share_energy"]:
        for pool in p["energy_pools"]:
            if name in pool["members"]:
                sends.append(m.var("s", pool["name"], name, t))
                draws.append((m.var("q", pool["name"], name, t), pool["efficiency"]))
    stored: list[tuple[int, float]] = []
    export: list[tuple[int, float]] = []
    provenance: list[tuple[int, float]] = [(h, 1.0)]
    if battery is not None:
        c = m.var("c", name, t, upper=battery["maximum_charge_watts"] * hours)
        d = m.var("d", name, t, upper=battery["maximum_discharge_watts"] * hours)
        e = m.var("e", name, t, lower=battery["minimum_watt_hours"], upper=battery["capacity_watt_hours"])
        before = [(m.var("e", name, t - 1), -1.0)] if t > 1 else []
        known = battery["initial_watt_hours"] if t == 1 else 0.0
        flow = [(c, -battery["charge_efficiency"]), (d, 1 / battery["discharge_efficiency"])]
        m.add([(e, 1.0), *before, *flow], known, known)
        if t == len(node["harvest_watt_hours"]):
            m.add([(e, 1.0)], lower=battery["final_watt_hours"])
        stored = [(d, 1.0), (c, -1.0)]
        cost += [(c, battery["wear_grams_per_watt_hour"]), (d, battery["wear_grams_per_watt_hour"])]
        if not battery["charge_from_grid"]:
            m.add([(h, 1.0), (c, -1.0)], lower=0)
            provenance.append((c, -1.0))
        if battery["exportable"]:
            export.append((d, 1.0))
            provenance.append((d, 1.0))
            w = m.var("w", name, t, upper=1, whole=True)
            m.add([(c, 1.0), (w, -battery["maximum_charge_watts"] * hours)], upper=0)
            m.add(
                [(d, 1.0), (w, battery["maximum_discharge_watts"] * hours)],
                upper=battery["maximum_discharge_watts"] * hours,
            )
    gave = [(s, -1.0) for s in sends]
    m.add([*export, *gave], lower=-node["maximum_export_ratio"] * harvest)
    m.add([*provenance, *gave], lower=0)
    if p["policy"]["export_rule"] == "surplus-only" and sends:
        _surplus(m, node, t, g, sends, load, battery, hours)
    asleep = node["asleep_watts"] * hours
    m.add([(g, 1.0), (h, 1.0), *draws, *stored, *gave, *((c, -v) for c, v in load)], asleep, asleep)
    return cost


def _surplus(
    m: _Rows,
    node: dict[str, Any],
    t: int,
    g: int,
    sends: list[int],
    load: list[tuple[int, float]],
    battery: dict[str, Any] | None,
    hours: float,
) -> None:
    x = m.var("x", node["name"], t, upper=1, whole=True)
    most = max(node["asleep_watts"], node["idle_watts"]) * hours + 1.0
    for column, value in load[1:]:
        most += m.upper[column] * value
    power = 0.0
    if battery is not None:
        power = (battery["maximum_charge_watts"] + battery["maximum_discharge_watts"]) * hours
    m.add([(g, 1.0), (x, most + power)], upper=most + power)
    supply = node["harvest_watt_hours"][t - 1] + power
    m.add([*((s, 1.0) for s in sends), (x, -supply)], upper=0)


def _solve(m: _Rows, cost: list[tuple[int, float]]) -> Judgement:
    c = np.zeros(len(m.lower))
    for column, value in cost:
        c[column] += value
    data, rows, columns = [], [], []
    for r, (terms, _, _) in enumerate(m.rows):
        for column, value in terms.items():
            rows.append(r)
            columns.append(column)
            data.append(value)
    matrix = csr_array((data, (rows, columns)), shape=(len(m.rows), len(c)))
    low = np.array([row[1] for row in m.rows])
    high = np.array([row[2] for row in m.rows])
    lower, upper, whole = np.array(m.lower), np.array(m.upper), np.array(m.whole)
    found = milp(
        c,
        integrality=whole,
        bounds=Bounds(lower, upper),
        constraints=LinearConstraint(matrix, low, high),
        options={"mip_rel_gap": 1e-9, "time_limit": 60},
    )
    if found.status == 2:
        return Judgement(None, None)
    if found.status != 0:
        raise Unsettled(found.message)
    fixed = np.round(found.x[whole == 1])
    lower[whole == 1], upper[whole == 1] = fixed, fixed
    equal = low == high
    parts = [matrix[np.flatnonzero(~equal & np.isfinite(high))], -matrix[np.flatnonzero(~equal & np.isfinite(low))]]
    limits = [high[~equal & np.isfinite(high)], -low[~equal & np.isfinite(low)]]
    settled = linprog(
        c,
        A_ub=vstack(parts).tocsr(),
        b_ub=np.concatenate(limits),
        A_eq=matrix[np.flatnonzero(equal)],
        b_eq=low[equal],
        bounds=np.column_stack([lower, upper]),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
    )
    if settled.status != 0:
        raise Unsettled("the integers that were found rest on a tolerance")
    return Judgement(float(settled.fun), float(found.fun))
