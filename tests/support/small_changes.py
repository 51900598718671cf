"""Small changes to the rules that keep sleeping harmless, made in their syntax trees; each is one place of a module."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from support.mutants import Mutant, source_of
from support.safety_guards import DRAIN, REGISTRY, TRANSITIONS

UNIT = "tests/unit/planning/test_planning_{}.py"
PACKAGE = {
    "guards": (REGISTRY,),
    "rules_data": (UNIT.format("rules_data"), REGISTRY),
    "rules_node": (UNIT.format("rules_node"), REGISTRY),
    "rules_power": (UNIT.format("rules_power"), REGISTRY, TRANSITIONS),
    "rules_time": (UNIT.format("rules_time"), REGISTRY),
    "rules_work": (UNIT.format("rules_work"), REGISTRY, UNIT.format("allowance")),
    "budgets": (UNIT.format("limits"), UNIT.format("budgets"), REGISTRY),
    "drain": (DRAIN, REGISTRY),
    "eligibility": (UNIT.format("eligibility"), REGISTRY),
}
"""Modules of the safety package, and the tests that guard them."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
REVERSED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.Gt, ast.Gt: ast.Lt, ast.GtE: ast.Lt}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Div: ast.Mult}


def of_the_safety_package() -> Iterator[Mutant]:
    """Every change of every module."""
    for name, tests in PACKAGE.items():
        module = f"sunward.planning.{name}"
        for change, text in changes(source_of(module).read_text()):
            yield Mutant(name=f"{name}: {change}", module=module, text=text, tests=tests)


def changes(source: str) -> Iterator[tuple[str, str]]:
    """What was changed, with its line, and the whole changed text."""
    tree = ast.parse(source)
    places = [node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.If)]
    for index, node in enumerate(places):
        for what in range(_ways(node)):
            again = copy.deepcopy(tree)
            found = [n for n in ast.walk(again) if isinstance(n, ast.expr | ast.If)][index]
            told = _change(found, what)
            if told:
                yield f"line {node.lineno}: {told}", ast.unparse(again)


def _ways(node: ast.AST) -> int:
    return 2 if isinstance(node, ast.Compare | ast.Constant) else 1


def _change(node: ast.AST, way: int) -> str:
    """Change the node in place; what was done, or nothing."""
    match node:
        case ast.Compare(ops=[op]):
            table = COMPARISONS if way == 0 else REVERSED
            other = table.get(type(op))
            if other is None:
                return ""
            node.ops = [other()]
            return f"{type(op).__name__} is {other.__name__}"
        case ast.BoolOp(op=op):
            node.op = ast.Or() if isinstance(op, ast.And) else ast.And()
            return f"{type(op).__name__} is {type(node.op).__name__}"
        case ast.UnaryOp(op=ast.Not()):
            node.op = ast.UAdd()
            node.operand = ast.Call(func=ast.Name(id="bool", ctx=ast.Load()), args=[node.operand], keywords=[])
            return "not is gone"
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            node.op = ARITHMETIC[type(op)]()
            return f"{type(op).__name__} is {type(node.op).__name__}"
        case ast.Constant(value=bool(value)) if way == 0:
            node.value = not value
            return f"{value} is {not value}"
        case ast.Constant(value=int(value) | float(value)) if not isinstance(node.value, bool):
            node.value = value + 1 if way == 0 else value - 1
            return f"{value} is {node.value}"
        case ast.If():
            node.test = ast.Constant(value=False)
            return "the branch is never taken"
    return ""
