"""Checks of energy, pools, exports and batteries: constraints 6 to 9. Plain Python, no solver."""

from sunward.optimisation.problem.instance import Battery, ExportRule, Node, Problem
from sunward.optimisation.problem.violations import FLOOR, TOLERANCE, Findings
from sunward.optimisation.verification.ledger import Ledger

Scales = dict[tuple[str, int], float]
"""Watt-hours that a node's energy in a period is measured by: the larger side of its balance, or a period of idling."""


def check_energy(problem: Problem, ledger: Ledger, findings: Findings) -> None:
    """Constraints 6 to 9 for every node, pool and period."""
    scales: Scales = {}
    for node in problem.nodes:
        for t in range(1, problem.period_count + 1):
            scale = scales[node.name, t] = _check_balance(problem, ledger, node, t, findings)
            _check_signs(ledger, node, t, findings, scale)
            _check_export(problem, ledger, node, t, findings, scale)
        _check_battery(problem, ledger, node, findings, scales)
    _check_pools(problem, ledger, findings, scales)


def _check_signs(ledger: Ledger, node: Node, t: int, findings: Findings, scale: float) -> None:
    row = ledger.nodes[node.name]
    amounts = {
        "grid energy": row.grid_watt_hours[t - 1],
        "harvest": row.harvest_used_watt_hours[t - 1],
        "charge": row.charge_watt_hours[t - 1],
        "discharge": row.discharge_watt_hours[t - 1],
    }
    for name, amount in amounts.items():
        findings.at_most("non-negative", f"{node.name} period {t}", f"negative {name}", (-amount, 0.0), terms=(scale,))


def _demand(problem: Problem, ledger: Ledger, node: Node, t: int) -> list[float]:
    awake = ledger.nodes[node.name].awake_hours[t - 1]
    terms = [node.asleep_watts * (problem.period_hours - awake), node.idle_watts * awake]
    for job in problem.jobs:
        done = ledger.done.get((job.name, node.name, t), 0.0)
        terms.append(done * job.watt_hours_per_batch.get(node.name, 0.0))
    if ledger.started[node.name, t]:
        terms.append(node.wake_watt_hours)
    if t == 1:
        terms.append(ledger.volume_out[node.name] * problem.network.send_watt_hours_per_gigabyte)
        terms.append(ledger.volume_in[node.name] * problem.network.receive_watt_hours_per_gigabyte)
    return terms


def _check_balance(problem: Problem, ledger: Ledger, node: Node, t: int, findings: Findings) -> float:
    row = ledger.nodes[node.name]
    where = f"{node.name} period {t}"
    harvest = row.harvest_used_watt_hours[t - 1]
    supply = [row.grid_watt_hours[t - 1], harvest, row.discharge_watt_hours[t - 1], ledger.drawn(problem, node.name, t)]
    use = [*_demand(problem, ledger, node, t), row.charge_watt_hours[t - 1], ledger.sent(problem, node.name, t)]
    scale = max(sum(supply), sum(use), max(node.idle_watts, node.asleep_watts) * problem.period_hours, FLOOR)
    available = (harvest, node.harvest_watt_hours[t - 1])
    findings.at_most("6", where, "uses more than its harvest", available, terms=(scale,))
    findings.equal("6", where, "energy does not balance", (sum(supply), sum(use)), terms=(*supply, *use, scale))
    return scale


def _check_pools(problem: Problem, ledger: Ledger, findings: Findings, scales: Scales) -> None:
    for (pool_name, name, t), amount in [*ledger.sends.items(), *ledger.draws.items()]:
        where, scale = f"{pool_name} {name} period {t}", scales.get((name, t), 0.0)
        findings.at_most("non-negative", where, "negative energy", (-amount, 0.0), terms=(scale,))
    for pool in problem.energy_pools:
        for t in range(1, problem.period_count + 1):
            sent = sum(ledger.sends.get((pool.name, name, t), 0.0) for name in pool.members)
            drawn = sum(ledger.draws.get((pool.name, name, t), 0.0) for name in pool.members)
            largest = [scales[name, t] for name in pool.members]
            findings.equal("7", f"{pool.name} period {t}", "drawn is not sent", (sent, drawn), terms=largest)


def _check_export(problem: Problem, ledger: Ledger, node: Node, t: int, findings: Findings, scale: float) -> None:
    sent = ledger.sent(problem, node.name, t)
    row = ledger.nodes[node.name]
    where = f"{node.name} period {t}"
    battery = node.battery
    charge = row.charge_watt_hours[t - 1] if battery is not None and not battery.charge_from_grid else 0.0
    released = row.discharge_watt_hours[t - 1] if battery is not None and battery.exportable else 0.0
    ratio = node.maximum_export_ratio * node.harvest_watt_hours[t - 1]
    harvest = row.harvest_used_watt_hours[t - 1]
    findings.at_most("8", where, "sends more than its export ratio", (sent, ratio + released), terms=(ratio, scale))
    findings.at_most(
        "8", where, "sends what it did not harvest", (sent, harvest - charge + released), terms=(harvest, charge, scale)
    )
    if problem.policy.export_rule == ExportRule.SURPLUS_ONLY:
        grid = row.grid_watt_hours[t - 1]
        offered = node.harvest_watt_hours[t - 1] + released
        if sent > TOLERANCE * offered + FLOOR and grid > TOLERANCE * scale + FLOOR:
            findings.fault("8", where, "exports while it takes from the grid", min(sent, grid))
    if battery is not None and battery.exportable:
        both = min(row.charge_watt_hours[t - 1], row.discharge_watt_hours[t - 1])
        if both > TOLERANCE * min(scale, battery.capacity_watt_hours) + FLOOR:
            findings.fault("9", where, "exportable battery charges and discharges at once", both)


def _check_battery(problem: Problem, ledger: Ledger, node: Node, findings: Findings, scales: Scales) -> None:
    row = ledger.nodes[node.name]
    if node.battery is None:
        for name, values in (("charge", row.charge_watt_hours), ("discharge", row.discharge_watt_hours)):
            for t, value in enumerate(values, start=1):
                sides = (abs(value), 0.0)
                findings.at_most("9", node.name, f"{name} without a battery", sides, terms=(scales[node.name, t],))
        return
    before = node.battery.initial_watt_hours
    for t in range(1, problem.period_count + 1):
        _check_stored(problem, node.battery, ledger, (node.name, t), before, findings, scales[node.name, t])
        before = row.stored_watt_hours[t - 1]
    capacity, ends = node.battery.capacity_watt_hours, (node.battery.final_watt_hours, row.stored_watt_hours[-1])
    findings.at_most("9", node.name, "ends below its final energy", ends, terms=(capacity,))


def _check_stored(
    problem: Problem,
    battery: Battery,
    ledger: Ledger,
    place: tuple[str, int],
    before: float,
    findings: Findings,
    scale: float,
) -> None:
    name, t = place
    row = ledger.nodes[name]
    where = f"{name} period {t}"
    charge, discharge = row.charge_watt_hours[t - 1], row.discharge_watt_hours[t - 1]
    stored = row.stored_watt_hours[t - 1]
    expected = before + battery.charge_efficiency * charge - discharge / battery.discharge_efficiency
    capacity = battery.capacity_watt_hours
    terms = (before, charge, discharge, capacity)
    findings.equal("9", where, "stored energy does not follow", (stored, expected), terms=terms)
    findings.at_most("9", where, "below its minimum", (battery.minimum_watt_hours, stored), terms=(capacity,))
    findings.at_most("9", where, "above its capacity", (stored, capacity), terms=(capacity,))
    limits = (battery.maximum_charge_watts, battery.maximum_discharge_watts)
    findings.at_most("9", where, "charges too fast", (charge, limits[0] * problem.period_hours), terms=(scale,))
    findings.at_most("9", where, "discharges too fast", (discharge, limits[1] * problem.period_hours), terms=(scale,))
    if not battery.charge_from_grid:
        harvest = row.harvest_used_watt_hours[t - 1]
        findings.at_most("9", where, "charges from the grid", (charge, harvest), terms=(scale,))
