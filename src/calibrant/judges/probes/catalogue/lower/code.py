"""Does a judge notice that the code of an answer no longer works?

Python only, as its own parser is at hand: the alteration is applied to a block that parses, and
what comes out is checked to parse no more, or to have another syntax tree. No code is run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, Harm, entry, pick
from calibrant.judges.probes.catalogue.sources import DODDAPANENI
from calibrant.judges.probes.catalogue.text import Span, edited, fences
from calibrant.judges.probes.probe import Case

# Longer blocks are left alone: the parser's time and depth stay bounded.
_LONGEST = 20_000
_OPENING = re.compile(r" {0,3}(?:`{3,}|~{3,})[ \t]*([\w+-]*)[^\r\n]*(?:\r\n|\n|\r|\Z)")
_CLOSING = re.compile(r"(?:\A|(?<=[\r\n])) {0,3}(?:`{3,}|~{3,})[ \t]*(?:\r\n|\n|\r)?\Z")
_PYTHON = ("python", "py", "python3", "")
_OTHER_ORDER: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}
_BRACKETS = re.compile(r"[)\]}]")

Breaks = Callable[[str, ast.Module], list[str]]
"""Every way a sort of damage can be done to a block of code, as the whole block after it."""


def parsed(code: str) -> ast.Module | None:
    """The syntax tree of a block of Python; None where it is none, or too long or deep to parse."""
    if len(code) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def tree(code: str) -> str | None:
    """The syntax tree written out, without places; None where there is none."""
    module = parsed(code)
    try:
        return None if module is None else ast.dump(module)
    except RecursionError:
        return None


def blocks(text: str) -> list[Span]:
    """The blocks of an answer that are Python: fenced ones, else the whole where it is code."""
    found: list[Span] = []
    fenced, _ = fences(text)
    for start, end in fenced:
        opening = _OPENING.match(text, start, end)
        if opening is None or opening[1].lower() not in _PYTHON:
            continue
        closing = _CLOSING.search(text[opening.end() : end])
        found.append(Span(opening.end(), opening.end() + closing.start() if closing else end))
    if not fenced:
        found = [Span(0, len(text))]
    return [span for span in found if _is_code(text[span.start : span.end])]


def _is_code(code: str) -> bool:
    """Whether it parses and does something; a word or a number alone is prose."""
    module = parsed(code)
    return module is not None and any(
        not isinstance(statement, ast.Expr) or isinstance(statement.value, ast.Call)
        for statement in module.body
    )


def _broken(text: str, _case: Case, rng: np.random.Generator, *, breaks: Breaks) -> str | None:
    """One block of the answer damaged in one of the ways there are; None where there is none."""
    options: list[tuple[Span, str]] = []
    for span in blocks(text):
        code = text[span.start : span.end]
        module, was = parsed(code), tree(code)
        if module is None or was is None:
            continue
        options += [(span, new) for new in breaks(code, module) if tree(new) != was]
    return edited(text, [pick(rng, options)]) if options else None


class _Source:
    """The places of a tree's nodes in the text (the parser counts bytes, and lines from 1)."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", code) or [""]
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return self.starts[line - 1] + len(text.encode("utf-8")[:column].decode("utf-8", "ignore"))

    def span(self, node: ast.expr | ast.stmt) -> Span | None:
        if node.end_lineno is None or node.end_col_offset is None:
            return None
        return Span(
            self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)
        )

    def replaced(self, span: Span, new: str) -> str:
        return self.code[: span.start] + new + self.code[span.end :]


def _bracket(code: str, _module: ast.Module) -> list[str]:
    """A closing bracket taken out; only what parses no more."""
    new = [code[: m.start()] + code[m.end() :] for m in _BRACKETS.finditer(code)][:50]
    return [changed for changed in new if parsed(changed) is None]


def _off_by_one(code: str, module: ast.Module) -> list[str]:
    """A bound of a range moved by one, or a strict comparison made a loose one and back."""
    source, found = _Source(code), []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            span = source.span(node.args[-1]) if node.args else None
            if node.func.id == "range" and len(node.args) < 3 and span:
                found.append(source.replaced(span, code[span.start : span.end] + " - 1"))
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER_ORDER:
            left, right = source.span(node.left), source.span(node.comparators[0])
            sign, other = _OTHER_ORDER[type(node.ops[0])]
            if left and right and sign in code[left.end : right.start]:
                at = code.index(sign, left.end)
                found.append(source.replaced(Span(at, at + len(sign)), other))
    return [new for new in found if parsed(new) is not None]


def _renamed(code: str, module: ast.Module) -> list[str]:
    """One use of a variable written with another name, one that occurs nowhere."""
    source, found = _Source(code), []
    stored = {n.arg for n in ast.walk(module) if isinstance(n, ast.arg)} | {
        n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in stored:
            span = source.span(node)
            if span and code[span.start : span.end] == node.id:
                found.append(source.replaced(span, _unused(node.id, code)))
    return [new for new in found if parsed(new) is not None]


def _unused(name: str, code: str) -> str:
    new = name + "_"
    while new in code:
        new += "_"
    return new


def _no_return(code: str, module: ast.Module) -> list[str]:
    """A return of a value made an expression whose value is lost."""
    source, found = _Source(code), []
    for node in ast.walk(module):
        if isinstance(node, ast.Return) and node.value is not None:
            span, value = source.span(node), source.span(node.value)
            if span and value and code[span.start :].startswith("return"):
                gap = code[span.start + len("return") : value.start].strip(" \t")
                rest = code[value.start : value.end]
                new = gap + rest if gap else rest
                found.append(source.replaced(Span(span.start, value.end), new))
    return [new for new in found if parsed(new) is not None]


def _entries() -> Iterator[Entry]:
    for name, what, breaks in (
        ("code-bracket", "a bracket is missing, so that code no longer parses", _bracket),
        ("code-off-by-one", "a bound in code is off by one", _off_by_one),
        ("code-renamed", "a variable is called by a name that does not exist", _renamed),
        ("code-no-return", "a function no longer returns its value", _no_return),
    ):
        yield entry(
            name,
            "code",
            "lower",
            f"Does a judge notice that {what}?",
            Harm(partial(_broken, breaks=breaks)),
            DODDAPANENI,
            needs="a block of Python that parses and can be broken this way",
            keeps="nothing",
            caveat="code that was wrong before cannot fall as far",
        )


ENTRIES: tuple[Entry, ...] = tuple(_entries())
