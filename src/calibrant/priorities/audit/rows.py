"""What must the ratings behind each row be like? Verdicts, row by row, from all solutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.audit.result import AuditRow, Verdict
from calibrant.priorities.audit.sds import keep_sds
from calibrant.priorities.tables.fits import Fits, fits, mean_fits
from calibrant.priorities.tables.printed import Column, Integers, Rule, prints
from calibrant.priorities.tables.read import PublishedTable

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rows:
    """Verdicts, and on what they rest.

    Attributes:
        rows: one a row.
        basis: of product and difference: "unrounded", "rounded", "either" or None.
        divisor: of standard deviations: 1 (n − 1), 0 (n), or None.
        thinned: rows that were not decided, as too much fits them.
    """

    rows: tuple[AuditRow, ...]
    basis: Mapping[str, str | None]
    divisor: int | None
    thinned: Flags


def judge(table: PublishedTable, fewest: int, rule: Rule = "any") -> Rows:
    """A verdict on every row.

    The weakest reading decides what is impossible: any number up to n may have answered each
    question, and halves may have gone either way.
    """
    size = len(table.areas)
    alone = fits(table, reading="shown", rule=rule, product=False, difference=False)
    divisor = _divisor(table, alone)
    made = {
        what: _made(table, what, column, fewest, rule)
        for what, column in (("product", table.product), ("difference", table.difference))
    }
    basis = {what: None if m is None else m.basis for what, m in made.items()}
    # A row that only the other basis explains is kept, and said to be mixed, not impossible.
    bound = {
        what: False if m is None or m.basis != "unrounded" else m.possible
        for what, m in made.items()
    }
    every = fits(
        table, reading="shown", rule=rule, product=bound["product"], difference=bound["difference"]
    )
    if table.sds:
        keep = _sds(table, every, divisor)
        every = Fits(
            every.row[keep],
            {q: s[keep] for q, s in every.sums.items()},
            {q: n[keep] for q, n in every.answers.items()},
            every.thinned,
        )
    wrong = np.zeros(size, dtype=np.bool_)
    for m in made.values():
        if m is not None:
            wrong |= ~(m.possible | m.rounded)
    verdicts, solutions = _verdicts(table, every, fewest, wrong)
    single = _single(table, fewest)
    rows = tuple(
        AuditRow(
            row=i + 1, area=table.areas[i], name=table.names[i], n=int(table.n[i]),
            verdict=verdicts[i], sums={q: single[q][i] for q in table.means},
            solutions=int(solutions[i]),
            **_flags(made, i),
            reason=_reason(table, i, verdicts[i], alone, made, single),
        )
        for i in range(size)
    )  # fmt: skip
    return Rows(rows, basis, divisor, every.thinned)


@dataclass(frozen=True, eq=False)
class _Made:
    """Rows whose product (or difference) is possible from unrounded means with any number of
    answers, with at least `fewest`, and from the printed means."""

    possible: Flags
    unrounded: Flags
    rounded: Flags

    @property
    def basis(self) -> str:
        real, printed = int(self.possible.sum()), int(self.rounded.sum())
        return "either" if real == printed else "unrounded" if real > printed else "rounded"


def _made(
    table: PublishedTable, what: str, printed: Column | None, fewest: int, rule: Rule
) -> _Made | None:
    if printed is None or len(table.means) < 2:
        return None
    product = what == "product"
    first, second = list(table.means.values())[:2]
    if product:
        over = first.units * second.units
    else:
        over = first.units * 10**second.digits - second.units * 10**first.digits
    under = np.full(len(table.areas), 10 ** (first.digits + second.digits), dtype=np.int64)
    flags: list[Flags] = []
    for least in (1, fewest):
        found = fits(
            table, fewest=least, reading="shown", rule=rule,
            product=product, difference=not product,
        )  # fmt: skip
        flags.append(np.isin(np.arange(len(table.areas)), found.row) | found.thinned)
    rounded = prints(over, under, printed.units, printed.digits, rule)
    return _Made(flags[0], flags[1], rounded)


def _divisor(table: PublishedTable, alone: Fits) -> int | None:
    """Of standard deviations: whichever explains more rows; None where both explain as many."""
    rows = {
        d: np.unique(alone.row[keep_sds(alone, dict(table.sds), table.scale, d)]).size
        for d in ((1, 0) if table.sds else ())
    }
    return None if len(set(rows.values())) < 2 else max(rows, key=lambda d: rows[d])


def _sds(table: PublishedTable, found: Fits, divisor: int | None) -> Flags:
    keep = [keep_sds(found, dict(table.sds), table.scale, d)
            for d in ((1, 0) if divisor is None else (divisor,))]  # fmt: skip
    return np.asarray(np.any(keep, axis=0))


def _flags(made: Mapping[str, _Made | None], i: int) -> dict[str, Any]:
    """The fields of a row on its product and difference."""
    out: dict[str, Any] = {}
    for what, m in made.items():
        out[f"{what}_unrounded"] = None if m is None else bool(m.unrounded[i])
        out[f"{what}_rounded"] = None if m is None else bool(m.rounded[i])
    return out


def _verdicts(
    table: PublishedTable, every: Fits, fewest: int, wrong: Flags
) -> tuple[list[Verdict], Integers]:
    size = len(table.areas)
    counts = np.stack(list(every.answers.values()))
    n = table.n[every.row]
    given = len(table.answers) == len(table.means)
    enough: Flags = np.asarray((counts >= fewest).all(axis=0))
    every_n: Flags = np.asarray((counts == n).all(axis=0))
    ladder: list[tuple[Verdict, Flags]] = [
        ("fits", enough if given else every_n),
        ("unequal", enough & np.asarray(counts.max(axis=0) == n)),
        ("fewer", enough),
        ("too few", np.ones(every.row.size, dtype=np.bool_)),
    ]
    out: list[Verdict] = ["none"] * size
    for verdict, flags in reversed(ladder):
        for i in np.unique(every.row[flags]):
            out[int(i)] = verdict
    for i in np.flatnonzero(wrong):
        out[int(i)] = "none"
    for i in np.flatnonzero(every.thinned):
        out[int(i)] = "fits"
    return out, np.bincount(every.row[enough], minlength=size).astype(np.int64)


def _single(table: PublishedTable, fewest: int) -> dict[str, list[tuple[str, ...]]]:
    """Per question and row the sums that its mean allows by itself, as "17/4"."""
    out: dict[str, list[tuple[str, ...]]] = {}
    for q, mean in table.means.items():
        most = table.answers.get(q, table.n)
        least = most if q in table.answers else np.minimum(fewest, most)
        row, n, s = mean_fits(mean, most, fewest=least, scale=table.scale)
        cells: list[list[str]] = [[] for _ in table.areas]
        for i, a, b in zip(row.tolist(), s.tolist(), n.tolist(), strict=True):
            cells[i].append(f"{a}/{b}")
        out[q] = [tuple(c) for c in cells]
    return out


def _reason(
    table: PublishedTable,
    i: int,
    verdict: Verdict,
    alone: Fits,
    made: Mapping[str, _Made | None],
    single: Mapping[str, list[tuple[str, ...]]],
) -> str:
    """Why a row fits nothing, or only too few answers."""
    if verdict not in ("none", "too few"):
        return ""
    lost = [q for q in table.means if not single[q][i]]
    if verdict == "too few":
        said = []
        here = np.flatnonzero(alone.row == i)
        for q in lost:
            pairs = sorted({(int(alone.answers[q][k]), int(alone.sums[q][k])) for k in here})
            fit = ", ".join(f"{s}/{n}" for n, s in pairs)
            said.append(f"{q} {table.means[q].text(i)} fits {fit} only")
        return "; ".join(said) or "its means fit together only with fewer answers"
    if not (alone.row == i).any():
        bad = lost or list(table.means)
        return "; ".join(
            f"{q} {table.means[q].text(i)} is no mean of {int(table.answers.get(q, table.n)[i])} "
            "or fewer whole ratings" if q not in table.answers else
            f"{q} {table.means[q].text(i)} is no mean of {int(table.answers[q][i])} whole ratings"
            for q in bad
        )  # fmt: skip
    for what, column in (("product", table.product), ("difference", table.difference)):
        m = made[what]
        if m is not None and column is not None and not (m.possible[i] or m.rounded[i]):
            return (
                f"{column.text(i)} is neither the {what} of means that print so, nor of the "
                "printed means"
            )
    if table.sds:
        return "no whole ratings with these means have these standard deviations"
    return "its numbers fit one by one, but not together"
