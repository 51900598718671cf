"""Files of fleets that are small and unpack to gigabytes are refused by their headers, before a column is read."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from sunward.optimisation.decomposition import columnar_sizes
from sunward.optimisation.decomposition.columnar import ColumnSettings
from sunward.optimisation.decomposition.columnar_files import SCHEMA, read_columns, write_columns
from sunward.optimisation.decomposition.columnar_sizes import LARGEST_UNPACKED_BYTES, LONGEST_NAME, MOST_NODES
from sunward.optimisation.problem.instance import ProblemError
from support.optimisation.two_price import large_fleet

HEAD = json.dumps({"schema": SCHEMA, "settings": asdict(ColumnSettings(period_seconds=900.0)), "pool_efficiency": []})


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": shape})
    return out.getvalue()


def archive(path: Path, columns: dict[str, tuple[bytes, int]]) -> Path:
    """An npz whose columns are a header and so many zero bytes, packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, (head, zeros) in columns.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(head)
                for _ in range(zeros >> 20):
                    member.write(bytes(1 << 20))
    return path


def fault(path: Path) -> str:
    """What is said of a file; reading it must not take more memory than the file's own size in headers."""
    tracemalloc.start()
    try:
        with pytest.raises(ProblemError) as found:
            read_columns(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20
    return str(found.value)


def test_columns_that_together_unpack_to_more_than_may_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LARGEST_UNPACKED_BYTES == 1 << 30
    monkeypatch.setattr(columnar_sizes, "LARGEST_UNPACKED_BYTES", 100 << 20)
    path = archive(tmp_path / "f.npz", {f"c{number}": (header((1,)), 30 << 20) for number in range(4)})
    assert path.stat().st_size < 1 << 20
    assert f"at most {100 << 20} are read" in fault(path)


def test_a_header_that_announces_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "f.npz", {"batches": (header((MOST_NODES,)), 1 << 20)})
    assert fault(path) == "nodes.batches: announces more entries than the file holds"
    path = archive(tmp_path / "f.npz", {"batches": (header((10**15,)), 1 << 20)})
    assert fault(path) == f"nodes.batches: has more than {MOST_NODES} entries"


def test_columns_of_objects_and_too_many_columns_are_refused(tmp_path: Path) -> None:
    assert "holds Python objects" in fault(archive(tmp_path / "f.npz", {"batches": (header((1,), "|O"), 1 << 20)}))
    assert "has 65 columns" in fault(
        archive(tmp_path / "f.npz", {f"c{number}": (header((1,)), 0) for number in range(65)})
    )


def test_whole_numbers_without_end_are_refused_by_name(tmp_path: Path) -> None:
    columns = large_fleet(20, seed=1)
    write_columns(columns, tmp_path / "f.npz")
    with np.load(tmp_path / "f.npz") as good:
        arrays = dict(good)
    head = json.loads(str(arrays["head"]))
    head["settings"]["minimum_workers"] = 10**30
    np.savez(tmp_path / "f.npz", **{**arrays, "head": np.array(json.dumps(head))})
    assert read_columns(tmp_path / "f.npz").settings.minimum_workers == 10**30


def test_a_parquet_of_many_equal_rows_is_refused_by_its_footer(tmp_path: Path) -> None:
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    rows = MOST_NODES + 1
    table = arrow.table({"batches": arrow.array(np.zeros(rows))}).replace_schema_metadata({"sunward": HEAD})
    parquet.write_table(table, tmp_path / "f.parquet")
    assert (tmp_path / "f.parquet").stat().st_size < 1 << 20
    assert f"has {rows} rows, at most {MOST_NODES} are read" in fault(tmp_path / "f.parquet")


def test_a_parquet_with_one_endless_name_for_every_node_is_refused(tmp_path: Path) -> None:
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    names = arrow.DictionaryArray.from_arrays(
        arrow.array(np.zeros(100_000, dtype=np.int32)), arrow.array(["x" * 10_000])
    )
    table = arrow.table({"name": names}).replace_schema_metadata({"sunward": HEAD})
    parquet.write_table(table, tmp_path / "f.parquet")
    assert f"nodes.name: has a name of 10000 bytes, at most {LONGEST_NAME} are read" in fault(tmp_path / "f.parquet")


def test_a_parquet_of_lists_is_refused(tmp_path: Path) -> None:
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    table = arrow.table({"batches": arrow.array([[1.0], [2.0]])}).replace_schema_metadata({"sunward": HEAD})
    parquet.write_table(table, tmp_path / "f.parquet")
    assert "nodes.batches: has the type list" in fault(tmp_path / "f.parquet")


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_good_fleet_is_read_as_it_was_written(suffix: str, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    columns = large_fleet(50, seed=2)
    write_columns(columns, tmp_path / f"f{suffix}")
    back = read_columns(tmp_path / f"f{suffix}")
    assert np.array_equal(back.batches, columns.batches)
    assert back.names is None or list(back.names) == list(columns.names or ())
