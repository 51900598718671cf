"""Runs tests against a program in which one thing was changed, to see whether any of them notices.

Nothing on disk is touched: a module's changed text is compiled in a process of its own, forked after the libraries were
loaded, so that a try takes little longer than its tests.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

ROOT = Path(__file__).parents[3]
LIBRARIES = ("aiohttp.test_utils", "hypothesis", "kopf", "kubernetes", "numpy", "ortools.math_opt.python.mathopt")
LIMIT_SECONDS = 60.0
FOLDERS = {"sunward_trainer": "trainer", "sunward_power_agent": "node_exporter"}
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""The libraries are loaded before pytest could rewrite their asserts; they are not what is tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change: the module's whole new text, and the tests that ought to notice."""

    name: str
    module: str
    text: str
    tests: tuple[str, ...]
    only: str = ""
    """An expression of pytest's -k."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The tests that turned red; none when the change went unnoticed. `broken` tells why nothing could be told."""

    red: tuple[str, ...]
    broken: str = ""


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, text: str) -> None:
        self._module, self._text = module, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        file = str(source_of(fullname))
        return importlib.util.spec_from_loader(fullname, _Loader(fullname, file, self._text), origin=file)


class _Red:
    """Writes the names of failing tests as they come."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self._file.open("a") as out:
                out.write(f"{report.nodeid}\n")


def source_of(module: str) -> Path:
    """The file of a module of the operator, the trainer or the power agent."""
    folder = FOLDERS.get(module.split(".", maxsplit=1)[0], "operator")
    return ROOT / folder / Path(*module.split(".")).with_suffix(".py")


def preload() -> None:
    """Import the libraries, and nothing of ours, once for all tries."""
    for name in LIBRARIES:
        importlib.import_module(name)


def unchanged(mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    """Every file of tests once with nothing changed: one that is red then would seem to notice everything."""
    module = "sunward.planning.guards.registry"
    for test in sorted({test for mutant in mutants for test in mutant.tests}):
        yield Mutant(name=test, module=module, text=source_of(module).read_text(), tests=(test,))


def judge(mutant: Mutant) -> Verdict:
    """Run its tests against the change, until one fails."""
    assert not any(name.startswith(("sunward.", "sunward_trainer.")) for name in sys.modules), (
        "it would be tried in the old modules"
    )
    with tempfile.NamedTemporaryFile() as file:
        child = os.fork()
        if child == 0:
            _try(mutant, Path(file.name))
        status = _ended(child)
        red = tuple(dict.fromkeys(Path(file.name).read_text().split("\n")[:-1]))
    if status not in (0, 1):
        return Verdict(red=red, broken="" if red else f"the tests ended with {status}")
    return Verdict(red=red, broken="" if red or status == 0 else "a test failed without a name")


def _try(mutant: Mutant, red: Path) -> None:
    """The child: it never returns."""
    code = 70
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, _Finder(mutant.module, mutant.text))
        only = ["-k", mutant.only] if mutant.only else []
        options = ["-q", "-n0", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:cov", *QUIET]
        tests = [str(ROOT / test) for test in mutant.tests]
        code = int(pytest.main([f"--rootdir={ROOT}", *options, *only, *tests], plugins=[_Red(red)]))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _ended(child: int) -> int:
    """Exit status; a child that hangs is killed, which counts as noticed by the clock."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 137


def replaced(module: str, old: str, new: str) -> str:
    """A module's text with one place changed. Raises ValueError unless the place is there exactly once."""
    text = source_of(module).read_text()
    if text.count(old) != 1:
        raise ValueError(f"{module} has {text.count(old)} places {old!r}")
    return text.replace(old, new)


def is_noticed(verdict: Verdict) -> bool:
    """Whether a test turned red, or the clock ran out."""
    return bool(verdict.red) or verdict.broken.endswith("137")


def shares(verdicts: Mapping[str, Verdict]) -> dict[str, int]:
    """How many changes were noticed, were not, and could not be tried."""
    noticed = sum(is_noticed(verdict) for verdict in verdicts.values())
    broken = sum(bool(verdict.broken) and not is_noticed(verdict) for verdict in verdicts.values())
    return {"tried": len(verdicts), "noticed": noticed, "broken": broken}
