"""How are tables printed? Numbers whole and in columns, names cut in the middle where need be."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence

import click

WIDE = 160
"""Characters of a line where no terminal says how many it has."""
_LEAST = 12
"""Characters of a name that are always shown."""


def name_of(text: str, limit: int = 60) -> str:
    """A name safe to print, of at most `limit` columns of a terminal, cut in the middle."""
    from rich.cells import cell_len

    from calibrant._figure import shorten

    for most in range(limit, 2, -1):
        cut = shorten(text, most)
        if cell_len(cut) <= limit:
            return cut
    return "…"


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    names: Sequence[int] = (0,),
    words: Sequence[int] = (),
    prose: bool = False,
    heading: str = "",
    indent: int = 0,
) -> None:
    """Print a table, one line a row; nothing without rows.

    Args:
        columns: heads of columns; they take several lines where a line has no room for them.
        rows: texts; whatever is in them is made safe to print.
        names: columns of names, set to the left, which give way where a terminal is narrow.
        words: other columns set to the left.
        prose: whether the last column is of sentences, which are wrapped within it.
        heading: a line above.
        indent: columns before the first.
    """
    from calibrant._text import one_line

    body = [
        [name_of(c, 80) if i in names else one_line(c, 1000) for i, c in enumerate(row)]
        for row in rows
    ]
    if not body:
        return
    room = shutil.get_terminal_size((WIDE, 24)).columns - indent
    left = {*names, *words, *([len(columns) - 1] if prose else [])}
    fixed = len(columns) - 1 if prose else len(columns)
    heads, widths = _heads(columns, body, fixed, wrap=False)
    if sum(widths) + 2 * fixed > room:
        heads, widths = _heads(columns, body, fixed, wrap=True)
    gap = 2
    if prose:
        heads.append([columns[-1]])
        widths.append(max(room - sum(widths) - gap * fixed, 30))
    else:
        gap = _fitted(widths, names, room)
    if heading:
        click.echo(heading)
    for line in range(max(len(h) for h in heads)):
        cells = [h[line] if line < len(h) else "" for h in heads]
        click.echo(_line(cells, widths, left, gap, indent))
    for i in names:
        for row, cut in zip(body, _cut([row[i] for row in body], widths[i]), strict=True):
            row[i] = cut
    for row in body:
        lines = textwrap.wrap(row[-1], widths[-1]) or [""] if prose else [row[-1]]
        click.echo(_line([*row[:-1], lines[0]], widths, left, gap, indent))
        for more in lines[1:]:
            click.echo(_line([""] * fixed + [more], widths, left, gap, indent))


def _cut(names: list[str], width: int) -> list[str]:
    """Names of at most `width`; if two would look alike, what all begin or end with gives way."""
    cut = [name_of(n, width) for n in names]
    if len(set(cut)) == len(set(names)):
        return cut
    over = max(len(n) for n in names) - width
    start = min(_alike(names), over + 1)
    end = min(_alike([n[start:][::-1] for n in names]), max(over - start + 2, 0))
    own = [
        name_of(f"{'…' * (start > 0)}{n[start : len(n) - end]}{'…' * (end > 0)}", width)
        for n in names
    ]
    return own if len(set(own)) > len(set(cut)) else cut


def _alike(names: list[str]) -> int:
    """How many characters all begin with."""
    first, last = min(names), max(names)
    pairs = enumerate(zip(first, last, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))


def _heads(
    columns: Sequence[str], body: list[list[str]], fixed: int, *, wrap: bool
) -> tuple[list[list[str]], list[int]]:
    """The lines of each column's head, and its width."""
    from rich.cells import cell_len

    heads, widths = [], []
    for i, head in enumerate(columns[:fixed]):
        widest = max(cell_len(row[i]) for row in body)
        word = max((len(w) for w in head.split()), default=0) if wrap else len(head)
        heads.append(textwrap.wrap(head, max(widest, word, 1), break_on_hyphens=False) or [""])
        widths.append(max(widest, *(cell_len(h) for h in heads[-1])))
    return heads, widths


def _fitted(widths: list[int], names: Sequence[int], room: int) -> int:
    """Cut the widths of names until a line fits; returns the gap between columns."""
    for gap, least in ((2, 2 * _LEAST), (1, _LEAST)):
        over = sum(widths) + gap * (len(widths) - 1) - room
        while over > 0:
            widest = max(names, key=lambda i: widths[i], default=None)
            if widest is None or widths[widest] <= least:
                break
            widths[widest] -= 1
            over -= 1
        if over <= 0:
            return gap
    return 1


def _line(cells: list[str], widths: list[int], left: set[int], gap: int, indent: int) -> str:
    from rich.cells import cell_len

    told = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * max(width - cell_len(cell), 0)
        told.append(cell + space if i in left else space + cell)
    return (" " * indent + (" " * gap).join(told)).rstrip()
