"""Cuts the linear model of a problem into blocks of nodes that only prices connect.

Every column belongs to one node except the total that a job moves and the shares of a synchronous job, which are given:
1 where its window is one period. Rows that touch several nodes become priced rows "net supply >= least"; the rows that
forbid a node to send to itself are dropped, because taking such batches back home never raises emissions. Knows the
model, not how blocks are solved.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sunward.optimisation.decomposition.columnar import Flags
from sunward.optimisation.decomposition.errors import UnsupportedError
from sunward.optimisation.decomposition.master import PerCoupling
from sunward.optimisation.model.matrix import Arrays, Floats, Integers
from sunward.optimisation.model.plan_model import Pair, PlanModel
from sunward.optimisation.problem.instance import Problem

SHARED = -2
"""Owner of a column or row that belongs to several nodes."""
UNKNOWN = -1
ANY_PERIOD = -1
"""Key of the leaving columns of a job that has no rounds."""
NOBODY = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The part of the model that some nodes own: `columns` are the indices of its columns in the whole model.

    One unit of own column supply_columns[e] supplies supply_values[e] to priced row supply_rows[e].
    """

    model: Arrays
    columns: Integers  # (columns,)
    supply_rows: Integers  # (entries,)
    supply_columns: Integers  # (entries,)
    supply_values: Floats  # (entries,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Blocks and what the sum of their net supplies must reach in every priced row.

    `pool_of` names the rows of pools as (pool, period), `job_of` those of jobs, or of their rounds, by index; other
    rows are sleepers or workers.
    """

    blocks: tuple[Block, ...]
    least: PerCoupling
    pool_of: dict[int, tuple[int, int]]
    job_of: dict[int, int]

    @property
    def exact(self) -> Flags:
        """Which rows must be met with equality, (rows,): those of pools and of jobs."""
        return np.array([row in self.pool_of or row in self.job_of for row in range(len(self.least))], dtype=np.bool_)


def unsplittable(problem: Problem) -> str | None:
    """Why the nodes of this problem are tied by more than prices; None when they are not."""
    for job in problem.jobs:
        if job.synchronous and job.total_batches > 0 and job.release_period != job.deadline_period:
            return f"job {job.name} is synchronous over several periods: every shard follows the same rounds"
    return None


def split(plan: PlanModel, *, nodes_per_block: int, shares: Mapping[Pair, float] | None = None) -> Split:
    """The model in blocks of so many nodes.

    `shares` of the rounds, by job and period as in the model, have to be given where `unsplittable` names a job; raises
    `UnsupportedError` with that reason where they are not.
    """
    refusal = unsplittable(plan.problem) if shares is None else None
    if refusal is not None:
        raise UnsupportedError(refusal)
    model = _with_fixed_shares(plan, plan.matrix.arrays(), shares or {})
    owner = _owners(plan, model)
    rows = _row_owners(model, owner)
    supply, least, pool_of, job_of = _priced_rows(plan, model, np.flatnonzero(rows == SHARED).tolist())
    count = len(plan.problem.nodes)
    chunks = [range(start, min(start + nodes_per_block, count)) for start in range(0, count, nodes_per_block)]
    blocks = tuple(_block(model, owner, rows, chunk, supply) for chunk in chunks)
    return Split(blocks=blocks, least=least, pool_of=pool_of, job_of=job_of)


def _with_fixed_shares(plan: PlanModel, model: Arrays, shares: Mapping[Pair, float]) -> Arrays:
    """Shares of synchronous jobs as given, 1 where they are not: fixed, so that they tie no rows together."""
    lower, upper, held = model.lower.copy(), model.upper.copy(), np.zeros(len(model.lower))
    for where, column in plan.share.items():
        held[column] = lower[column] = upper[column] = shares.get(where, 1.0)
    shift = model.times(held)
    kept = ~np.isin(model.columns, list(plan.share.values()))
    return Arrays(
        lower=lower,
        upper=upper,
        cost=model.cost,
        integer=model.integer,
        row_lower=model.row_lower - shift,
        row_upper=model.row_upper - shift,
        rows=model.rows[kept],
        columns=model.columns[kept],
        values=model.values[kept],
    )


def _owners(plan: PlanModel, model: Arrays) -> Integers:
    """The node of every column: by its meaning, else by the rows it stands in; totals of jobs are shared."""
    owner = np.full(len(model.lower), UNKNOWN, dtype=np.int64)
    for triples, place in _meanings(plan):
        for key, column in triples.items():
            owner[column] = key[place]
    for column in plan.share.values():
        owner[column] = SHARED
    unknown = np.flatnonzero(owner == UNKNOWN)
    low, high = _reach(model, owner)
    ends = (np.full(len(owner), NOBODY), np.full(len(owner), UNKNOWN))
    np.minimum.at(ends[0], model.columns, low[model.rows])
    np.maximum.at(ends[1], model.columns, high[model.rows])
    owner[unknown] = np.where(ends[0][unknown] == ends[1][unknown], ends[0][unknown], SHARED)
    return owner


def _reach(model: Arrays, owner: Integers) -> tuple[Integers, Integers]:
    """The lowest and highest node that owns a column in each row; (`NOBODY`, `UNKNOWN`) where none does."""
    low, high = np.full(len(model.row_lower), NOBODY), np.full(len(model.row_lower), UNKNOWN)
    known = owner[model.columns] >= 0
    np.minimum.at(low, model.rows[known], owner[model.columns[known]])
    np.maximum.at(high, model.rows[known], owner[model.columns[known]])
    return low, high


def _meanings(plan: PlanModel) -> Iterator[tuple[dict[tuple[int, ...], int], int]]:
    """Every mapping of columns with the place of the node in its keys."""
    for triples in (plan.at_home, plan.leaving, plan.arriving, plan.sends, plan.draws, plan.works):
        yield dict(triples.items()), 1
    pairs = (plan.awake, plan.on, plan.start, plan.grid, plan.harvest, plan.charge, plan.discharge, plan.stored)
    for mapping in (*pairs, plan.exports):
        yield dict(mapping.items()), 0


def _row_owners(model: Arrays, owner: Integers) -> Integers:
    """The node of every row; SHARED where several meet, UNKNOWN for rows without columns or with a job's total.

    Rows with a job's total say that what leaves arrives (priced by job) or that a node does not send to itself.
    """
    low, high = _reach(model, owner)
    rows = np.where(low == high, low, SHARED)
    rows[low > high] = UNKNOWN
    rows[model.rows[owner[model.columns] == SHARED]] = UNKNOWN
    return rows


Supply = tuple[Integers, Integers, Floats]


def _priced_rows(
    plan: PlanModel, model: Arrays, rows: Sequence[int]
) -> tuple[Supply, Floats, dict[int, tuple[int, int]], dict[int, int]]:
    """Net supply of every column to every priced row, and what each row needs."""
    index: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    least: list[float] = []
    names = {row: key for key, row in plan.pool_rows.items()}
    pool_of: dict[int, tuple[int, int]] = {}
    for row in rows:
        sign = 1.0 if np.isfinite(model.row_lower[row]) else -1.0
        here = model.rows == row
        columns += model.columns[here].tolist()
        values += (sign * model.values[here]).tolist()
        index += [len(least)] * int(here.sum())
        if row in names:
            pool_of[len(least)] = names[row]
        least.append(float(model.row_lower[row] if sign > 0 else -model.row_upper[row]))
    job_of: dict[int, int] = {}
    for job, round_ in sorted({(key[0], key[2]) for key in plan.leaving}):
        for sign, mapping in ((-1.0, plan.leaving), (1.0, plan.arriving)):
            mine = [column for key, column in mapping.items() if key[0] == job and round_ in (ANY_PERIOD, key[2])]
            columns += mine
            values += [sign] * len(mine)
            index += [len(least)] * len(mine)
        job_of[len(least)] = job
        least.append(0.0)
    supply = (np.array(index, np.int64), np.array(columns, np.int64), np.array(values, np.float64))
    return supply, np.array(least), pool_of, job_of


def _block(model: Arrays, owner: Integers, rows: Integers, nodes: range, supply: Supply) -> Block:
    columns = np.flatnonzero((owner >= nodes.start) & (owner < nodes.stop))
    kept = np.flatnonzero((rows >= nodes.start) & (rows < nodes.stop))
    column_at = np.full(len(owner), UNKNOWN, dtype=np.int64)
    column_at[columns] = np.arange(len(columns))
    row_at = np.full(len(rows), UNKNOWN, dtype=np.int64)
    row_at[kept] = np.arange(len(kept))
    inside = row_at[model.rows] >= 0
    own = column_at[supply[1]] >= 0
    return Block(
        model=Arrays(
            lower=model.lower[columns],
            upper=model.upper[columns],
            cost=model.cost[columns],
            integer=model.integer[columns],
            row_lower=model.row_lower[kept],
            row_upper=model.row_upper[kept],
            rows=row_at[model.rows[inside]],
            columns=column_at[model.columns[inside]],
            values=model.values[inside],
        ),
        columns=columns,
        supply_rows=supply[0][own],
        supply_columns=column_at[supply[1][own]],
        supply_values=supply[2][own],
    )
