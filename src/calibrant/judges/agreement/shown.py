"""How is an agreement shown? The same few tables on a terminal and in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from calibrant._text import one_line
from calibrant.judges.agreement.gold import Rate
from calibrant.stats.agreement.estimate import Coefficient

if TYPE_CHECKING:
    from calibrant.judges.agreement.gold import AgainstGold
    from calibrant.judges.agreement.pairs import Pair
    from calibrant.judges.agreement.result import Agreement

MOST = 40
"""Rows of a table."""


@dataclass(frozen=True)
class Shown:
    """One table: a heading, names of columns, and rows of texts that are safe to print."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(found: Agreement) -> list[Shown]:
    """The tables of a result; those without rows are left out."""
    level = f"{found.level:.0%} interval"
    apart = any(found.gold in (p.one, p.two) for p in found.pairs)
    every = [
        Shown(
            "All graders but gold" if apart else "All graders",
            ("coefficient", "value", level, "standard error", "bootstrap", "items"),
            tuple(_coefficient(c) for c in found.coefficients),
        ),
        Shown(
            "Pairs of graders",
            ("graders", "same label", "Cohen's kappa", level, "items"),
            tuple(_pair(p) for p in found.pairs),
        ),
    ]
    columns = ("category", "gold says", "grader says", "sensitivity", "specificity",
               "predictive value")  # fmt: skip
    every += [
        Shown(one_line(f"{a!r}; gold is {found.gold}", 300), columns, tuple(_category(a)))
        for a in found.against
    ]
    return [Shown(t.heading, t.columns, t.rows[:MOST] + _more(t)) for t in every if t.rows]


def warnings_of(found: Agreement) -> list[str]:
    """What must not be missed, then notes; one line each."""
    said = [i.text for i in found.inversions]
    if found.unread is not None:
        texts = ", ".join(f"{t!r} {n:,} times" if t else f"empty {n:,} times"
                          for t, n in found.unread.texts[:4])  # fmt: skip
        text = f"{found.unread.n:,} verdicts could not be read ({texts})"
        if found.unread.worst is not None and found.unread.best is not None:
            text += f": percent agreement lies between {found.unread.worst:.1%} and "
            text += f"{found.unread.best:.1%}, whatever they were"
        said.append(text)
    said += [
        f"{a.grader}: {a.unparsed:,} verdicts could not be read; right in {a.worst:.1%} to "
        f"{a.best:.1%}, whatever they were"
        for a in found.against
        if a.worst is not None and a.best is not None
    ]
    notes = [*found.notes, *(c.note for c in found.coefficients if c.note)]
    return [one_line(s, 500) for s in (*said, *(f"note: {n}" for n in notes))]


def html(found: Agreement) -> str:
    """The result for a notebook."""
    parts = [f"<p>{escape(one_line(repr(found), 600))}</p>"]
    for t in tables_of(found):
        head = "".join(f"<th>{escape(c)}</th>" for c in t.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in t.rows
        )
        parts.append(f"<table><caption>{escape(t.heading)}</caption><tr>{head}</tr>{rows}</table>")
    parts += [f"<p>{escape(w)}</p>" for w in warnings_of(found)]
    return "".join(parts)


def lines_of(t: Shown) -> list[str]:
    """A table as lines of text in columns, names to the left and numbers to the right."""
    rows = [t.columns, *t.rows]
    widths = [max(len(r[i]) for r in rows) for i in range(len(t.columns))]
    return [
        "  " + "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in
                         enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip


def _more(t: Shown) -> tuple[tuple[str, ...], ...]:
    rest = len(t.rows) - MOST
    return ((f"… and {rest:,} more", *[""] * (len(t.columns) - 1)),) if rest > 0 else ()


def _ends(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _coefficient(c: Coefficient) -> tuple[str, ...]:
    if c.value is None:
        return c.name, "–", c.undefined, "", "", f"{c.items:,}"
    error = "" if c.standard_error is None else f"{c.standard_error:.3f}"
    return c.name, f"{c.value:.3f}", _ends(c.interval), error, _ends(c.bootstrap), f"{c.items:,}"


def _pair(p: Pair) -> tuple[str, ...]:
    who = f"{one_line(p.one, 40)}, {one_line(p.two, 40)}"
    same = "" if p.same is None else f"{p.same:.1%}"
    k = p.kappa
    if k.value is None:
        return who, same, "–", k.undefined, f"{p.items:,}"
    return who, same, f"{k.value:.3f}", _ends(k.interval), f"{p.items:,}"


def _category(a: AgainstGold) -> list[tuple[str, ...]]:
    return [
        (one_line(c.name, 40), _share(c.gold_rate), _share(c.grader_rate), _share(c.sensitivity),
         _share(c.specificity), _share(c.positive, "never said"))
        for c in a.categories
    ]  # fmt: skip


def _share(r: Rate, none: str = "no gold labels") -> str:
    if r.value is None:
        return none
    ends = "" if r.interval is None else " ({:.1%}–{:.1%})".format(*r.interval)
    return f"{r.value:.1%}{ends}"
