"""Checks of work, moved data, workers and awake time: constraints 1 to 5 and 10. Plain Python, no solver."""

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.problem.instance import Job, Node, Problem
from sunward.optimisation.problem.violations import FLOOR, TOLERANCE, Findings
from sunward.optimisation.verification.ledger import Ledger

WHOLE_BATCH = 1.0
"""Whole batches cannot hold a round's exact share on every node; each may be off by less than one batch."""


def check_work(problem: Problem, ledger: Ledger, findings: Findings, *, rounded: bool) -> None:
    """Constraints 1, 2 and 10 for every job, storage for every node."""
    jobs = {job.name: job for job in problem.jobs}
    for (name, home, on, period), batches in ledger.flows.items():
        _check_flow(problem, jobs[name], (home, on, period), batches, findings)
        if rounded and abs(batches - round(batches)) > TOLERANCE:
            findings.fault("whole", f"{name} {home}->{on} period {period}", "not a whole batch", abs(batches % 1))
    for job in problem.jobs:
        for home, batches in job.batches.items():
            done = sum(ledger.shard_done[job.name, home, t] for t in job.periods)
            findings.equal("1", f"{job.name} data of {home}", "batches done are not all batches", (done, batches))
            cap = job.may_leave(home)
            moved = ledger.offloaded[job.name, home]
            findings.at_most(
                "2", f"{job.name} data of {home}", "moved more than the cap", (moved, cap), terms=(batches,)
            )
        if job.synchronous:
            _check_rounds(problem, job, ledger, findings, rounded=rounded)
        _check_workers(problem, job, ledger, findings)
    for node in problem.nodes:
        findings.at_most(
            "2", node.name, "received more than its storage", (ledger.volume_in[node.name], node.storage_gigabytes)
        )


def _check_flow(problem: Problem, job: Job, way: tuple[str, str, int], batches: float, findings: Findings) -> None:
    home, on, period = way
    where = f"{job.name} {home}->{on} period {period}"
    shard = job.batches.get(home, 0.0)
    findings.at_most("non-negative", where, "negative batches", (-batches, 0.0), terms=(shard,))
    if abs(batches) <= TOLERANCE * max(shard, FLOOR):
        return
    if period not in job.periods:
        findings.fault("1", where, "outside release and deadline", batches)
    if not job.can_work(on):
        findings.fault("1", where, f"{on} cannot work on {job.name}", batches)
    if home == on:
        return
    if not problem.policy.offload_tasks:
        findings.fault("2", where, "the policy moves no tasks", batches)
    if job.movable_to is not None and on not in job.movable_to:
        findings.fault("2", where, f"{on} is not in movable_to", batches)


def _check_rounds(problem: Problem, job: Job, ledger: Ledger, findings: Findings, *, rounded: bool) -> None:
    total = job.total_batches
    if total <= 0:
        return
    for t in range(1, problem.period_count + 1):
        done = {home: ledger.shard_done[job.name, home, t] for home, batches in job.batches.items() if batches > 0}
        if rounded:
            _check_whole_round(job, done, t, findings)
            continue
        share = sum(done.values()) / total
        for home, batches in done.items():
            of_shard = job.batches[home]
            where = f"{job.name} data of {home} period {t}"
            findings.equal("1", where, "not the round's share", (batches, share * of_shard), terms=(of_shard,))


def _check_whole_round(job: Job, done: dict[str, float], t: int, findings: Findings) -> None:
    """Some share of the round must be within less than one batch of every shard's work."""
    least = max((done[home] - WHOLE_BATCH) / job.batches[home] for home in done)
    most = min((done[home] + WHOLE_BATCH) / job.batches[home] for home in done)
    if least > most + TOLERANCE:
        findings.fault("1", f"{job.name} period {t}", "shards are a batch or more apart", least - most)


def _check_workers(problem: Problem, job: Job, ledger: Ledger, findings: Findings) -> None:
    if job.total_batches <= 0:
        return
    least = job.minimum_batches_per_worker
    possible = 0
    for node in problem.nodes:
        done = sum(ledger.done[job.name, node.name, t] for t in range(1, problem.period_count + 1))
        if done >= least * (1 - TOLERANCE):
            possible += 1
        elif done > TOLERANCE * job.total_batches:
            findings.fault("10", f"{job.name} on {node.name}", f"fewer than {least:g} batches", least - done)
    if possible < job.minimum_workers:
        missing = job.minimum_workers - possible
        findings.fault("10", job.name, f"{possible} workers, {job.minimum_workers} needed", float(missing))


def busy_hours(problem: Problem, ledger: Ledger, node: Node, period: int) -> float:
    """Hours of work and waking on a node."""
    hours = sum(
        ledger.done[job.name, node.name, period] * job.seconds_per_batch.get(node.name, 0.0)
        for job in problem.jobs
        if (job.name, node.name, period) in ledger.done
    )
    if ledger.started[node.name, period]:
        hours += node.wake_seconds
    return hours / SECONDS_PER_HOUR


def transfer_hours(problem: Problem, ledger: Ledger, node: Node) -> float:
    """Hours of awake time that moving data takes on a node in period 1."""
    moved = ledger.volume_out[node.name] + ledger.volume_in[node.name]
    return moved * problem.network.seconds_per_gigabyte / SECONDS_PER_HOUR


def check_awake(problem: Problem, ledger: Ledger, findings: Findings) -> None:
    """Constraints 3 (time), 4 and 5 for every node and period."""
    hours = problem.period_hours
    for node in problem.nodes:
        row = ledger.nodes[node.name]
        may_sleep = problem.policy.sleep and node.can_sleep
        for t, (awake, on) in enumerate(zip(row.awake_hours, row.on, strict=True), start=1):
            where = f"{node.name} period {t}"
            findings.at_most("non-negative", where, "negative awake time", (-awake, 0.0), terms=(hours,))
            moving = transfer_hours(problem, ledger, node) if t == 1 else 0.0
            busy = busy_hours(problem, ledger, node, t)
            which = "3" if busy <= awake else "4"
            findings.at_most(which, where, "busier than awake", (busy + moving, awake), terms=(hours,))
            findings.at_most("4", where, "awake while off", (awake, hours if on else 0.0), terms=(hours,))
            if not may_sleep or (on and not problem.policy.partial_period_sleep):
                findings.equal("4", where, "must be awake all period", (awake, hours))
            if not may_sleep and not on:
                findings.fault("4", where, "must not sleep", 1.0)
        _check_switching(node, row.on, findings)
    _check_sleep_limit(problem, ledger, findings)


def _check_switching(node: Node, on: tuple[bool, ...], findings: Findings) -> None:
    before, since = node.initially_awake, -1
    for t, now in enumerate(on):
        if now != before:
            least = node.minimum_awake_periods if before else node.minimum_asleep_periods
            if since >= 0 and t - since < least:
                findings.fault(
                    "5", f"{node.name} period {t + 1}", f"switched before {least} periods", least - t + since
                )
            before, since = now, t
    most = node.maximum_sleeps
    sleeps = sum(was and not now for was, now in zip((node.initially_awake, *on), on, strict=False))
    if most is not None and sleeps > most:
        findings.fault("5", node.name, f"sleeps {sleeps} times, {most} allowed", float(sleeps - most))


def _check_sleep_limit(problem: Problem, ledger: Ledger, findings: Findings) -> None:
    limit = problem.policy.maximum_asleep_nodes
    if limit is None:
        return
    for t in range(problem.period_count):
        asleep = sum(not ledger.nodes[node.name].on[t] for node in problem.nodes)
        if asleep > limit:
            findings.fault("5", f"period {t + 1}", f"{asleep} nodes asleep, {limit} allowed", float(asleep - limit))
