"""Work, moving data, storage and workers: constraints 1, 2, 10 and 11 of the problem."""

from dataclasses import dataclass

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.model.plan_model import BOUND_SLACK, PlanModel, Relaxed
from sunward.optimisation.problem.instance import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class _Movable:
    """What of one job may move: the most that each sender may send and each receiver may take."""

    leave: dict[int, float]
    arrive: dict[int, float]


def add_work(plan: PlanModel) -> None:
    """Columns and rows of every job that has batches."""
    for j, job in enumerate(plan.problem.jobs):
        if job.total_batches > 0:
            _add_flows(plan, j, job)
            _add_work_rows(plan, j, job)
            _add_moves(plan, j, job)
            _add_workers(plan, j, job)
    _add_storage(plan)


def shard(plan: PlanModel, job: Job, node: int) -> float:
    """Batches of the job whose data live on the node."""
    return job.batches.get(plan.problem.nodes[node].name, 0.0)


def movable(plan: PlanModel, job: Job) -> _Movable:
    """Senders and receivers of a job with their largest amounts; both empty where nothing may move."""
    if not plan.problem.policy.offload_tasks or (
        job.maximum_offload_ratio <= 0 and Relaxed.OFFLOAD not in plan.relaxed
    ):
        return _Movable(leave={}, arrive={})
    nodes = range(len(plan.problem.nodes))
    receivers = [k for k in nodes if job.may_move_to(plan.problem.nodes[k].name)]
    leave = {
        i: shard(plan, job, i) if Relaxed.OFFLOAD in plan.relaxed else job.may_leave(plan.problem.nodes[i].name)
        for i in nodes
        if shard(plan, job, i) > 0 and any(k != i for k in receivers[:2])
    }
    total = sum(leave.values())
    arrive = {k: _arrival_limit(plan, job, k, total - leave.get(k, 0.0)) for k in receivers}
    return _Movable(leave=leave, arrive={k: most for k, most in arrive.items() if most > 0})


def _arrival_limit(plan: PlanModel, job: Job, node: int, offered: float) -> float:
    if job.gigabytes_per_batch <= 0 or Relaxed.STORAGE in plan.relaxed:
        return offered
    return min(offered, plan.problem.nodes[node].storage_gigabytes / job.gigabytes_per_batch)


def _per_period(plan: PlanModel, job: Job, node: int, most: float) -> float:
    seconds = job.seconds_per_batch[plan.problem.nodes[node].name]
    if seconds <= 0 or Relaxed.TIME in plan.relaxed:
        return most
    return min(most, plan.problem.period_seconds / seconds)


def _add_flows(plan: PlanModel, j: int, job: Job) -> None:
    move = movable(plan, job)
    network = plan.problem.network
    transit = job.gigabytes_per_batch * network.transit_watt_hours_per_gigabyte
    transit *= network.transit_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
    for i, node in enumerate(plan.problem.nodes):
        batches = shard(plan, job, i)
        if batches > 0 and job.can_work(node.name):
            for t in job.window:
                plan.at_home[j, i, t] = plan.matrix.add_variable(_per_period(plan, job, i, batches))
        if i in move.leave:
            for t in job.window if job.synchronous else (-1,):
                plan.leaving[j, i, t] = plan.matrix.add_variable(BOUND_SLACK * move.leave[i], cost=transit)
        if i in move.arrive:
            for t in job.window:
                most = _per_period(plan, job, i, BOUND_SLACK * move.arrive[i])
                plan.arriving[j, i, t] = plan.matrix.add_variable(most)


def _add_work_rows(plan: PlanModel, j: int, job: Job) -> None:
    unserved_share: list[tuple[int, float]] = []
    if job.synchronous:
        for t in job.window:
            plan.share[j, t] = plan.matrix.add_variable(1.0)
        unserved_share = [
            (column, 1.0 / job.total_batches) for column, _ in plan.slack(Relaxed.UNSERVED, j, -1, job.total_batches)
        ]
        shares = [(plan.share[j, t], 1.0) for t in job.window]
        plan.matrix.add_row([*shares, *unserved_share], lower=1.0, upper=1.0)
    for i in range(len(plan.problem.nodes)):
        batches = shard(plan, job, i)
        if batches > 0:
            _add_shard_rows(plan, j, job, i, batches)


def _add_shard_rows(plan: PlanModel, j: int, job: Job, i: int, batches: float) -> None:
    if Relaxed.NO_WORKER in plan.relaxed and _is_orphan(plan, job, i):
        plan.matrix.add_row(plan.slack(Relaxed.NO_WORKER, j, i, batches), lower=batches)
        return
    if job.synchronous:
        for t in job.window:
            done = [(flows[j, i, t], 1.0) for flows in (plan.at_home, plan.leaving) if (j, i, t) in flows]
            plan.matrix.add_row([*done, (plan.share[j, t], -batches)], lower=0.0, upper=0.0)
        return
    done = [(plan.at_home[j, i, t], 1.0) for t in job.window if (j, i, t) in plan.at_home]
    if (j, i, -1) in plan.leaving:
        done.append((plan.leaving[j, i, -1], 1.0))
    spare = plan.slack(Relaxed.UNSERVED, j, i, batches)
    plan.matrix.add_row([*done, *spare], lower=batches, upper=batches)


def _is_orphan(plan: PlanModel, job: Job, node: int) -> bool:
    """Whether no node at all may work on the shard, caps aside."""
    names = [other.name for other in plan.problem.nodes]
    if job.can_work(names[node]):
        return False
    return not plan.problem.policy.offload_tasks or not any(
        job.may_move_to(name) for k, name in enumerate(names) if k != node
    )


def _add_moves(plan: PlanModel, j: int, job: Job) -> None:
    window = tuple(job.window)
    senders = sorted({i for jj, i, _ in plan.leaving if jj == j})
    receivers = sorted({k for jj, k, _ in plan.arriving if jj == j})
    rounds = [((t,), (t,)) for t in window] if job.synchronous else [((-1,), window)]
    for i in senders:
        batches = shard(plan, job, i)
        out = [(plan.leaving[j, i, t], 1.0) for left, _ in rounds for t in left]
        spare = [(column, -1.0) for column, _ in plan.slack(Relaxed.OFFLOAD, j, i, batches)]
        plan.cap_rows[j, i] = plan.matrix.add_row([*out, *spare], upper=job.may_leave(plan.problem.nodes[i].name))
    for left, reached in rounds:
        if senders or receivers:
            _add_round(plan, j, (senders, left), (receivers, reached))


def _add_round(
    plan: PlanModel, j: int, sending: tuple[list[int], tuple[int, ...]], taking: tuple[list[int], tuple[int, ...]]
) -> None:
    """What leaves is what arrives, and no node is both ends of the same batch."""
    out = {i: [(plan.leaving[j, i, t], 1.0) for t in sending[1]] for i in sending[0]}
    into = {k: [(plan.arriving[j, k, t], 1.0) for t in taking[1]] for k in taking[0]}
    most = sum(plan.matrix.upper[column] for terms in out.values() for column, _ in terms)
    moved = plan.matrix.add_variable(most)
    for side in (out, into):
        terms = [term for node in side.values() for term in node]
        plan.matrix.add_row([*terms, (moved, -1.0)], lower=0.0, upper=0.0)
    for i in sorted(out.keys() & into.keys()):
        plan.matrix.add_row([*out[i], *into[i], (moved, -1.0)], upper=0.0)


def _add_storage(plan: PlanModel) -> None:
    for k, node in enumerate(plan.problem.nodes):
        _, received = plan.moved_terms(k)
        stored = [term for term in received if term[1] > 0]
        if stored:
            most = sum(plan.matrix.upper[column] * value for column, value in stored)
            spare = [(column, -1.0) for column, _ in plan.slack(Relaxed.STORAGE, -1, k, most)]
            plan.matrix.add_row([*stored, *spare], upper=node.storage_gigabytes)


def _add_workers(plan: PlanModel, j: int, job: Job) -> None:
    nodes = range(len(plan.problem.nodes))
    spare = plan.slack(Relaxed.WORKERS, j, -1, job.minimum_workers)
    if job.minimum_batches_per_worker <= 0:  # every node may be called a worker, whatever it does
        if job.minimum_workers > len(nodes):
            plan.matrix.add_row(spare, lower=job.minimum_workers - len(nodes))
        return
    flags = []
    for k in nodes:
        done = [
            (flows[j, k, t], 1.0) for t in job.window for flows in (plan.at_home, plan.arriving) if (j, k, t) in flows
        ]
        if done:
            flags.append((_add_worker(plan, j, k, done), 1.0))
    plan.matrix.add_row([*flags, *spare], lower=job.minimum_workers)


def _add_worker(plan: PlanModel, j: int, k: int, done: list[tuple[int, float]]) -> int:
    job = plan.problem.jobs[j]
    reachable = sum(plan.matrix.upper[column] for column, _ in done)
    flag = plan.matrix.add_variable(1.0, integer=True)
    plan.works[j, k] = flag
    spare = plan.slack(Relaxed.WORKERS, j, k, job.minimum_batches_per_worker)
    plan.matrix.add_row([*done, (flag, -min(job.total_batches, reachable))], upper=0.0)
    plan.matrix.add_row([*done, *spare, (flag, -job.minimum_batches_per_worker)], lower=0.0)
    return flag


def add_soonest_cost(plan: PlanModel) -> list[tuple[int, float]]:
    """Terms of `sum of t * batches done in t`, t from 1: what a policy without shifting minimises first."""
    return [(column, float(t + 1)) for flows in (plan.at_home, plan.arriving) for (_, _, t), column in flows.items()]
