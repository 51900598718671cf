"""How large the columns of a fleet file are, read from its headers before any column is unpacked.

A file of three megabytes can unpack to many gigabytes. What it announces is added up first; zipfile and pyarrow then
read no more than that.
"""

import math
import zipfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from sunward.optimisation.problem.instance import ProblemError

MOST_NODES = 5_000_000
LARGEST_UNPACKED_BYTES = 1 << 30
"""All columns together; a million nodes take about 110 MB, and their names as much again."""
MOST_COLUMNS = 64
LONGEST_NAME = 253
"""Bytes of a node's name."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check_npz(file: IO[bytes]) -> None:
    """Raise ProblemError where the archive's columns are too many, too long or not what their headers say."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_columns(len(members))
        _check_bytes(sum(member.file_size for member in members))
        for member in members:
            with archive.open(member) as column:
                _check_header(member.filename.removesuffix(".npy")[:80], column, member.file_size)


def _check_header(name: str, column: Any, size: int) -> None:
    reader = HEADERS.get(np.lib.format.read_magic(column))
    if reader is None:
        raise ProblemError(f"nodes.{name}", "has a header of an unknown version")
    shape, _, kind = reader(column)
    if kind.hasobject:
        raise ProblemError(f"nodes.{name}", "holds Python objects; only numbers, true or false and text are read")
    if any(length > MOST_NODES for length in shape):
        raise ProblemError(f"nodes.{name}", f"has more than {MOST_NODES} entries")
    if math.prod(shape) * kind.itemsize > size:
        raise ProblemError(f"nodes.{name}", "announces more entries than the file holds")


def check_parquet(metadata: Any) -> None:
    """Raise ProblemError where the footer of a Parquet file announces too many or too long columns."""
    _check_columns(metadata.num_columns)
    if metadata.num_rows > MOST_NODES:
        raise ProblemError("file", f"has {metadata.num_rows} rows, at most {MOST_NODES} are read")
    _check_bytes(sum(_chunk_sizes(metadata)))


def _chunk_sizes(metadata: Any) -> Iterator[int]:
    """Bytes of every chunk as it lies in the file, and at least as wide as eight bytes for each of its entries."""
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            yield max(chunk.total_uncompressed_size, 8 * chunk.num_values)


def check_dictionary(texts: Any) -> None:
    """Raise ProblemError for names that would be long once each is written out; `texts` are the different ones."""
    longest = max((len(text.encode(errors="replace")) for text in texts if text is not None), default=0)
    if longest > LONGEST_NAME:
        raise ProblemError("nodes.name", f"has a name of {longest} bytes, at most {LONGEST_NAME} are read")


def _check_columns(count: int) -> None:
    if count > MOST_COLUMNS:
        raise ProblemError("file", f"has {count} columns, at most {MOST_COLUMNS} are read")


def _check_bytes(size: int) -> None:
    if size > LARGEST_UNPACKED_BYTES:
        raise ProblemError("file", f"unpacks to {size} bytes, at most {LARGEST_UNPACKED_BYTES} are read")
