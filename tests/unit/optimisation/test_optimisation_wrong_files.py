"""Files gone wrong in every way that files go wrong: one line that names the file and the place, exit status 2."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sunward.cli import main as program
from sunward.cli.output import print_table
from sunward.optimisation.decomposition.columnar import Columns
from sunward.optimisation.decomposition.columnar_files import SCHEMA, read_columns, write_columns
from sunward.optimisation.decomposition.two_price import solve_columns
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import ProblemError
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.verify import verify
from support.optimisation.instances import as_document, job, node, pool, problem
from support.optimisation.mutations import mutated
from support.optimisation.reference_cases import document
from support.optimisation.two_price import large_fleet

GOOD = as_document(problem(node("a"), node("b", "clean"), jobs=(job({"a": 600.0}, ("b",)),), pools=(pool("a", "b"),)))


def changed(old: str, new: str) -> bytes:
    """The good file with a piece of its text replaced."""
    text = json.dumps(GOOD)
    assert old in text
    return text.replace(old, new, 1).encode()


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not valid JSON"),
    "cut": (json.dumps(GOOD).encode()[:200], "not valid JSON"),
    "latin-1": (b'{"schema": "caf\xe9"}', "is not UTF-8 text"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not valid JSON"),
    "nested": (b"[" * 200_000, "nested too deeply"),
    "a list": (b"[]", "must be an object"),
    "unknown field": (changed('"period_seconds"', '"period"'), "period: unknown field"),
    "unknown field of two lines": (changed('"period_seconds"', '"a\\nb"'), '$["a\\nb"]: unknown field'),
    "unknown field without end": (changed('"period_seconds"', f'"{"k" * 100_000}"'), "unknown field"),
    "field twice": (changed('"sleep"', '"share_energy": true, "sleep"'), "policy.share_energy: named twice"),
    "no number": (changed('"idle_watts": 2.0', '"idle_watts": NaN'), "nodes[0].idle_watts"),
    "infinite": (changed('"idle_watts": 2.0', '"idle_watts": -Infinity'), "nodes[0].idle_watts"),
    "too large": (changed('"idle_watts": 2.0', '"idle_watts": 1e999'), "nodes[0].idle_watts"),
    "negative": (changed('"idle_watts": 2.0', '"idle_watts": -2.0'), "nodes[0].idle_watts"),
    "text for a number": (changed('"idle_watts": 2.0', '"idle_watts": "2.0"'), "nodes[0].idle_watts"),
    "unknown node": (changed('"members": ["a", "b"]', '"members": ["a", "z"]'), "energy_pools[0].members[1]"),
    "node twice": (changed('"name": "b"', '"name": "a"'), "nodes[1].name"),
    "half a character": (changed('"name": "b"', '"name": "\\ud800"'), "nodes[1].name: must be text"),
    "half a character in a key": (changed('"batches": {"a"', '"batches": {"\\ud800"'), 'jobs[0].batches["\\ud800"]'),
    "wrong length": (changed("[0.0, 0.0]", "[0.0]"), "nodes[0].harvest_watt_hours"),
}


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the whole program; its one line of complaint, after checking that it is one, and the exit status 2."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["sunward", *arguments])
        with pytest.raises(SystemExit) as caught:
            program.main()
        said = capsys.readouterr()
        assert (caught.value.code, said.out) == (2, "")
        assert said.err.isascii() or said.err.strip().isprintable()
        assert said.err.count("\n") == 1
        assert len(said.err) < 600
        return said.err

    return run


@pytest.mark.parametrize("name", WRONG)
def test_every_command_names_the_wrong_file_and_the_place(name: str, ended: Callable[..., str], tmp_path: Path) -> None:
    content, reason = WRONG[name]
    path, good = tmp_path / "wrong.json", tmp_path / "good.json"
    path.write_bytes(content)
    good.write_text(json.dumps(GOOD))
    for arguments in (["plan", str(path)], ["explain-problem", str(path)], ["verify", str(path), str(good)]):
        line = ended(*arguments)
        assert line.startswith(f"sunward: {path}: ")
        assert reason in line
    assert ended("verify", str(good), str(path)).startswith(f"sunward: {path}: ")


@pytest.mark.parametrize("command", [("plan",), ("explain-problem",), ("verify",)])
def test_files_that_are_not_there_or_are_folders_are_named(
    command: tuple[str, ...], ended: Callable[..., str], tmp_path: Path
) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        more = (str(path),) if command == ("verify",) else ()
        assert ended(*command, str(path), *more).startswith(f"sunward: {path}: cannot be read: ")


def test_standard_input_that_is_no_text_is_refused_like_a_file() -> None:
    command = [sys.executable, "-m", "sunward.cli.main", "plan", "-"]
    found = subprocess.run(command, input=b"\xff\xfe{", capture_output=True, timeout=60, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (2, b"", b"sunward: -: is not UTF-8 text\n")


@pytest.mark.parametrize("seconds", ["nan", "-nan"])
def test_a_time_limit_that_is_no_number_is_refused(seconds: str, ended: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    for command in ("plan", "explain-problem"):
        assert "--time-limit" in ended(command, str(tmp_path / "good.json"), f"--time-limit={seconds}")


def test_a_plan_of_columns_is_not_asked_of_a_problem_of_rows(ended: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    assert "--plan-file" in ended("plan", str(tmp_path / "good.json"), "--plan-file", str(tmp_path / "plan.npz"))


def test_names_from_a_file_are_printed_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("nodes", ("name",), [("[/b]",), ("[red]x[/red]",), ("a\x1b[31mb",), ("\u202egnp",)])
    printed = capsys.readouterr().out
    assert "[/b]" in printed
    assert "[red]x[/red]" in printed
    assert "a\\x1b[31mb" in printed
    assert "\\u202egnp" in printed


def read_or_said(read: Callable[[Any], Any], source: Any) -> tuple[str, Any]:
    """What a reader complains of and None, or nothing and what it read."""
    try:
        return "", read(source)
    except ProblemError as error:
        return str(error), None


@pytest.mark.parametrize("chunk", range(10))
def test_files_spoilt_at_random_are_refused_in_one_line_or_planned(chunk: int) -> None:
    for seed in range(40 * chunk, 40 * chunk + 40):
        text = mutated(seed, document(seed, periods=2))
        line, made = read_or_said(parse_problem, text)
        assert line.isprintable()
        assert len(line) < 400
        if made is None:
            continue
        assert parse_problem(made.to_json()) == made
        plan = solve_greedy(made)
        assert verify(made, plan, reference=plan) == ()
        assert Solution.from_json(plan.to_json()) == plan


def fleet_file(folder: Path, fleet: Columns | None = None) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """A fleet's columns and head as they lie in a file, to be spoilt and written again."""
    path = folder / "fleet.npz"
    write_columns(fleet or large_fleet(5, seed=1), path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(str(arrays.pop("head"))), path


HEADS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "setting missing": (lambda head: head["settings"].pop("sleep"), "settings.sleep: is missing"),
    "setting unknown": (lambda head: head["settings"].update(colour=1), "settings.colour: unknown field"),
    "setting no number": (lambda head: head["settings"].update(period_seconds="900"), "settings.period_seconds"),
    "setting nan": (lambda head: head["settings"].update(period_seconds=float("nan")), "settings.period_seconds"),
    "setting negative": (lambda head: head["settings"].update(minimum_workers=-1), "settings.minimum_workers"),
    "setting huge": (lambda head: head["settings"].update(minimum_workers=10**400), "settings.minimum_workers"),
    "number for a flag": (lambda head: head["settings"].update(sleep=1), "settings.sleep"),
    "settings no object": (lambda head: head.update(settings=[]), "settings: must be an object"),
    "efficiency text": (lambda head: head.update(pool_efficiency="x"), "pool_efficiency: must be a list"),
    "efficiency huge": (lambda head: head.update(pool_efficiency=[10**400]), "pool_efficiency[0]"),
    "efficiency zero": (lambda head: head.update(pool_efficiency=[0.0]), "pool"),
    "schema": (lambda head: head.update(schema="x"), f"must be an object with schema '{SCHEMA}'"),
}
ARRAYS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "missing": (lambda arrays: arrays.pop("batches"), "nodes.batches: the column is missing"),
    "unknown": (lambda arrays: arrays.update(extra=arrays["batches"]), "nodes.extra: unknown column"),
    "short": (lambda arrays: arrays.update(idle_watts=arrays["idle_watts"][:2]), "nodes.idle_watts"),
    "matrix": (lambda arrays: arrays.update(idle_watts=arrays["idle_watts"][None]), "nodes.idle_watts"),
    "text": (lambda arrays: arrays.update(idle_watts=arrays["idle_watts"].astype("U5")), "nodes.idle_watts"),
    "nan": (lambda arrays: arrays["idle_watts"].fill(np.nan), "nodes.idle_watts"),
    "negative": (lambda arrays: arrays["batches"].fill(-1), "nodes.batches"),
    "pool out of range": (lambda arrays: arrays["pool"].fill(99), "nodes.pool"),
    "names short": (lambda arrays: arrays.update(name=np.array(["a"])), "nodes.name: must have one entry per node"),
    "names bytes": (lambda arrays: arrays.update(name=np.array([b"\xff"] * 5)), "nodes.name: must hold text"),
    "names twice": (lambda arrays: arrays.update(name=np.array(["a"] * 5)), "nodes.name: names a node twice"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_wrong_head_of_columns_is_refused_by_its_field(name: str, tmp_path: Path) -> None:
    arrays, head, path = fleet_file(tmp_path)
    spoil, reason = HEADS[name]
    spoil(head)
    np.savez(path, head=np.array(json.dumps(head)), **arrays)
    with pytest.raises(ProblemError) as caught:
        read_columns(path)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_wrong_column_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    arrays, head, path = fleet_file(tmp_path)
    spoil, reason = ARRAYS[name]
    spoil(arrays)
    np.savez(path, head=np.array(json.dumps(head)), **arrays)
    with pytest.raises(ProblemError) as caught:
        read_columns(path)
    assert reason in str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18), b"PAR1PAR1", b"\x93NUMPY"])
def test_files_that_hold_no_columns_end_in_one_line(
    suffix: str, content: bytes, ended: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / f"fleet{suffix}"
    path.write_bytes(content)
    assert ended("plan", str(path)).startswith(f"sunward: {path}: ")


def test_archives_with_spoilt_bytes_end_in_one_line_or_are_read(tmp_path: Path) -> None:
    path, draw = fleet_file(tmp_path)[2], np.random.default_rng(1)
    whole = path.read_bytes()
    for _ in range(150):
        spoilt = bytearray(whole[: int(draw.integers(1, len(whole)))] if draw.random() < 0.3 else whole)
        for at in draw.integers(0, len(spoilt), size=3):
            spoilt[at] = int(draw.integers(256))
        path.write_bytes(spoilt)
        assert read_or_said(read_columns, path)[0].isprintable()


@pytest.mark.parametrize("option", [("--mode", "det"), ("--solver", "exact"), ("--whole-batches",)])
def test_options_that_columns_cannot_follow_are_refused(
    option: tuple[str, ...], ended: Callable[..., str], tmp_path: Path
) -> None:
    assert option[0] in ended("plan", str(fleet_file(tmp_path)[2]), *option)


def test_a_plan_that_could_not_be_written_is_refused_before_it_is_made(
    ended: Callable[..., str], tmp_path: Path
) -> None:
    file = str(fleet_file(tmp_path)[2])
    for target in (tmp_path / "none" / "plan.npz", tmp_path / "plan.txt"):
        assert ended("plan", file, "--plan-file", str(target)).startswith(f"sunward: {target}: ")


def test_a_fleet_without_nodes_has_a_plan_of_nothing() -> None:
    found = solve_columns(large_fleet(0, seed=1))
    assert found.plan is not None
    assert found.plan.objective_grams == 0.0
