"""A linear model as plain arrays, scaled for a solver, and a certificate that needs no trust in one.

Exists because solvers work to absolute tolerances: every column is measured in units of its own upper bound and every
row by its largest coefficient, so 1e-9 means the same for a Pi and for a data centre. Knows neither problem nor solver.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
PerColumn = NDArray[np.float64]
"""One number for each variable of a model, (columns,), in the variable's unit."""
PerRow = NDArray[np.float64]
"""One number for each constraint of a model, (rows,), in the constraint's unit."""
INFINITY = math.inf


class MatrixModel:
    """minimise cost . x, subject to lower <= A x <= upper row by row and bounds on x; built row by row."""

    def __init__(self) -> None:
        """Start with no columns and no rows."""
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.cost: list[float] = []
        self.integer: list[bool] = []
        self.row_lower: list[float] = []
        self.row_upper: list[float] = []
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._values: list[float] = []

    def add_variable(self, upper: float, *, cost: float = 0.0, lower: float = 0.0, integer: bool = False) -> int:
        """Append a column and return its index; `upper` doubles as the column's unit."""
        self.lower.append(lower)
        self.upper.append(max(upper, lower))
        self.cost.append(cost)
        self.integer.append(integer)
        return len(self.lower) - 1

    def add_row(self, terms: Iterable[tuple[int, float]], *, lower: float = -INFINITY, upper: float = INFINITY) -> int:
        """Append a row and return its index; repeated columns add up, an empty row keeps its bounds."""
        row = len(self.row_lower)
        merged: dict[int, float] = {}
        for column, value in terms:
            merged[column] = merged.get(column, 0.0) + value
        for column, value in merged.items():
            if value != 0.0:
                self._rows.append(row)
                self._columns.append(column)
                self._values.append(value)
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        return row

    def arrays(self) -> "Arrays":
        """The model as arrays, in natural units."""
        return Arrays(
            lower=np.array(self.lower, dtype=float),
            upper=np.array(self.upper, dtype=float),
            cost=np.array(self.cost, dtype=float),
            integer=np.array(self.integer, dtype=bool),
            row_lower=np.array(self.row_lower, dtype=float),
            row_upper=np.array(self.row_upper, dtype=float),
            rows=np.array(self._rows, dtype=np.int64),
            columns=np.array(self._columns, dtype=np.int64),
            values=np.array(self._values, dtype=float),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrays:
    """A linear model: minimise cost . x with row_lower <= A x <= row_upper and lower <= x <= upper.

    The matrix A is given by its entries: values[e] stands in row rows[e] and column columns[e], rows in ascending
    order, each place at most once.
    """

    lower: PerColumn
    upper: PerColumn
    cost: PerColumn
    integer: NDArray[np.bool_]  # (columns,)
    row_lower: PerRow
    row_upper: PerRow
    rows: Integers  # (entries,)
    columns: Integers  # (entries,)
    values: Floats  # (entries,)

    def times(self, x: PerColumn) -> PerRow:
        """A x."""
        product = self.values * x[self.columns]
        return np.bincount(self.rows, weights=product, minlength=len(self.row_lower)).astype(np.float64)

    def transposed_times(self, y: PerRow) -> PerColumn:
        """A' y."""
        product = self.values * y[self.rows]
        return np.bincount(self.columns, weights=product, minlength=len(self.lower)).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaled:
    """A model in solver units with the factors that lead back: x = unit * scaled x, cost = cost_unit * scaled cost."""

    model: Arrays
    unit: PerColumn
    row_unit: PerRow
    cost_unit: float


def scaled(model: Arrays, typical_cost: float) -> Scaled:
    """Measure columns in their upper bounds, rows in their largest coefficient, cost in `typical_cost` (grams)."""
    span = np.maximum(np.abs(model.lower), np.abs(model.upper))
    usable = np.isfinite(span) & (span > 0) & ~model.integer
    unit = np.where(usable, span, 1.0)  # integers keep their unit, so that they stay integers
    values = model.values * unit[model.columns]
    row_unit = np.zeros(len(model.row_lower))
    np.maximum.at(row_unit, model.rows, np.abs(values))
    row_unit[row_unit == 0] = 1.0
    cost_unit = typical_cost if math.isfinite(typical_cost) and typical_cost > 0 else 1.0
    arrays = Arrays(
        lower=model.lower / unit,
        upper=model.upper / unit,
        cost=model.cost * unit / cost_unit,
        integer=model.integer,
        row_lower=model.row_lower / row_unit,
        row_upper=model.row_upper / row_unit,
        rows=model.rows,
        columns=model.columns,
        values=values / row_unit[model.rows],
    )
    return Scaled(model=arrays, unit=unit, row_unit=row_unit, cost_unit=cost_unit)


def fits(model: Arrays, values: PerColumn, tolerance: float) -> bool:
    """Whether values satisfy every bound and row, each to `tolerance` of its own unit."""
    measured = scaled(model, 1.0)
    x, rows = values / measured.unit, measured.model
    products = rows.times(x)
    inside = (x >= rows.lower - tolerance) & (x <= rows.upper + tolerance)
    held = (products >= rows.row_lower - tolerance) & (products <= rows.row_upper + tolerance)
    return bool(inside.all() and held.all())


def dual_bound(model: Arrays, duals: PerRow) -> float:
    """A lower bound on the optimum that holds for any `duals` at all (weak duality, with column bounds).

    The value of the Lagrangian: duals . b with the side of each row that they push against, plus the least that the
    reduced costs allow within the column bounds. Lets a caller certify an answer without trusting the solver that gave
    the duals. Minus infinity where a column that the duals want to grow has no upper bound.
    """
    # A multiplier that pushes against a side that does not exist says nothing: it counts as zero, which is also valid.
    duals = np.where(np.isneginf(model.row_lower) & (duals > 0), 0.0, duals)
    duals = np.where(np.isposinf(model.row_upper) & (duals < 0), 0.0, duals)
    active = np.where(duals > 0, model.row_lower, model.row_upper)
    rows = float(np.sum(np.where(duals == 0, 0.0, duals * np.where(duals == 0, 0.0, active))))
    reduced = model.cost - model.transposed_times(duals)
    corner = np.where(reduced > 0, model.lower, model.upper)
    columns = np.where(reduced == 0, 0.0, reduced * np.where(reduced == 0, 0.0, corner))
    total = rows + float(np.sum(columns))
    return total if not math.isnan(total) else -INFINITY
