"""Small changes to the rules that keep sleeping harmless, made in their syntax trees; each is one place of a module."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from support.guards.mutants import Mutant, source_of
from support.guards.registry import DRAIN, REGISTRY, TRANSITIONS

UNIT = "tests/unit/planning/test_planning_{}.py"
PACKAGE = {
    "guards.registry": (REGISTRY,),
    "guards.rules_data": (UNIT.format("rules_data"), REGISTRY),
    "guards.rules_node": (UNIT.format("rules_node"), REGISTRY),
    "guards.rules_power": (UNIT.format("rules_power"), REGISTRY, TRANSITIONS),
    "guards.rules_time": (UNIT.format("rules_time"), REGISTRY),
    "guards.rules_work": (UNIT.format("rules_work"), REGISTRY, UNIT.format("allowance")),
    "guards.budgets": (UNIT.format("limits"), UNIT.format("budgets"), REGISTRY),
    "guards.drain": (DRAIN, REGISTRY),
    "sleep.eligibility": (UNIT.format("eligibility"), REGISTRY),
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


def left_out_of_the_safety_package() -> int:
    """How many changes of its modules are not made, being changes to declarations."""
    return sum(left_out(source_of(f"sunward.planning.{name}").read_text()) for name in PACKAGE)


def changes(source: str) -> Iterator[tuple[str, str]]:
    """What was changed, with its line, and the whole changed text."""
    tree = ast.parse(source)
    for index, node in enumerate(_rules(tree)):
        for what in range(_ways(node)):
            told = _change(copy.deepcopy(node), what)
            if told:
                again = copy.deepcopy(tree)
                _change(_rules(again)[index], what)
                yield f"line {node.lineno}, place {index}: {told}", ast.unparse(again)


def left_out(source: str) -> int:
    """How many changes are not made because they would be made to a declaration."""
    declared = _declarations(ast.parse(source))
    return sum(bool(_change(copy.deepcopy(node), way)) for node in declared for way in range(_ways(node)))


def _rules(tree: ast.AST) -> list[ast.expr | ast.If]:
    """Whatever may decide something, always in the same order."""
    declared = {id(node) for node in _declarations(tree)}
    return [node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.If) and id(node) not in declared]


def _declarations(tree: ast.AST) -> list[ast.expr]:
    """What decorates a class, such as `dataclass(frozen=True)`: it says how values are made, and decides nothing."""
    decorators = [one for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for one in node.decorator_list]
    return [node for one in decorators for node in ast.walk(one) if isinstance(node, ast.expr)]


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
