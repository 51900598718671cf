"""Columnar problems and plans as files: numpy's npz, and Parquet where pyarrow is installed.

Both hold the same columns under the same names. Settings and pools travel as one JSON text: a zero-dimensional string
in npz, metadata of the schema in Parquet. Every file read here is checked as strictly as a JSON problem.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from sunward.optimisation.columnar import NODE_FLAGS, NODE_FLOATS, Columns, ColumnSettings
from sunward.optimisation.problem import ProblemError
from sunward.optimisation.two_price_recovery import ColumnPlan

SCHEMA = "sunward.dev/columns/v1alpha1"
PLAN_COLUMNS = tuple(name for name in ColumnPlan.__slots__ if name != "objective_grams")


def read_columns(path: Path) -> Columns:
    """A checked problem from `.npz` or `.parquet`; raises `ProblemError` naming what is missing or wrong."""
    head, arrays = _read(path)
    node_columns = {*NODE_FLOATS, *NODE_FLAGS, "pool"}
    for name in sorted(node_columns - arrays.keys()):
        raise ProblemError(f"nodes.{name}", "the column is missing")
    for name in sorted(arrays.keys() - node_columns - {"name"}):
        raise ProblemError(f"nodes.{name}", "unknown column")
    names = arrays.pop("name", None)
    return Columns(
        settings=_settings(head.get("settings")),
        pool_efficiency=_efficiencies(head.get("pool_efficiency")),
        names=None if names is None else names.astype(np.str_),
        **{name: _typed(name, column) for name, column in arrays.items()},
    ).checked()


def write_columns(columns: Columns, path: Path) -> None:
    """Writes the problem as `.npz` or `.parquet`; `read_columns` reads it back to equal arrays."""
    arrays: dict[str, Any] = {name: getattr(columns, name) for name in (*NODE_FLOATS, *NODE_FLAGS, "pool")}
    if columns.names is not None:
        arrays["name"] = columns.names
    _write(path, {"settings": asdict(columns.settings), "pool_efficiency": columns.pool_efficiency.tolist()}, arrays)


def write_plan(plan: ColumnPlan, path: Path, *, names: Any = None) -> None:
    """Writes a plan by columns as `.npz` or `.parquet`, with the nodes' names where they are known."""
    arrays: dict[str, Any] = {name: getattr(plan, name) for name in PLAN_COLUMNS}
    if names is not None:
        arrays["name"] = names
    _write(path, {"objective_grams": plan.objective_grams}, arrays)


def _settings(found: object) -> ColumnSettings:
    if not isinstance(found, dict):
        raise ProblemError("settings", "is missing or no object")
    known = {field.name for field in fields(ColumnSettings)}
    for name in sorted(found.keys() ^ known):
        raise ProblemError(f"settings.{name}", "is missing" if name in known else "unknown field")
    for name, value in found.items():
        if not isinstance(value, int | float) and not (value is None and name == "maximum_asleep_nodes"):
            raise ProblemError(f"settings.{name}", f"must be a number or true or false, not {value!r}")
    return ColumnSettings(**found)


def _efficiencies(found: object) -> Any:
    if not isinstance(found, list) or not all(isinstance(value, int | float) for value in found):
        raise ProblemError("pool_efficiency", "must be a list of numbers")
    return np.array(found, dtype=np.float64)


def _typed(name: str, column: Any) -> Any:
    """Integers stand for floats where a float is due; nothing else is converted."""
    if name in NODE_FLOATS and np.issubdtype(column.dtype, np.integer):
        return column.astype(np.float64)
    return column.astype(np.int32) if name == "pool" and np.issubdtype(column.dtype, np.integer) else column


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The head and the arrays of a file of either kind."""
    if path.suffix == ".parquet":
        return _read_parquet(path)
    if path.suffix != ".npz":
        raise ProblemError("file", f"must end in .npz or .parquet, not {path.suffix or 'nothing'}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ProblemError("file", f"cannot be read as npz: {error}") from None
    head = arrays.pop("head", None)
    return _head(None if head is None else str(head)), arrays


def _read_parquet(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    parquet, arrow = _arrow()
    try:
        table = parquet.read_table(path)
    except (OSError, arrow.ArrowException) as error:
        raise ProblemError("file", f"cannot be read as Parquet: {error}") from None
    metadata = table.schema.metadata or {}
    text = metadata.get(b"sunward", b"").decode()
    for name in table.column_names:
        if table.column(name).null_count:
            raise ProblemError(f"nodes.{name}", "holds empty entries")
    return _head(text or None), {name: table.column(name).to_numpy() for name in table.column_names}


def _head(text: str | None) -> dict[str, Any]:
    try:
        head = json.loads(text or "null")
    except json.JSONDecodeError as error:
        raise ProblemError("head", f"is no JSON: {error}") from None
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise ProblemError("head", f"must be an object with schema {SCHEMA!r}")
    return head


def _write(path: Path, head: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    text = json.dumps({"schema": SCHEMA, **head}, allow_nan=False)
    if path.suffix == ".npz":
        np.savez(path, head=np.array(text), **arrays)
    elif path.suffix == ".parquet":
        parquet, arrow = _arrow()
        table = arrow.table({name: arrow.array(column) for name, column in arrays.items()})
        parquet.write_table(table.replace_schema_metadata({"sunward": text}), path)
    else:
        raise ProblemError("file", f"must end in .npz or .parquet, not {path.suffix or 'nothing'}")


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ProblemError("file", "Parquet needs pyarrow: install sunward[experiments], or use .npz") from None
    return pyarrow.parquet, pyarrow
