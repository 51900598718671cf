"""Power through the kernel's buffer: records in batches, as a pipe gives them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_exporter.discovery import Choice, Found, Places, discover
from sunward_exporter.iio_buffer import BufferMeter, records
from sunward_exporter.readings import Reading, Refusal


def elements(folder: Path, **types: tuple[int, str]) -> Path:
    """A device whose buffer runs with these channels, each with its index and type."""
    (folder / "buffer").mkdir(parents=True)
    (folder / "buffer/enable").write_text("1\n")
    (folder / "scan_elements").mkdir()
    for name, (index, kind) in types.items():
        for suffix, content in (("en", 1), ("index", index), ("type", kind)):
            (folder / f"scan_elements/{name}_{suffix}").write_text(f"{content}\n")
    return folder


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """An INA226 with all channels and a time stamp in its buffer; the device file is a pipe."""
    folder = elements(
        tmp_path / "sys/bus/iio/devices/iio:device0",
        in_voltage1=(1, "le:u16/16>>0"),
        in_power2=(2, "le:u16/16>>0"),
        in_timestamp=(4, "le:s64/64>>0"),
    )
    for name, content in {"name": "ina226", "in_power2_raw": 0, "in_power2_scale": 25}.items():
        (folder / name).write_text(f"{content}\n")
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/iio:device0")
    return Places(root=tmp_path / "sys", devices=tmp_path / "dev")


def meter(places: Places) -> tuple[BufferMeter, int]:
    """The meter that is found, with the pipe's other end."""
    found = discover(places, Choice()).node
    assert isinstance(found, Found)
    writer = os.open(places.devices / "iio:device0", os.O_RDWR)
    assert found.meter.read(0.0) is None
    return found.meter, writer  # type: ignore[return-value]


def record(power: int) -> bytes:
    return struct.pack("<HHxxxxq", 4100, power, 1_795_348_800_000_000_000)


def test_a_batch_is_its_mean_and_the_energy_of_the_whole_time(places: Places) -> None:
    found, writer = meter(places)
    os.write(writer, record(80))
    assert found.read(1.0) is None  # begins the comparison
    assert not found.is_point
    os.write(writer, b"".join(record(power) for power in (100, 140, 120)))
    assert found.read(1.5) == Reading(watts=pytest.approx(3.0), joules=pytest.approx(1.5))
    os.write(writer, record(200)[:7])
    assert found.read(2.0) is None
    os.write(writer, record(200)[7:])
    assert found.read(2.5) == Reading(watts=pytest.approx(5.0), joules=pytest.approx(5.0))
    assert found.read(4.0) is None
    assert found.read(5.0) is Refusal.DATA_MISSING
    os.close(writer)


def test_a_device_file_that_is_not_there_is_a_reason(places: Places) -> None:
    found = discover(Places(root=places.root, devices=places.root), Choice()).node
    assert isinstance(found, Found)
    assert found.meter.read(0.0) is Refusal.DATA_MISSING


def test_a_buffer_that_is_off_is_read_channel_by_channel(places: Places) -> None:
    (places.root / "bus/iio/devices/iio:device0/buffer/enable").write_text("0\n")
    (places.root / "bus/iio/devices/iio:device0/in_power2_raw").write_text("152\n")
    found = discover(places, Choice()).node
    assert isinstance(found, Found)
    assert found.meter.read(0.0) == Reading(watts=pytest.approx(3.8))


@given(
    number=st.integers(-(2**11), 2**11 - 1),
    before=st.sampled_from(["le:u8/8>>0", "be:s16/16>>0", "le:u32/32>>4"]),
    order=st.sampled_from(["le", "be"]),
    shift=st.integers(0, 4),
)
def test_a_number_is_found_wherever_it_lies_in_the_record(
    number: int, before: str, order: str, shift: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("device")
    elements(folder, in_other=(0, before), in_power0=(1, f"{order}:s12/16>>{shift}"))
    size = int(before.split("/")[1].split(">")[0]) // 8
    offset = max(size, 2)
    stored = ((number & 0xFFF) << shift) & 0xFFFF
    content = b"\xff" * offset + struct.pack("<H" if order == "le" else ">H", stored)
    found = records(folder, "in_power0")
    assert found is not None
    content += b"\xff" * (found.structure.size - len(content))
    assert found.structure.size % max(size, 2) == 0
    assert found.mean(content * 3) == number


@pytest.mark.parametrize("kind", ["le:u16/16X2>>0", "u16", "le:u12/24>>0", ""])
def test_an_unknown_format_is_not_guessed(kind: str, tmp_path: Path) -> None:
    assert records(elements(tmp_path, in_power2=(0, kind)), "in_power2") is None


def test_a_channel_that_is_not_in_the_buffer_is_not_found(tmp_path: Path) -> None:
    assert records(elements(tmp_path, in_voltage1=(0, "le:u16/16>>0")), "in_power2") is None
