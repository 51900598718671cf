"""Columnar problems and plans as files: numpy's npz, and Parquet where pyarrow is installed.

Both hold the same columns under the same names. Settings and pools travel as one JSON text: a zero-dimensional string
in npz, metadata of the schema in Parquet. Every file read here is checked as strictly as a JSON problem.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sunward.optimisation.decomposition.columnar import NODE_FLAGS, NODE_FLOATS, Columns, ColumnSettings
from sunward.optimisation.decomposition.columnar_sizes import check_dictionary, check_npz, check_parquet
from sunward.optimisation.decomposition.recovery import ColumnPlan
from sunward.optimisation.problem.instance import ProblemError
from sunward.optimisation.problem.strict_json import DocumentError, parse, read

SCHEMA = "sunward.dev/columns/v1alpha1"
LONGEST_REASON = 200
"""Characters of a library's own error that a message repeats."""
PLAN_COLUMNS = tuple(name for name in ColumnPlan.__slots__ if name != "objective_grams")


def read_columns(path: Path) -> Columns:
    """A checked problem from `.npz` or `.parquet`; raises `ProblemError` naming what is missing or wrong."""
    try:
        return _columns(path).checked()
    except ProblemError:
        raise
    except DocumentError as error:
        raise ProblemError(error.where, error.why) from None


def _columns(path: Path) -> Columns:
    head, arrays = _read(path)
    node_columns = {*NODE_FLOATS, *NODE_FLAGS, "pool"}
    for name in sorted(node_columns - arrays.keys()):
        raise ProblemError(f"nodes.{name}", "the column is missing")
    for name in sorted(arrays.keys() - node_columns - {"name"}):
        raise ProblemError(f"nodes.{name}", "unknown column")
    names = arrays.pop("name", None)
    return Columns(
        settings=read(ColumnSettings, head.get("settings"), "settings"),
        pool_efficiency=_efficiencies(head.get("pool_efficiency")),
        names=None if names is None else _names(names, len(arrays["batches"])),
        **{name: _typed(name, column) for name, column in arrays.items()},
    )


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


def _efficiencies(found: Any) -> Any:
    return np.array(read(tuple[float, ...], found, "pool_efficiency"), dtype=np.float64)


def _names(column: Any, count: int) -> Any:
    if column.shape != (count,):
        raise ProblemError("nodes.name", f"must have one entry per node ({count}), not shape {column.shape}")
    names = column.tolist()
    if not all(isinstance(name, str) for name in names):
        raise ProblemError("nodes.name", "must hold text only")
    if len(set(names)) != count:
        raise ProblemError("nodes.name", "names a node twice")
    return column.astype(np.str_)


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
    if path.is_file() and not zipfile.is_zipfile(path):
        raise ProblemError("file", "is no npz archive")
    try:
        with path.open("rb") as file:
            check_npz(file)
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except ProblemError:
        raise
    except Exception as error:  # a damaged archive makes numpy, zipfile and zlib raise whatever they stumble over
        raise ProblemError("file", f"cannot be read as npz: {_reason(error)}") from None
    head = arrays.pop("head", None)
    return _head(None if head is None else str(head)), arrays


def _read_parquet(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    parquet, arrow = _arrow()
    try:
        with parquet.ParquetFile(path) as file:
            check_parquet(file.metadata)
            texts = [one.name for one in file.schema_arrow if _is_text(one, arrow)]
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read()
        text = (table.schema.metadata or {}).get(b"sunward", b"").decode()
    except (OSError, ValueError, MemoryError, arrow.ArrowException) as error:
        raise ProblemError("file", f"cannot be read as Parquet: {_reason(error)}") from None
    return _head(text or None), {name: _column(name, table.column(name), arrow) for name in table.column_names}


def _column(name: str, column: Any, arrow: Any) -> Any:
    """A column as an array; text is measured before it is written out for every node."""
    if column.null_count:
        raise ProblemError(f"nodes.{name}", "holds empty entries")
    if arrow.types.is_dictionary(column.type):
        for chunk in column.chunks:
            check_dictionary(chunk.dictionary.to_pylist())
        column = column.cast(column.type.value_type)
    return column.to_numpy()


def _is_text(field: Any, arrow: Any) -> bool:
    """Whether a column holds text, and not numbers or flags. Raises ProblemError where it holds anything else."""
    kind = field.type.value_type if arrow.types.is_dictionary(field.type) else field.type
    if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        return True
    if not arrow.types.is_primitive(kind):
        raise ProblemError(f"nodes.{field.name[:LONGEST_REASON]}", f"has the type {str(kind)[:40]}, which is not read")
    return False


def _reason(error: Exception) -> str:
    """The first words of an error, on one printable line."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
    return words[:LONGEST_REASON] or type(error).__name__


def _head(text: str | None) -> dict[str, Any]:
    try:
        head = parse(text or "null")
    except DocumentError as error:
        raise ProblemError("head", error.why) from None
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
