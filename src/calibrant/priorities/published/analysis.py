"""What did the paper's own analysis say? From ratings to its tables, in exact fractions.

O'Brien and others (2025), sections 2.3 to 3.3 and appendix A: means over answered ratings, promise
as the product of unrounded means, areas with two or fewer ratings of either question left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.published.people import by_category, shares_of
from calibrant.priorities.published.result import Excluded, PublishedRow, PublishedTables
from calibrant.priorities.tables.areas import Finder, finder_for
from calibrant.priorities.tables.printed import MOST_DIGITS, Rule, rounded
from calibrant.records.ratings import as_ratings

Exclude = Literal["answers", "respondents"]


def published_tables(
    ratings: Any,
    *,
    taxonomy: Any = None,
    questions: tuple[str, str] = ("importance", "tractability"),
    names: Mapping[str, str] | None = None,
    short: Mapping[str, str] | None = None,
    demographics: Any = None,
    fewest: int = 3,
    exclude: Exclude = "answers",
    top: int = 10,
    gaps: int = 5,
    high: float | str = 4,
    low: float | str = "3.5",
    digits: int = 2,
    rule: Rule = "half-up",
) -> PublishedTables:
    """The paper's tables from ratings: nothing is rounded before it is printed.

    Args:
        ratings: what `as_ratings` takes; each respondent's last word counts.
        taxonomy: names and categories of areas; by default the 2025 survey's, if all are of it.
        questions: the two questions, importance first.
        names, short: full and short names of areas by id, before those of the taxonomy.
        demographics: a table with a column respondent and one a question.
        fewest: ratings that an area needs; 3 as in the paper.
        exclude: "answers": each question needs so many, as the paper says; "respondents": so many
            answered at least one of the two.
        top, gaps: rows of Tables 1 and 2.
        high, low: Table 2 has areas of at least `high` importance and at most `low` tractability;
            who gave one area `high` on both questions is counted. "3.5" is exact, 3.5 too.
        digits, rule: how numbers are printed; the paper's are 2 and "half-up".

    Ties keep the order in which areas first occur in the ratings: the paper's own ties follow none
    that could be found. Among equal gaps the less tractable area comes first, as in the paper.

    Raises:
        InputError: if a rating is no whole number, a question is missing, or no area is left.
    """
    _check(fewest, top, gaps, digits, exclude)
    thresholds = _exact(high, "high"), _exact(low, "low")
    rounded(Fraction(0), digits, rule)
    frame = as_ratings(ratings).latest.frame
    answered = _answers(frame, questions)
    scheme = finder_for(answered["area"].unique().to_list(), taxonomy)
    rows = _rows(answered, questions, scheme, names or {}, short or {})
    enough = [
        r
        for r in rows
        if (r.n if exclude == "respondents" else min(r.answers.values())) >= fewest
        and min(r.answers.values()) > 0
    ]
    if not enough:
        raise InputError(f"ratings: no area has {fewest} ratings of each question")
    ranked = sorted(enough, key=lambda r: -r.promise)
    ranked = [replace(r, rank=i) for i, r in enumerate(ranked, 1)]
    steep = [
        r
        for r in ranked
        if r.means[questions[0]] >= thresholds[0] and r.means[questions[1]] <= thresholds[1]
    ]
    steep.sort(key=lambda r: (-r.gap, r.means[questions[1]]))
    kept = {r.area for r in enough}
    shares, completed = shares_of(demographics)
    respondents, enthusiasts = _people(answered, questions, thresholds[0])
    unrated = _unrated(scheme, {r.area for r in rows})
    return PublishedTables(
        questions=questions,
        ranking=tuple(ranked),
        top=tuple(ranked[:top]),
        gaps=tuple(steep[:gaps]),
        candidates=len(steep),
        excluded=tuple(
            Excluded(r.area, r.name, r.answers, r.n) for r in rows if r.area not in kept
        ),
        unrated=unrated,
        ties=_ties(ranked),
        respondents=respondents,
        enthusiasts=enthusiasts,
        high=thresholds[0],
        categories=by_category(frame, scheme) if scheme is not None else (),
        demographics=shares,
        completed=completed,
        digits=digits,
        rule=rule,
        fewest=fewest,
        notes=_notes(scheme, rows, unrated, ranked),
    )


def _check(fewest: int, top: int, gaps: int, digits: int, exclude: str) -> None:
    for name, value, least in (("fewest", fewest, 1), ("top", top, 1), ("gaps", gaps, 0)):
        if value < least:
            raise InputError(f"{name}: wanted at least {least}, got {value}")
    if not 0 <= digits <= MOST_DIGITS:
        raise InputError(f"digits: wanted 0 to {MOST_DIGITS}, got {digits}")
    if exclude not in ("answers", "respondents"):
        raise InputError(f"exclude: wanted answers or respondents, got {exclude!r}")


def _exact(value: float | str, what: str) -> Fraction:
    try:
        return Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{what}: wanted a number, got {one_line(str(value), 40)!r}") from None


def _answers(frame: pl.DataFrame, questions: tuple[str, str]) -> pl.DataFrame:
    """Answered rows of the two questions, with whole values."""
    if len(questions) != 2 or questions[0] == questions[1]:
        raise InputError(f"questions: wanted two different ones, got {', '.join(questions)}")
    found = set(frame["question"].unique().to_list())
    for q in questions:
        if q not in found:
            raise InputError(
                f"ratings: no rating of question {one_line(q, 60)!r}; there are "
                f"{one_line(', '.join(sorted(found)), 200) or 'none'}"
            )
    kept = frame.filter((pl.col("state") == "answered") & pl.col("question").is_in(questions))
    if not kept.height:
        raise InputError("ratings: no answered rating")
    values = kept["value"]
    if not bool((values.is_finite() & (values.round() == values) & (values.abs() < 1e9)).all()):
        bad = kept.filter(~(values.is_finite() & (values.round() == values))).row(0, named=True)
        raise InputError(
            f"ratings: area {one_line(bad['area'], 40)}, respondent "
            f"{one_line(bad['respondent'], 40)}: wanted a whole rating, got {bad['value']}"
        )
    return kept.with_columns(pl.col("value").cast(pl.Int64))


def _rows(
    answered: pl.DataFrame,
    questions: tuple[str, str],
    scheme: Finder | None,
    names: Mapping[str, str],
    short: Mapping[str, str],
) -> list[PublishedRow]:
    """Every rated area in order of first occurrence, ranks still 0."""
    is_first, is_second = (pl.col("question") == q for q in questions)
    table = answered.group_by("area", maintain_order=True).agg(
        pl.col("value").filter(is_first).sum().alias("s0"),
        pl.col("value").filter(is_second).sum().alias("s1"),
        is_first.sum().alias("n0"),
        is_second.sum().alias("n1"),
        pl.col("respondent").n_unique().alias("n"),
    )
    rows = []
    for area, s0, s1, n0, n1, n in table.iter_rows():
        known = scheme(area) if scheme is not None else None
        means = {q: Fraction(int(s), int(k)) if k else Fraction(0)
                 for q, s, k in zip(questions, (s0, s1), (n0, n1), strict=True)}  # fmt: skip
        a, b = (means[q] for q in questions)
        name = names.get(area) or (known.name if known else area)
        rows.append(
            PublishedRow(
                0, known.id if known else area, name, short.get(area) or _brief(known, name),
                known.category if known else "", dict(zip(questions, (s0, s1), strict=True)),
                dict(zip(questions, (n0, n1), strict=True)), n, means, a * b, a - b,
            )
        )  # fmt: skip
    twice = [area for area, count in Counter(r.area for r in rows).items() if count > 1]
    if twice:
        raise InputError(f"ratings: area {twice[0]} is there under two names")
    return rows


def _brief(area: Any, name: str) -> str:
    return area.short if area is not None else name


def _ties(ranked: Sequence[PublishedRow]) -> tuple[tuple[str, ...], ...]:
    groups = (tuple(r.area for r in g) for _, g in groupby(ranked, key=lambda r: r.promise))
    return tuple(g for g in groups if len(g) > 1)


def _people(answered: pl.DataFrame, questions: tuple[str, str], high: Fraction) -> tuple[int, int]:
    """Respondents, and those who gave one area at least `high` on both questions."""
    both = (
        answered.filter(pl.col("value") >= math.ceil(high))
        .group_by("respondent", "area")
        .agg(pl.col("question").n_unique().alias("both"))
        .filter(pl.col("both") == len(questions))
    )
    return answered["respondent"].n_unique(), both["respondent"].n_unique()


def _unrated(scheme: Finder | None, rated: set[str]) -> tuple[str, ...]:
    return () if scheme is None else tuple(a.id for a in scheme.taxonomy.areas if a.id not in rated)


def _notes(
    scheme: Finder | None,
    rows: Sequence[PublishedRow],
    unrated: Sequence[str],
    ranked: Sequence[PublishedRow],
) -> tuple[str, ...]:
    notes = [
        "these ranks are as the paper makes them, without uncertainty: `calibrant priorities rank` "
        "says how sure they are"
    ]
    if scheme is None:
        notes.append("no taxonomy: areas have neither names nor categories")
    else:
        strange = [r.area for r in rows if not r.category]
        if strange:
            notes.append(f"not of taxonomy {scheme.taxonomy.id}: {one_line(', '.join(strange))}")
        seen = {r.category for r in ranked}
        empty = [c.id for c in scheme.taxonomy.categories if c.id not in seen]
        if empty:
            notes.append(f"no area is ranked of categories {', '.join(empty)}: unrated, not low")
    if unrated:
        notes.append(f"{len(unrated)} areas of the taxonomy were rated by nobody")
    return tuple(notes)
