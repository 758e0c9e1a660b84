"""How is validity shown? The same few tables on a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from calibrant._figure import shorten
from calibrant._text import one_line
from calibrant.quality.validity.result import Validity
from calibrant.stats.relations.spread import Estimate

MOST = 30
"""Rows of a table."""


@dataclass(frozen=True)
class Shown:
    """One table: a heading, names of columns, and rows of texts that are safe to print.

    The first `names` columns are of names.
    """

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1


def tables_of(found: Validity) -> list[Shown]:
    """The tables of a result; those without rows are left out."""
    makers = (_measures, _traits, _methods, _pairs, _factors, _loadings, _ability, _redundant,
              _dropped, _agreement, _predictions)  # fmt: skip
    return [t for t in (make(found) for make in makers) if t.rows]


def html(found: Validity) -> str:
    """The result for a notebook."""
    parts = [f"<p>{escape(one_line(repr(found), 600))}</p>"]
    for t in tables_of(found):
        head = "".join(f"<th>{escape(c)}</th>" for c in t.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in t.rows
        )
        parts.append(f"<table><caption>{escape(t.heading)}</caption><tr>{head}</tr>{rows}</table>")
    parts += [f"<p>note: {escape(one_line(n, 400))}</p>" for n in found.notes]
    return "".join(parts)


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(e: Estimate, digits: int = 2) -> str:
    """A value with its interval; a dash where it is not defined."""
    if e.value is None:
        return "–"
    if e.low is None or e.high is None:
        return f"{e.value:.{digits}f}"
    return f"{e.value:.{digits}f} ({e.low:.{digits}f} to {e.high:.{digits}f})"


def _table(
    heading: str,
    columns: Sequence[str],
    things: Sequence[Any],
    row: Callable[[Any], tuple[str, ...]],
    names: int = 1,
) -> Shown:
    rows = [row(x) for x in things[:MOST]]
    if len(things) > MOST:
        rows.append((f"… and {len(things) - MOST:,} more", *[""] * (len(columns) - 1)))
    return Shown(heading, tuple(columns), tuple(rows), names)


def _name(text: str) -> str:
    return shorten(text, 40)


def _measures(found: Validity) -> Shown:
    return _table(
        "Measures", ("measure", "items", "mean", "sd", "reliability"), found.measures,
        lambda m: (_name(m.name), "–" if m.items is None else f"{m.items:,}", number(m.mean, 3),
                   number(m.sd, 3), number(m.reliability)),
    )  # fmt: skip


def _traits(found: Validity) -> Shown:
    words = {True: "yes", False: "no", None: "–"}
    return _table(
        "Are traits told apart? (HTMT 1: one thing)",
        ("trait", "and", f"HTMT, {found.level:.0%}", "HTMT2", "told apart", "Fornell–Larcker"),
        sorted(found.discriminant, key=lambda d: -(d.htmt.value or 0.0)),
        lambda d: (_name(d.one), _name(d.two), interval(d.htmt), interval(d.htmt2),
                   words[d.told_apart], words[d.fornell_larcker]),
        names=2,
    )  # fmt: skip


def _pairs(found: Validity) -> Shown:
    return _table(
        "What measures share, closest first",
        ("measure", "and", f"Pearson, {found.level:.0%}", "Spearman", "without error",
         "beside ability"),
        sorted(found.pairs, key=lambda p: -abs(p.pearson.value or 0.0)),
        lambda p: (_name(p.one), _name(p.two), interval(p.pearson),
                   number(p.spearman.value), interval(p.true), interval(p.partial)),
        names=2,
    )  # fmt: skip


def _factors(found: Validity) -> Shown:
    f = found.factors
    if f is None:
        return Shown("", (), ())
    rows = [
        (f"{i + 1}", number(e), number(limit), "yes" if e > limit else "no", number(icc))
        for i, (e, limit, icc) in enumerate(
            zip(f.eigenvalues, f.limits, f.likeness, strict=False)
        )
    ]  # fmt: skip
    return Shown(
        f"Factors: {f.factors} (Horn {f.horn}, MAP {f.map}, Kaiser {f.kaiser}); the first "
        f"component holds {f.share:.0%}",
        ("factor", "eigenvalue", f"limit, {f.quantile:.0%}", "there", "likeness in families"),
        tuple(rows),
    )


def _methods(found: Validity) -> Shown:
    m = found.mtmm
    if m is None or m.same_method.value is None:
        return Shown("", (), ())
    rows = (
        ("same trait, other method", interval(m.convergent)),
        ("other trait, same method", interval(m.same_method)),
        ("other trait, other method", interval(m.different)),
        ("traits show: the first less the last", interval(m.discrimination)),
        ("methods show: the second less the last", interval(m.method_effect)),
        ("comparisons against convergence", f"{m.exceptions[0]} of {m.exceptions[1]}"),
    )
    return Shown("Traits and methods", ("mean correlation", f"{found.level:.0%}"), rows)


def _loadings(found: Validity) -> Shown:
    f = found.factors
    if f is None or f.factors < 2:
        return Shown("", (), ())
    rows = [(n, *row, u) for n, row, u in zip(f.names, f.loadings, f.unique, strict=True)]
    return _table(
        "Loadings, not rotated",
        ("measure", *(f"factor {i + 1}" for i in range(f.factors)), "unique"), rows,
        lambda r: (_name(r[0]), *(number(float(v)) for v in r[1:])),
    )  # fmt: skip


def _ability(found: Validity) -> Shown:
    return _table(
        "How much is general ability",
        ("measure", f"Pearson, {found.level:.0%}", "Spearman", "left", "of it error", "its own"),
        sorted(found.capability, key=lambda c: -abs(c.pearson.value or 0.0)),
        lambda c: (_name(c.measure), interval(c.pearson), interval(c.spearman),
                   number(c.left.value), number(c.error), interval(c.own)),
    )  # fmt: skip


def _redundant(found: Validity) -> Shown:
    things = () if found.redundancy is None else found.redundancy.predicted
    return _table(
        "What the other measures predict, on families that were not fitted",
        ("measure", f"R², {found.level:.0%}", "R² in sample", "error", "noise", "its own"),
        sorted(things, key=lambda p: -(p.r_squared.value or 0.0)),
        lambda p: (_name(p.measure), interval(p.r_squared), number(p.in_sample),
                   number(p.error, 3), number(p.noise, 3), number(p.own)),
    )  # fmt: skip


def _dropped(found: Validity) -> Shown:
    if found.redundancy is None:
        return Shown("", (), ())
    repeat = found.redundancy.repeat
    said = "" if repeat is None else f"; new items of the same kind: {repeat:.3f}"
    return _table(
        f"What can go, one after another: τ of the rest's mean with that of all{said}",
        ("left out", "tau", "on other families", "items left"), found.redundancy.dropped,
        lambda d: (_name(d.measure), number(d.tau, 3), number(d.held_out, 3),
                   "–" if d.items is None else f"{d.items:,}"),
    )  # fmt: skip


def _agreement(found: Validity) -> Shown:
    if not found.agreement:
        return Shown("", (), ())
    sizes = [s.models for s in found.agreement[0].by_size if s.models in (10, 20)]
    columns = [f"{kind} {n}" for n in sizes for kind in ("random", "adjacent")]

    def row(a: Any) -> tuple[str, ...]:
        some = [s for s in a.by_size if s.models in sizes]
        cells = [f"{m:.2f} ± {sd:.2f}" for s in some
                 for m, sd in ((s.random, s.random_sd), (s.adjacent, s.adjacent_sd))]  # fmt: skip
        return (_name(a.benchmark), interval(a.tau), number(a.ceiling), number(a.redraw),
                number(a.z, 1), *cells)  # fmt: skip

    return _table(
        f"Agreement with {_name(found.agreement[0].reference)}: Kendall's τ",
        ("benchmark", f"tau, {found.level:.0%}", "noise allows", "redrawn", "z", *columns),
        sorted(found.agreement, key=lambda a: -(a.tau.value or -1.0)), row,
    )  # fmt: skip


def _predictions(found: Validity) -> Shown:
    if not found.predictions:
        return Shown("", (), ())
    first = found.predictions[0]
    dated = first.later is not None
    later = ("later: mean", "benchmark", "both") if dated else ()

    def row(p: Any) -> tuple[str, ...]:
        cells = (_name(p.measure), interval(p.r_squared), number(p.in_sample), interval(p.gain),
                 number(p.mean, 3), number(p.ability, 3), number(p.benchmark, 3),
                 number(p.both, 3), number(p.half_width, 3), number(p.coverage))  # fmt: skip
        if not dated:
            return cells
        return (*cells, number(p.later.mean, 3), number(p.later.benchmark, 3),
                number(p.later.both, 3))  # fmt: skip

    return _table(
        f"Predicting {_name(first.criterion)} for families that were not fitted "
        f"({first.subjects} subjects, {first.families} families)",
        ("measure", f"R², {found.level:.0%}", "in sample", "beside ability", "error: mean",
         "ability", "benchmark", "both", f"± for {first.level:.0%}", "covers", *later),
        sorted(found.predictions, key=lambda p: -(p.r_squared.value or -9.0)), row,
    )  # fmt: skip
