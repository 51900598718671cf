"""Energy of nodes, pools, exports and batteries: constraints 6 to 9 of the problem, and the objective."""

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.model.plan_model import BOUND_SLACK, PlanModel, Relaxed
from sunward.optimisation.problem.instance import Battery, EnergyPool, Node

Terms = list[tuple[int, float]]


def add_energy(plan: PlanModel) -> None:
    """Columns and rows of all energy; call last, demand refers to work and awake time."""
    pools = plan.problem.energy_pools if plan.problem.policy.share_energy else ()
    for i, node in enumerate(plan.problem.nodes):
        for t in plan.periods:
            plan.wh_upper[i, t] = _largest_demand(plan, i, node, t)
        if node.battery is not None:
            _add_battery(plan, i, node, node.battery)
    index = {node.name: i for i, node in enumerate(plan.problem.nodes)}
    for p, pool in enumerate(pools):
        for t in plan.periods:
            _add_pool(plan, p, pool, [index[name] for name in pool.members], t)
    for i, node in enumerate(plan.problem.nodes):
        for t in plan.periods:
            _add_node_energy(plan, i, node, t)
            _add_export(plan, i, node, t)


def _largest_demand(plan: PlanModel, i: int, node: Node, t: int) -> float:
    """An upper bound on what the node can consume in the period, charging aside: the unit of its energies."""
    upper = plan.matrix.upper
    free, timed, fastest = 0.0, 0.0, 0.0
    for j, column in plan.work_terms(i, t):
        job = plan.problem.jobs[j]
        watt_hours, seconds = job.watt_hours_per_batch[node.name], job.seconds_per_batch[node.name]
        if seconds > 0 and Relaxed.TIME not in plan.relaxed:
            timed += upper[column] * watt_hours
            fastest = max(fastest, watt_hours / seconds * plan.problem.period_seconds)
        else:
            free += upper[column] * watt_hours
    demand = max(node.idle_watts, node.asleep_watts) * plan.hours + free + min(timed, fastest)
    if (i, t) in plan.start:
        demand += upper[plan.start[i, t]] * node.wake_watt_hours
    if t == 0:
        demand += sum(upper[column] * value for column, value in _transfer_terms(plan, i))
    return demand


def _transfer_terms(plan: PlanModel, i: int) -> Terms:
    sent, received = plan.moved_terms(i)
    network = plan.problem.network
    return [
        *((column, value * network.send_watt_hours_per_gigabyte) for column, value in sent),
        *((column, value * network.receive_watt_hours_per_gigabyte) for column, value in received),
    ]


def _add_battery(plan: PlanModel, i: int, node: Node, battery: Battery) -> None:
    stored_most = battery.initial_watt_hours
    for t in plan.periods:
        charge = battery.maximum_charge_watts * plan.hours
        if not battery.charge_from_grid:
            charge = min(charge, BOUND_SLACK * node.harvest_watt_hours[t])
        charge = min(
            charge, BOUND_SLACK * (battery.capacity_watt_hours - battery.minimum_watt_hours) / battery.charge_efficiency
        )
        discharge = min(
            battery.maximum_discharge_watts * plan.hours,
            (stored_most - battery.minimum_watt_hours + battery.charge_efficiency * charge)
            * battery.discharge_efficiency,
        )
        stored_most = min(battery.capacity_watt_hours, stored_most + battery.charge_efficiency * charge)
        plan.charge[i, t] = plan.matrix.add_variable(charge, cost=battery.wear_grams_per_watt_hour)
        plan.discharge[i, t] = plan.matrix.add_variable(max(0.0, discharge), cost=battery.wear_grams_per_watt_hour)
        plan.stored[i, t] = plan.matrix.add_variable(stored_most, lower=battery.minimum_watt_hours)
        _add_battery_rows(plan, i, battery, t)
    last = [(plan.stored[i, plan.periods[-1]], 1.0), *plan.slack(Relaxed.BATTERY, -1, i, battery.final_watt_hours)]
    plan.matrix.add_row(last, lower=battery.final_watt_hours)


def _add_battery_rows(plan: PlanModel, i: int, battery: Battery, t: int) -> None:
    flow: Terms = [
        (plan.stored[i, t], 1.0),
        (plan.charge[i, t], -battery.charge_efficiency),
        (plan.discharge[i, t], 1.0 / battery.discharge_efficiency),
    ]
    if t > 0:
        flow.append((plan.stored[i, t - 1], -1.0))
    before = battery.initial_watt_hours if t == 0 else 0.0
    plan.matrix.add_row(flow, lower=before, upper=before)
    most_in, most_out = (plan.matrix.upper[flows[i, t]] for flows in (plan.charge, plan.discharge))
    if battery.exportable and plan.problem.policy.share_energy and most_in > 0 and most_out > 0:
        charging = plan.charging[i, t] = plan.matrix.add_variable(1.0, integer=True)
        plan.matrix.add_row([(plan.charge[i, t], 1.0), (charging, -most_in)], upper=0.0)
        plan.matrix.add_row([(plan.discharge[i, t], 1.0), (charging, most_out)], upper=most_out)


def _export_limit(plan: PlanModel, i: int, t: int) -> float:
    node = plan.problem.nodes[i]
    limit = node.maximum_export_ratio * node.harvest_watt_hours[t]
    if node.battery is not None and node.battery.exportable:
        limit += plan.matrix.upper[plan.discharge[i, t]]
    return limit


def _grid_limit(plan: PlanModel, i: int, t: int) -> float:
    """The most a node can take from grid and pools together: its demand, and its battery where that is allowed."""
    battery = plan.problem.nodes[i].battery
    extra = plan.matrix.upper[plan.charge[i, t]] if battery is not None and battery.charge_from_grid else 0.0
    return plan.wh_upper[i, t] + extra


def _add_pool(plan: PlanModel, p: int, pool: EnergyPool, members: list[int], t: int) -> None:
    wanted = sum(_grid_limit(plan, i, t) for i in members) / pool.efficiency
    offered = {i: min(_export_limit(plan, i, t), wanted) for i in members}
    if not any(offered.values()):
        return
    balance: Terms = []
    for i in members:
        if offered[i] > 0:
            plan.sends[p, i, t] = plan.matrix.add_variable(BOUND_SLACK * offered[i])
            balance.append((plan.sends[p, i, t], 1.0))
        drawn = min(sum(offered.values()), _grid_limit(plan, i, t) / pool.efficiency)
        plan.draws[p, i, t] = plan.matrix.add_variable(BOUND_SLACK * drawn)
        balance.append((plan.draws[p, i, t], -1.0))
    plan.pool_rows[p, t] = plan.matrix.add_row(balance, lower=0.0, upper=0.0)


def _sends(plan: PlanModel, i: int, t: int) -> Terms:
    pools = range(len(plan.problem.energy_pools))
    return [(plan.sends[p, i, t], 1.0) for p in pools if (p, i, t) in plan.sends]


def _add_node_energy(plan: PlanModel, i: int, node: Node, t: int) -> None:
    problem, upper = plan.problem, plan.matrix.upper
    zone = problem.intensity_grams_per_kilowatt_hour[node.grid_zone]
    sends = _sends(plan, i, t)
    outlets = plan.wh_upper[i, t] + sum(upper[column] for column, _ in sends)
    outlets += upper[plan.charge[i, t]] if (i, t) in plan.charge else 0.0
    most = BOUND_SLACK * _grid_limit(plan, i, t) or 1.0  # a node that needs nothing could still take more
    plan.grid[i, t] = plan.matrix.add_variable(most, cost=zone[t] / WATT_HOURS_PER_KILOWATT_HOUR)
    plan.harvest[i, t] = plan.matrix.add_variable(
        min(node.harvest_watt_hours[t], BOUND_SLACK * outlets),
        cost=problem.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR,
    )
    if problem.policy.include_embodied:
        plan.matrix.cost[plan.awake[i, t]] = node.embodied_grams_per_hour
    supply: Terms = [(plan.grid[i, t], 1.0), (plan.harvest[i, t], 1.0)]
    supply += [
        (plan.draws[p, i, t], pool.efficiency) for p, pool in enumerate(problem.energy_pools) if (p, i, t) in plan.draws
    ]
    if (i, t) in plan.charge:
        supply += [(plan.discharge[i, t], 1.0), (plan.charge[i, t], -1.0)]
    demand = [*_demand_terms(plan, i, node, t), *sends]
    asleep = node.asleep_watts * plan.hours
    plan.energy_rows[i, t] = plan.matrix.add_row(
        [*supply, *((column, -value) for column, value in demand)], lower=asleep, upper=asleep
    )


def _demand_terms(plan: PlanModel, i: int, node: Node, t: int) -> Terms:
    terms: Terms = [(plan.awake[i, t], node.idle_watts - node.asleep_watts)]
    for j, column in plan.work_terms(i, t):
        terms.append((column, plan.problem.jobs[j].watt_hours_per_batch[node.name]))
    if (i, t) in plan.start:
        terms.append((plan.start[i, t], node.wake_watt_hours))
    return [*terms, *_transfer_terms(plan, i)] if t == 0 else terms


def _add_export(plan: PlanModel, i: int, node: Node, t: int) -> None:
    battery = node.battery
    harvest = (plan.harvest[i, t], -1.0)
    charged: Terms = []
    released: Terms = []
    if battery is not None and not battery.charge_from_grid:
        charged = [(plan.charge[i, t], 1.0)]
        plan.matrix.add_row([*charged, harvest], upper=0.0)
        released = [(plan.discharge[i, t], -1.0)] if battery.exportable else []
    sends = _sends(plan, i, t)
    if not sends:
        return
    ratio = node.maximum_export_ratio * node.harvest_watt_hours[t]
    plan.ratio_rows[i, t] = plan.matrix.add_row([*sends, *released], upper=ratio)
    plan.matrix.add_row([*sends, *charged, *released, harvest], upper=0.0)
    if plan.problem.policy.export_rule == "surplus-only":
        _add_surplus_rule(plan, i, t, sends)


def _add_surplus_rule(plan: PlanModel, i: int, t: int, sends: Terms) -> None:
    flag = plan.matrix.add_variable(1.0, integer=True)
    plan.exports[i, t] = flag
    grid = _grid_limit(plan, i, t)
    sent = min(_export_limit(plan, i, t), sum(plan.matrix.upper[column] for column, _ in sends))
    plan.matrix.add_row([(plan.grid[i, t], 1.0), (flag, grid)], upper=grid)
    plan.matrix.add_row([*sends, (flag, -sent)], upper=0.0)
