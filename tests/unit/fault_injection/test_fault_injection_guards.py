"""The list of guards is true to the program, and small changes are what they say."""

from __future__ import annotations

import re

import pytest

from support.guards import registry as safety_guards
from support.guards.mutants import ROOT, Mutant, Verdict, replaced, shares, source_of, unchanged
from support.guards.small_changes import PACKAGE, changes, left_out, of_the_safety_package


def test_every_guard_of_the_registry_is_switched_off_once() -> None:
    registry = source_of("sunward.planning.guards.registry").read_text()
    names = [mutant.name for mutant in safety_guards.of_the_registry()]
    assert sorted(names) == sorted(set(re.findall(r'^        "([a-z-]+)": ', registry, re.MULTILINE)))
    assert len(names) >= 48


def test_every_other_guard_stands_where_the_list_says() -> None:
    mutants = list(safety_guards.elsewhere())
    assert len(mutants) == len(safety_guards.PLACES) >= 30
    for mutant in mutants:
        compile(mutant.text, mutant.module, "exec")


def test_the_tests_that_ought_to_notice_are_there() -> None:
    files = {test for place in safety_guards.PLACES.values() for test in place.tests}
    files |= {test for tests in PACKAGE.values() for test in tests}
    assert [name for name in sorted(files) if not (ROOT / name.split("::")[0]).exists()] == []


def test_a_place_that_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places"):
        replaced("sunward.planning.guards.registry", "there is no such line", "")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a < b", ["Lt is LtE", "Lt is Gt"]),
        ("a is b", ["Is is IsNot"]),
        ("a and b", ["And is Or"]),
        ("not a", ["not is gone"]),
        ("a - b", ["Sub is Add"]),
        ("f(True)", ["True is False"]),
        ("f(7)", ["7 is 8", "7 is 6"]),
        ("if a:\n    b()", ["the branch is never taken"]),
        ("a * b", []),
    ],
)
def test_a_small_change_is_made_in_one_place(source: str, told: list[str]) -> None:
    made = list(changes(source))
    assert [what.split(": ")[1] for what, _ in made] == told
    assert all(text != source for _, text in made)


def test_how_a_class_is_declared_is_no_rule() -> None:
    source = (
        "@dataclass(frozen=True, slots=True)\nclass A:\n    limit: int = 3\n    def of(self):\n        return f(True)"
    )
    assert [what.split(": ")[1] for what, _ in changes(source)] == ["3 is 4", "3 is 2", "True is False"]
    assert left_out(source) == 2
    assert left_out("@cache(True)\ndef f():\n    return a < b") == 0


def test_every_small_change_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in of_the_safety_package()]
    assert len(names) == len(set(names)) > 300


def test_every_file_of_tests_is_tried_with_nothing_changed() -> None:
    changed = [Mutant(name=name, module="m", text="", tests=("b.py", name)) for name in ("a.py", "c.py")]
    assert [(mutant.name, mutant.tests) for mutant in unchanged(changed)] == [
        (name, (name,)) for name in ("a.py", "b.py", "c.py")
    ]


def test_there_are_small_changes_of_every_module() -> None:
    assert all(next(changes(source_of(f"sunward.planning.{name}").read_text())) for name in PACKAGE)


def test_only_what_a_test_or_the_clock_noticed_counts() -> None:
    verdicts = {
        "red": Verdict(red=("a",)),
        "survived": Verdict(red=()),
        "hung": Verdict(red=(), broken="the tests ended with 137"),
        "broken": Verdict(red=(), broken="the tests ended with 4"),
    }
    assert shares(verdicts) == {"tried": 4, "noticed": 2, "broken": 1}
