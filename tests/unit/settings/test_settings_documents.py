"""Files that people write are read within bounds, or one line names the file and the place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sunward.domain.errors import InvalidInput
from sunward.settings.documents import ManifestLoader, one_line, parse_yaml, read_text


def fault(text: str) -> str:
    with pytest.raises(InvalidInput) as found:
        parse_yaml(text, "f.yaml")
    said = str(found.value)
    assert said.isprintable()
    assert said.startswith("f.yaml: ")
    assert len(said) < 400
    return said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [1, 2", "line 1"),
        ("a: 1\n\tb: 2", "line 2"),
        ("a: 1\na: 2", "'a' is there twice"),
        ("[" * 1000, "nested too deeply"),
        ("a: " + "9" * 5000, "holds a value that cannot be read"),
        ("a: 2026-99-99", "holds a value that cannot be read"),
        ('a: !!int ""', "holds a value that cannot be read"),
        ("a: !!timestamp nonsense", "holds a value that cannot be read"),
        (f"a: !{'x' * 5000} 1", "could not determine a constructor"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("? [a]\n: 1", "line 1"),
        ("a: *nothing", "found undefined alias"),
        ("a: \x07", "special characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_named_in_one_line(text: str, why: str) -> None:
    assert why in fault(text)


def test_the_text_around_a_mistake_is_not_repeated() -> None:
    assert "hunter2" not in fault("password: hunter2\n  b: - 1")


def test_aliases_that_multiply_stay_as_small_as_they_are_written() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (found,) = parse_yaml("\n".join(lines), "f.yaml")
    assert len(found["a11"]) == 10
    assert found["a11"][0] is found["a11"][9]


def test_manifests_keep_times_as_text() -> None:
    assert parse_yaml("t: 2026-11-22T18:00:00Z", "f.yaml", ManifestLoader) == [{"t": "2026-11-22T18:00:00Z"}]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path, why in (
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "none", "cannot be read: No such file or directory"),
        (tmp_path / "binary", "is not UTF-8 text"),
        (Path("/dev/zero"), "is longer than 1000 bytes"),
    ):
        with pytest.raises(InvalidInput) as found:
            read_text(path, largest_bytes=1000)
        assert str(found.value) == f"{path}: {why}"


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(tmp_path / "f") == "a: 1"


def test_foreign_words_become_one_line() -> None:
    assert one_line("a\nb\x1b[31m\tc") == "a b [31m c"
    assert one_line("x" * 1000, 10) == "x" * 10 + "..."
    assert os.linesep not in one_line("a\r\nb")
