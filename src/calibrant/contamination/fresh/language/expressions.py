"""What is the value of an expression that a template states? Exact, bounded, and never `eval`.

The grammar is a part of Python's: numbers (decimals are exact fractions), texts, lists, names,
arithmetic, comparisons, `and or not`, `x if c else y`, `list[place]`, and calls of the functions in
`functions`. There are no attributes, loops, or functions of one's own, and no number beyond
`MOST_BITS` of `values`.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.fresh.language.values import (
    MOST_BITS,
    ExpressionError,
    Value,
    add,
    divide,
    floor,
    integer,
    kind,
    member,
    multiply,
    number,
    ordered,
    power,
    rest,
    same,
    subtract,
    text_of,
    truth,
)

LONGEST = 1000
"""Characters of an expression."""
DEEPEST = 40
"""Levels of brackets and operators."""
Look = Callable[[str], Value]
Run = Callable[[Look], Value]


@dataclass(frozen=True, eq=False)
class Expression:
    """An expression that was checked.

    Attributes:
        text: as it was written.
        names: the names it uses, of variables and values.
        run: its value, given a function that says the value of a name.
    """

    text: str
    names: frozenset[str]
    run: Run

    def __call__(self, look: Look) -> Value:
        """Its value.

        Raises:
            ExpressionError: if it has none.
        """
        try:
            return self.run(look)
        except ExpressionError as e:
            raise ExpressionError(f"{one_line(self.text, 80)!r}: {e}") from e


def expression(text: Any) -> Expression:
    """Check an expression.

    Args:
        text: the expression, or a number.

    Raises:
        ExpressionError: if it is none.
    """
    if isinstance(text, bool | int | float):
        text = repr(text)
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError(f"wanted an expression, got {one_line(repr(text), 60)}")
    source = text.strip()
    if len(source) > LONGEST:
        raise ExpressionError(f"wanted at most {LONGEST} characters, got {len(source)}")
    try:
        with warnings.catch_warnings():
            # Python's own advice about escapes is not for authors of templates.
            warnings.simplefilter("ignore")
            tree = ast.parse(source.replace("\n", " "), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        said = e.msg if isinstance(e, SyntaxError) else type(e).__name__
        hint = "; in a YAML list in brackets, quote what has commas" * (
            source.count("(") != source.count(")")
        )
        raise ExpressionError(f"{one_line(source, 80)!r}: not an expression ({said}{hint})") from e
    names: set[str] = set()
    try:
        run = _Compiler(source.replace("\n", " "), names).of(tree.body, 0)
    except ExpressionError as e:
        raise ExpressionError(f"{one_line(source, 80)!r}: {e}") from e
    return Expression(source, frozenset(names), run)


_BINARY: dict[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: add, ast.Sub: subtract, ast.Mult: multiply, ast.Div: divide,
    ast.FloorDiv: floor, ast.Mod: rest, ast.Pow: power,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: same, ast.NotEq: lambda a, b: not same(a, b),
    ast.Lt: ordered(operator.lt), ast.LtE: ordered(operator.le),
    ast.Gt: ordered(operator.gt), ast.GtE: ordered(operator.ge),
    ast.In: member, ast.NotIn: lambda a, b: not member(a, b),
}  # fmt: skip


class _Compiler:
    """Turns a checked tree into nested functions; what is not in the grammar is refused."""

    def __init__(self, source: str, names: set[str]) -> None:
        self.source, self.names = source, names

    def of(self, node: ast.expr, depth: int) -> Run:
        if depth > DEEPEST:
            raise ExpressionError(f"more than {DEEPEST} levels of brackets and operators")
        made = getattr(self, f"_{type(node).__name__.lower()}", None)
        if made is None:
            part = ast.get_source_segment(self.source, node) or ""
            raise ExpressionError(
                f"{one_line(part, 60)!r} ({type(node).__name__}) is not in the grammar"
            )
        run: Run = made(node, depth + 1)
        return run

    def _constant(self, node: ast.Constant, depth: int) -> Run:  # noqa: ARG002
        value: Value = node.value
        if isinstance(value, float):
            written = ast.get_source_segment(self.source, node) or ""
            try:
                value = number(_decimal(written))
            except ExpressionError:
                raise
            except ValueError as e:
                raise ExpressionError(f"not an exact number: {written[:40]!r}") from e
        elif isinstance(value, str):
            text_of(value)
        elif not isinstance(value, bool):
            if not isinstance(value, int):
                raise ExpressionError(f"{one_line(repr(value), 40)} is not in the grammar")
            number(value)
        return lambda _: value

    def _name(self, node: ast.Name, depth: int) -> Run:  # noqa: ARG002
        name = node.id
        if name in ("yes", "no"):
            return lambda _: name == "yes"
        self.names.add(name)
        return lambda look: look(name)

    def _list(self, node: ast.List, depth: int) -> Run:
        parts = [self.of(x, depth) for x in node.elts]
        return lambda look: [x(look) for x in parts]

    _tuple = _list

    def _binop(self, node: ast.BinOp, depth: int) -> Run:
        do = _BINARY.get(type(node.op))
        if do is None:
            raise ExpressionError(f"no operator {type(node.op).__name__} in the grammar")
        a, b = self.of(node.left, depth), self.of(node.right, depth)
        return lambda look: do(a(look), b(look))

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Run:
        a = self.of(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda look: not truth(a(look))
        if isinstance(node.op, ast.USub):
            return lambda look: -number(a(look))
        if isinstance(node.op, ast.UAdd):
            return lambda look: number(a(look))
        raise ExpressionError("no operator ~ in the grammar")

    def _boolop(self, node: ast.BoolOp, depth: int) -> Run:
        parts = [self.of(x, depth) for x in node.values]
        if isinstance(node.op, ast.And):
            return lambda look: all(truth(x(look)) for x in parts)
        return lambda look: any(truth(x(look)) for x in parts)

    def _compare(self, node: ast.Compare, depth: int) -> Run:
        steps = []
        for op in node.ops:
            if type(op) not in _COMPARE:
                raise ExpressionError(f"no comparison {type(op).__name__} in the grammar")
            steps.append(_COMPARE[type(op)])
        parts = [self.of(x, depth) for x in (node.left, *node.comparators)]

        def run(look: Look) -> bool:
            left = parts[0](look)
            for do, part in zip(steps, parts[1:], strict=True):
                right = part(look)
                if not do(left, right):
                    return False
                left = right
            return True

        return run

    def _ifexp(self, node: ast.IfExp, depth: int) -> Run:
        test, yes, no = (self.of(x, depth) for x in (node.test, node.body, node.orelse))
        return lambda look: yes(look) if truth(test(look)) else no(look)

    def _subscript(self, node: ast.Subscript, depth: int) -> Run:
        whole, place = self.of(node.value, depth), self.of(node.slice, depth)

        def run(look: Look) -> Value:
            value, at = whole(look), integer(place(look), "place")
            if not isinstance(value, list | str):
                raise ExpressionError(f"wanted a list or a text before [], got {kind(value)}")
            if not -len(value) <= at < len(value):
                raise ExpressionError(f"no place {at} among {len(value)}")
            return value[at]

        return run

    def _call(self, node: ast.Call, depth: int) -> Run:
        from calibrant.contamination.fresh.language.functions import FUNCTIONS, called

        if not isinstance(node.func, ast.Name):
            raise ExpressionError("only a function's name can be called; there are no attributes")
        name = node.func.id
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise ExpressionError(f"{name}: wanted plain arguments")
        if name not in FUNCTIONS:
            from difflib import get_close_matches

            near = get_close_matches(name, FUNCTIONS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(FUNCTIONS)}"
            raise ExpressionError(f"no function {one_line(name, 40)!r}; {hint}")
        parts = [self.of(x, depth) for x in node.args]
        function = FUNCTIONS[name]
        called(name, len(parts))
        return lambda look: function(*(x(look) for x in parts))


def _decimal(written: str) -> Fraction:
    """An exact number from digits with a point or an exponent; the exponent may not be huge."""
    head, _, power = written.lower().replace("_", "").partition("e")
    if power and abs(int(power)) > 300:
        raise ExpressionError(f"a number of more than {MOST_BITS} bits")
    return Fraction(head) * Fraction(10) ** int(power or 0)
