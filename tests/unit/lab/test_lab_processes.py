"""Processes that outlive us, and records that never point at somebody else."""

from __future__ import annotations

import dataclasses
import signal
import sys
from pathlib import Path

import pytest

from sunward_lab import processes
from sunward_lab.errors import LabError


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "records"


def start(records: Path, name: str, *argv: str) -> processes.Process:
    return processes.start(name, argv, records=records, logs=records.parent / "logs")


def test_a_started_program_is_recorded_and_alive(records: Path) -> None:
    process = start(records, "sleeper", "sleep", "60")
    try:
        assert process.is_alive()
        assert processes.recorded(records) == (process,)
        command_line = Path(f"/proc/{process.pid}/cmdline")
        processes.wait_for(lambda: command_line.read_bytes() == b"sleep\x0060\x00", 30.0, "it never became the program")
        assert process.is_alive()
    finally:
        processes.stop([process])
    assert not process.is_alive()


def test_a_program_that_ends_at_once_has_still_been_recorded(records: Path) -> None:
    process = start(records, "short", "true")
    assert processes.wait_gone([process], 10.0) == []
    assert processes.recorded(records) == (process,)


def test_a_process_id_that_was_given_to_somebody_else_is_not_touched(records: Path) -> None:
    stranger = start(records, "stranger", "sleep", "60")
    try:
        reused = dataclasses.replace(stranger, name="ours", start_ticks=stranger.start_ticks - 1)
        assert not reused.is_alive()
        processes.stop([reused])
        reused.signal(signal.SIGKILL)
        assert stranger.is_alive()
    finally:
        processes.stop([stranger])


def test_a_program_that_ignores_the_request_to_end_is_killed(records: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)"
    process = start(records, "deaf", sys.executable, "-c", f"{deaf}; signal.pause()")
    log = records.parent / "logs" / "deaf.log"
    processes.wait_for(lambda: "ready" in log.read_text(), 10.0, "the program did not start")
    processes.stop([process], grace_seconds=0.05)
    assert not process.is_alive()


def test_what_has_ended_is_stopped_without_complaint(records: Path) -> None:
    process = start(records, "short", "true")
    processes.wait_gone([process], 10.0)
    processes.stop([process])


def test_output_goes_to_the_log_and_is_kept_over_a_restart(records: Path) -> None:
    for word in ("one", "two"):
        processes.wait_gone([start(records, "speaker", "echo", word)], 10.0)
    assert (records.parent / "logs" / "speaker.log").read_text() == "one\ntwo\n"


@pytest.mark.parametrize("text", ["", "12", "12 (x) S", "not a record", "12 (x) S " + "y " * 30])
def test_a_torn_record_is_no_record(records: Path, text: str) -> None:
    records.mkdir()
    (records / "torn").write_text(text)
    assert processes.read(records / "torn") is None
    assert processes.recorded(records) == ()


def test_a_program_name_with_brackets_and_spaces_is_read_right(records: Path) -> None:
    records.mkdir()
    fields = " ".join(["S", *("0" for _ in range(18)), "777"])
    (records / "odd").write_text(f"42 (a) b (c)) {fields}\n")
    assert processes.read(records / "odd") == processes.Process(name="odd", pid=42, start_ticks=777)


def test_a_wait_in_vain_says_what_it_waited_for() -> None:
    def not_yet() -> bool:
        raise ConnectionRefusedError

    with pytest.raises(LabError, match="the server is not ready"):
        processes.wait_for(not_yet, 0.02, "the server is not ready")


def test_a_wait_for_a_program_that_has_ended_is_over_at_once(records: Path) -> None:
    process = start(records, "short", "true")
    processes.wait_gone([process], 10.0)
    with pytest.raises(LabError, match="short has ended; its output is in"):
        processes.wait_ready(process, lambda: False, 3600.0, records / "short.log")
