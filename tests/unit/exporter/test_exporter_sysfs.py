"""Attributes are read as the kernel writes them, while they are being rewritten, and when they are nonsense."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sunward_exporter.readings import Refusal
from sunward_exporter.sysfs import read_number, read_text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"2700000\n", 2_700_000.0),
        (b"-12\n", -12.0),
        (b"2700000         \n", 2_700_000.0),
        (b"0\n", 0.0),
        (b"nan\n", Refusal.NOT_A_NUMBER),
        (b"inf\n", Refusal.NOT_A_NUMBER),
        (b"1e6\n", Refusal.NOT_A_NUMBER),
        (b"1_000\n", Refusal.NOT_A_NUMBER),
        (b"2.7\n", Refusal.NOT_A_NUMBER),
        (b"\n", Refusal.NOT_A_NUMBER),
        (b"-\n", Refusal.NOT_A_NUMBER),
        ("٣\n".encode(), Refusal.NOT_A_NUMBER),
        (b"9" * 400 + b"\n", Refusal.NOT_A_NUMBER),
        (b"", Refusal.UNREADABLE),
        (b"270", Refusal.UNREADABLE),  # torn: the kernel ends an attribute with a newline
        (b"7" * 5000 + b"\n", Refusal.UNREADABLE),
    ],
)
def test_an_attribute_is_a_whole_number_or_refused(tmp_path: Path, content: bytes, expected: float | Refusal) -> None:
    file = tmp_path / "power1_input"
    file.write_bytes(content)
    assert read_number(file) == expected


def test_a_file_that_is_not_there_is_missing_and_a_folder_is_unreadable(tmp_path: Path) -> None:
    assert read_number(tmp_path / "power1_input") is Refusal.DATA_MISSING
    assert read_number(tmp_path) is Refusal.UNREADABLE


def test_a_number_is_never_torn_while_its_file_is_replaced(tmp_path: Path) -> None:
    file, values = tmp_path / "power1_input", (1_000_000, 9)
    file.write_text(f"{values[0]}\n", encoding="ascii")
    stop = threading.Event()

    def replace() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            new = tmp_path / "new"
            new.write_text(f"{values[turn % 2]}\n", encoding="ascii")
            os.replace(new, file)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        seen = {read_number(file) for _ in range(1000)}
    finally:
        stop.set()
        writer.join()
    assert seen <= {float(value) for value in values}


def test_a_file_rewritten_in_place_gives_whole_numbers_or_a_refusal(tmp_path: Path) -> None:
    file = tmp_path / "power1_input"
    file.write_text("1234567\n", encoding="ascii")
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            file.write_text("1234567\n", encoding="ascii")

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        seen = {read_number(file) for _ in range(1000)}
    finally:
        stop.set()
        writer.join()
    assert seen <= {1_234_567.0, Refusal.UNREADABLE}


def test_text_is_trimmed_and_absent_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(b"ina219\n")
    (tmp_path / "blank").write_bytes(b"\n")
    assert read_text(tmp_path / "name") == "ina219"
    assert read_text(tmp_path / "blank") is None
    assert read_text(tmp_path / "absent") is None
