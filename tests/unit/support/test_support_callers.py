"""The scan for unused definitions, on modules small enough to judge by eye."""

from __future__ import annotations

import textwrap

from support.tree.callers import Symbol, read


def unreached(roots: tuple[str, ...] = (), packages: tuple[str, ...] = (), **modules: str) -> set[str]:
    """Unreached definitions of modules given as text, as `module:name`; a double underscore is a dot."""
    sources = {name.replace("__", "."): textwrap.dedent(text) for name, text in modules.items()}
    found = read(sources, packages).unreached([Symbol(*root.split(":")) for root in roots])
    return {str(symbol) for symbol in found}


def test_a_function_is_reached_from_what_runs_on_import_and_through_others() -> None:
    text = """
        def dead(): return 1
        def used(): return deeper()
        def deeper(): return LIMIT
        LIMIT, SPARE = 1, 2
        if __name__ == "__main__":
            used()
    """
    assert unreached(a=text) == {"a:dead", "a:SPARE"}


def test_two_that_only_call_each_other_are_dead() -> None:
    text = """
        def one(): return other()
        def other(): return one()
    """
    assert unreached(a=text) == {"a:one", "a:other"}


def test_a_name_counts_only_where_it_means_the_definition() -> None:
    text = """
        def total(rows): return rows
        def run(total):
            return total
        run(1)
    """
    other = """
        def total(): return 2
        total()
    """
    assert unreached(a=text, b=other) == {"a:total"}


def test_imports_are_followed_through_packages_and_modules() -> None:
    modules = {
        "p": "from .inner import shown, hidden",
        "p__inner": "def shown(): ...\ndef hidden(): ...\ndef by_module(): ...",
        "q": "from p import shown, inner\nshown()\ninner.by_module()",
    }
    assert unreached(packages=("p",), **modules) == {"p.inner:hidden"}


def test_a_module_that_is_handed_on_is_called_by_the_names_of_its_functions() -> None:
    modules = {
        "p": "",
        "p__one": "def register(): ...\ndef spare(): ...",
        "q": "from p import one\nfor module in (one,):\n    module.register()",
    }
    assert unreached(packages=("p",), **modules) == {"p.one:spare"}


def test_entry_points_and_what_a_decorator_registers_have_callers_outside() -> None:
    text = """
        import typer
        from functools import cache
        app = typer.Typer()
        @app.command()
        def shown(): ...
        @cache
        def kept(): ...
        def main(): app()
    """
    assert unreached(roots=("a:main",), a=text) == {"a:kept"}


def test_methods_are_called_by_name_through_a_protocol_too() -> None:
    text = """
        from typing import Protocol
        class Port(Protocol):
            def read(self) -> int: ...
            def forget(self) -> None: ...
        class Meter:
            def __init__(self) -> None: self._limit = 1
            def read(self) -> int: return self._limit
            def forget(self) -> None: ...
        def run(port: Port) -> int: return port.read()
        run(Meter())
    """
    assert unreached(a=text) == {"a:Port.forget", "a:Meter.forget"}


def test_a_method_that_a_library_declares_is_called_by_the_library() -> None:
    text = """
        import logging
        class Plain(logging.Formatter):
            def format(self, record): return ""
            def shorten(self, record): return ""
        logging.StreamHandler().setFormatter(Plain())
    """
    assert unreached(a=text) == {"a:Plain.shorten"}


def test_a_field_has_to_be_read_and_not_only_written() -> None:
    text = """
        from dataclasses import dataclass
        @dataclass
        class Row:
            node: str
            grams: float
            spare: float = 0.0
        def run(row: Row) -> str:
            row.spare = 1.0
            return row.node + str(getattr(row, "grams"))
        run(Row(node="a", grams=1.0))
    """
    assert unreached(a=text) == {"a:Row.spare"}


def test_an_attribute_that_an_object_keeps_has_to_be_read() -> None:
    text = """
        class Room:
            def __init__(self, hours: float, spare: float) -> None:
                self._hours, self._spare = hours, spare
            def left(self) -> float: return self._hours
        Room(1.0, 2.0).left()
    """
    assert unreached(a=text) == {"a:Room._spare"}


def test_a_field_that_a_table_names_is_read() -> None:
    text = """
        from dataclasses import dataclass
        COLUMNS = ("node",)
        @dataclass
        class Row:
            node: str
            spare: str
        def run(row: Row) -> list[object]: return [getattr(row, name) for name in COLUMNS]
        run(Row(node="a", spare="b"))
    """
    assert unreached(a=text) == {"a:Row.spare"}


def test_members_of_an_enumeration_and_keys_of_a_typed_dictionary_are_reached_by_value() -> None:
    text = """
        from enum import StrEnum
        from typing import TypedDict
        class Kind(StrEnum):
            ONE = "one"
        class Row(TypedDict):
            node: str
        def run(row: Row) -> Kind: return Kind(row["node"])
        run({"node": "one"})
    """
    assert unreached(a=text) == set()


def test_an_annotation_in_quotes_counts() -> None:
    text = """
        class Row: ...
        def run(row: "Row") -> None: ...
        run(None)
    """
    assert unreached(a=text) == set()
