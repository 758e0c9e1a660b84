"""How is an inflation shown in a terminal? A budget, and what its design has to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from calibrant.contamination.inflation.result import Inflation

MOST = 12
"""Rows of a table."""


def tables(found: Inflation) -> Iterator[tuple[str, Table]]:
    """Headings with tables."""
    yield (
        "score",
        _table(
            ("", "value", f"{found.level:.0%} interval"),
            [
                ("observed", f"{found.observed:.4g}", ""),
                ("without exposure", f"{found.without:.4g}", _ends(found.without_interval)),
                ("inflation", f"{found.value:+.4g}", _ends(found.interval)),
            ],
        ),
    )
    yield (
        "uncertainty of the inflation",
        _table(
            ("source", "type", "u"),
            [(t["source"], t["type"], f"{t['u']:.3g}") for t in found.terms],
        ),
    )
    if found.design == "items":
        yield from _items(found.detail)
    if found.design == "benchmarks":
        yield from _benchmarks(found.detail)


def _items(detail: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    rows = []
    for dose in detail["doses"]:
        ends = None if dose["low"] is None else (dose["low"], dose["high"])
        rows.append((dose["exposures"], f"{dose['items']:,}", f"{dose['score']:.3g}",
                     f"{dose['effect']:+.3g}", _ends(ends)))  # fmt: skip
    yield (
        "by exposures: score, and how far above what the items' difficulty predicts",
        _table(("exposures", "items", "score", "above", "interval"), rows),
    )
    clean = detail["clean_subset"]
    yield (
        "unexposed items alone",
        _table(
            ("score", "interval", "exposed items are easier by"),
            [(f"{clean['score']:.4g}", _ends(clean["interval"]), f"{clean['easier_by']:+.3g}")],
        ),
    )
    yield (
        "sensitivity",
        _table(
            ("hidden ease of exposed items that would explain all (lower limit to 0)",),
            [(f"{detail['tipping_point']:.3g}",)],
        ),
    )


def _benchmarks(detail: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    rows = [r for r in detail["references"] if r["p"] is not None]
    rows.sort(key=lambda r: (r["p"], r["subject"]))
    shown = [
        (r["subject"], f"{r['reference_score']:.3g}", f"{r['score']:.3g}", f"{r['expected']:.3g}",
         f"{r['p_adjusted']:.3g}", "suspicious" if r["suspicious"] else "")
        for r in rows[:MOST]
    ]  # fmt: skip
    yield f"reference subjects, each predicted by the others (first {len(shown)} of "\
        f"{len(detail['references'])})", _table(
        ("subject", "reference", "here", "expected", "p (Holm)", ""), shown
    )  # fmt: skip


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for i, name in enumerate(names):
        table.add_column(f"  {name}" if i == 0 else name, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*(Text(("  " if i == 0 else "") + one_line(str(c), 60))
                        for i, c in enumerate(row)))  # fmt: skip
    return table


def _ends(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.3g} to {ends[1]:.3g}"
