"""Can the printed numbers of a table be true? The audit: every row, and the rows together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.audit.checks import counts, coverage, duplicates, order
from calibrant.priorities.audit.cross import compare
from calibrant.priorities.audit.result import VERDICTS, WEIGHTS, Audit, AuditRow, Finding
from calibrant.priorities.audit.rows import Rows, judge
from calibrant.priorities.tables.areas import Finder, finder_for, usual
from calibrant.priorities.tables.fits import fits
from calibrant.priorities.tables.read import PublishedTable, read_published


def audit_table(
    table: Any,
    others: Iterable[Any] | Mapping[str, Any] = (),
    *,
    rows: int | None = None,
    areas: int | None = None,
    excluded: int | None = None,
    fewest: int | None = None,
    taxonomy: Any = None,
    **columns: Any,
) -> Audit:
    """What the numbers of a published table can and cannot mean.

    Exact: no floating point enters. What is called a contradiction is impossible for whole-number
    ratings under every rounding to nearest, whichever way halves went, if up to n answered each
    question; and the printed products are of unrounded means in all rows or of printed ones.

    Args:
        table: what `read_published` takes.
        others: other tables of the same survey, to be held against it; paths or tables by name.
        rows: how many rows the text states; areas, excluded: how many areas there are, and how
            many it says were left out.
        fewest: the fewest ratings of a question with which an area was kept, if the text says it;
            else the smallest n of the table, at most 3, is taken for granted as a condition.
        taxonomy: its areas and categories; by default the 2025 survey's, if most rows are of it.
        columns: go to `read_published`: questions, n, product, difference, scale, digits.

    Raises:
        InputError: if a table cannot be read, or a number stated makes no sense.
    """
    for name, value in (("rows", rows), ("areas", areas), ("excluded", excluded),
                        ("fewest", fewest)):  # fmt: skip
        if value is not None and value < (0 if name == "excluded" else 1):
            raise InputError(f"{name}: wanted a positive number, got {value}")
    if (areas is None) != (excluded is None):
        raise InputError("areas and excluded: wanted both or neither")
    read = read_published(table, **columns)
    floor = min(3, int(read.n.min())) if fewest is None else fewest
    scheme = _taxonomy(read, taxonomy)
    judged = judge(read, floor)
    rules = _rules(read, judged)
    findings = [
        *_row_findings(judged.rows, floor, fewest is not None, len(read.answers) < len(read.means)),
        *counts(read, rows, areas, excluded),
        *duplicates(read),
        *order(read),
        *_basis(judged, floor),
        *_rounding(rules),
        *_blunt(read, judged),
        *(coverage(read, scheme) if scheme is not None else ()),
        *_blank(read),
    ]
    compared = []
    for name, other in _named(others):
        smaller = read_published(other, scale=read.scale)
        findings += compare(read, smaller, name, scheme)
        compared.append(f"{name}, {len(smaller.areas)} rows, against this table")
    weights = list(WEIGHTS)
    return Audit(
        judged.rows,
        tuple(sorted(findings, key=lambda f: weights.index(f.weight))),
        floor,
        fewest is not None,
        rules,
        judged.basis,
        (*_checked(read, judged, scheme, floor, fewest is not None), *compared),
    )


def _taxonomy(read: PublishedTable, source: Any) -> Finder | None:
    if source is not None:
        return finder_for((), source)
    hits = sum(usual()(a, n) is not None for a, n in zip(read.areas, read.names, strict=True))
    return usual() if 2 * hits > len(read.areas) else None


def _named(others: Iterable[Any] | Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(others, Mapping):
        yield from others.items()
        return
    for i, other in enumerate(others, 1):
        yield (one_line(Path(other).name, 80) if isinstance(other, str | Path)
               else f"table {i + 1}"), other  # fmt: skip


def _row_findings(
    rows: tuple[AuditRow, ...], fewest: int, stated: bool, free: bool
) -> Iterator[Finding]:
    by = {v: [r for r in rows if r.verdict == v] for v in VERDICTS}
    for r in by["none"]:
        yield Finding("contradiction", "impossible", f"{_name(r)}, n {r.n}: {r.reason}", (r.area,))
    for r in by["too few"]:
        text = f"{_name(r)}, n {r.n}: {r.reason}"
        said = "as stated" if stated else "the smallest n here, and perhaps the rule"
        yield Finding("contradiction" if stated else "condition", "too few",
                      f"{text}: fewer than {fewest}, {said}", (r.area,))  # fmt: skip
    if by["unequal"] and free:
        several = tuple(r.area for r in by["unequal"])
        yield Finding("condition", "unequal", f"{_rows(len(several))} whole-number ratings only if "
                      f"the questions had different numbers of answers: "
                      f"{one_line(', '.join(several), 600)}", several)  # fmt: skip
    if by["fewer"]:
        several = tuple(r.area for r in by["fewer"])
        yield Finding("condition", "fewer", f"{_rows(len(several))} only if no question was "
                      f"answered by all n: {one_line(', '.join(several), 600)}",
                      several)  # fmt: skip


def _rows(number: int) -> str:
    return "1 row fits" if number == 1 else f"{number} rows fit"


def _no_fit(areas: tuple[str, ...]) -> str:
    return "1 row does not fit" if len(areas) == 1 else f"{len(areas)} rows do not fit"


def _name(row: AuditRow) -> str:
    area = one_line(row.area, 60)
    return area if row.area == row.name else f"{area} ({one_line(row.name, 80)})"


def _rules(read: PublishedTable, judged: Rows) -> dict[str, tuple[str, ...]]:
    """Areas that a rule of rounding halves makes impossible, of those that fit some rule."""
    kept = [r.row - 1 for r in judged.rows
            if r.verdict != "none" and not judged.thinned[r.row - 1]]  # fmt: skip
    bound = {what: basis == "unrounded" for what, basis in judged.basis.items()}
    out = {}
    for rule in ("half-up", "half-even"):
        found = fits(read, reading="shown", rule=rule, product=bound["product"],
                     difference=bound["difference"])  # fmt: skip
        fit = set(found.row.tolist())
        out[rule] = tuple(read.areas[i] for i in kept if i not in fit)
    return out


def _rounding(rules: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    against = {rule: areas for rule, areas in rules.items() if areas}
    if len(against) == 1:
        (rule, areas), = against.items()  # fmt: skip
        other = next(r for r in rules if r != rule)
        yield Finding("note", "rounding", f"halves were rounded {other}: {_no_fit(areas)} "
                      f"{rule} ({one_line(', '.join(areas), 300)})", areas)  # fmt: skip
    elif against:
        every = tuple(dict.fromkeys(a for areas in against.values() for a in areas))
        yield Finding("note", "rounding", "halves were rounded both ways, as floating point does: "
                      f"{one_line(', '.join(every), 300)}", every)  # fmt: skip


def _basis(judged: Rows, fewest: int) -> Iterator[Finding]:
    for what in ("product", "difference"):
        basis = judged.basis[what]
        if basis is None:
            continue
        total = len(judged.rows)
        real = [r for r in judged.rows if getattr(r, f"{what}_unrounded")]
        printed = [r for r in judged.rows if getattr(r, f"{what}_rounded")]
        yield Finding("note", f"{what} basis", f"the {what} is possible from unrounded means (of "
                      f"{fewest} answers or more) in {len(real)} of {total} rows, from the printed "
                      f"means in {len(printed)}")  # fmt: skip
        fit, lost = (real, printed) if basis == "rounded" else (printed, real)
        mixed = tuple(r.area for r in fit if r not in lost and r.verdict in ("fits", "unequal"))
        if mixed and basis != "either":
            from_ = "printed" if basis == "unrounded" else "unrounded"
            yield Finding("condition", "mixed", f"the {what} is of {from_} means here, elsewhere "
                          f"not: {one_line(', '.join(mixed), 300)}", mixed)  # fmt: skip


def _blunt(read: PublishedTable, judged: Rows) -> Iterator[Finding]:
    """Rows that no printed number could have contradicted."""
    blunt = judged.thinned.copy()
    for q, mean in read.means.items():
        blunt |= read.answers.get(q, read.n) >= 10**mean.digits
    if blunt.any():
        areas = tuple(read.areas[i] for i in np.flatnonzero(blunt))
        rows = "1 row has" if len(areas) == 1 else f"{len(areas)} rows have"
        yield Finding("note", "cannot fail", f"{rows} too many respondents for so few decimals: "
                      "nearly every mean is possible", areas)  # fmt: skip


def _blank(read: PublishedTable) -> Iterator[Finding]:
    if read.blank:
        yield Finding("note", "blank", f"{len(read.blank)} rows have no mean: unrated, not low: "
                      f"{one_line(', '.join(read.blank), 300)}", read.blank)  # fmt: skip


def _checked(
    read: PublishedTable, judged: Rows, scheme: Finder | None, fewest: int, stated: bool
) -> tuple[str, ...]:
    said = [f"means of {', '.join(read.means)} on whole ratings from {read.scale[0]} to "
            f"{read.scale[1]}, printed with {max(m.digits for m in read.means.values())} decimals",
            f"at least {fewest} answers to each question "
            f"({'as stated' if stated else 'the smallest n, at most 3'})"]  # fmt: skip
    if read.sds:
        kind = {1: "of samples (n - 1)", 0: "of populations (n)", None: "of either kind"}
        said.append(f"standard deviations of {', '.join(read.sds)}, {kind[judged.divisor]}")
    for what, column in (("product", read.product), ("difference", read.difference)):
        if column is not None:
            said.append(f"{what} of the first two questions")
    said.append(f"taxonomy {scheme.taxonomy.id}" if scheme is not None else "no taxonomy")
    return tuple(said)
