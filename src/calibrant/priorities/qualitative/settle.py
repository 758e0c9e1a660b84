"""What do the comments say in the end? Disagreements settled by a person, with provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.qualitative.agreement import CodingAgreement
from calibrant.priorities.qualitative.codebook import Codebook
from calibrant.priorities.qualitative.comments import Comments
from calibrant.priorities.qualitative.sheets import Quote, Sheet, codes_of
from calibrant.records.cells import uncell
from calibrant.records.frames import table_of
from calibrant.stats.estimates.rates import bounds

UNSETTLED = ("comment", "category", "question", "text", "said", "codes", "by", "why")
"""Columns of the table of disagreements; a person fills in codes, by and why."""


@dataclass(frozen=True)
class Coded:
    """The codes of one comment, and how they came about.

    Attributes:
        how: "agreed", "settled" or "one coder".
        by: coders who agreed, who settled it, or the one coder.
        why: reason of who settled it.
        said: coder and codes, before.
    """

    comment: str
    codes: tuple[str, ...]
    how: str
    by: str
    why: str
    said: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class CodeCount:
    """Of the respondents who wrote about a category, those who said what a code means.

    Attributes:
        category: an id; empty: the survey as a whole.
        respondents: with the code in a comment on the category; `of`: who wrote a comment.
        interval: of the share among respondents who would write one.
    """

    category: str
    code: str
    respondents: int
    of: int
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, repr=False)
class Coding:
    """All comments with their codes.

    Attributes:
        codebook: its id, version and hash.
        open: comments that nobody coded.
    """

    codebook: str
    comments: tuple[Coded, ...]
    open: int
    counts: tuple[CodeCount, ...]
    quotes: tuple[Quote, ...]
    level: float

    def __repr__(self) -> str:
        settled = sum(c.how == "settled" for c in self.comments)
        return (
            f"Coding: {len(self.comments):,} comments by codebook {self.codebook}, {settled:,} "
            f"settled, {self.open:,} not coded; {len(self.quotes):,} quotes"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def table(self, comments: Comments) -> pl.DataFrame:
        """One row a comment: what it is about, its codes and where they come from."""
        rows = [
            (c.comment, comments.by_id[c.comment].category, comments.by_id[c.comment].question,
             comments.by_id[c.comment].text, "; ".join(c.codes) or "-", c.how, c.by, c.why,
             _said(c.said), self.codebook)
            for c in self.comments
        ]  # fmt: skip
        names = ("comment", "category", "question", "text", "codes", "how", "by", "why", "said",
                 "codebook")  # fmt: skip
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def unsettled(found: CodingAgreement, comments: Comments) -> pl.DataFrame:
    """The disagreements as a table to be filled in."""
    rows = [
        (d.comment, comments.by_id[d.comment].category, comments.by_id[d.comment].question,
         comments.by_id[d.comment].text, _said(d.said), "", "", "")
        for d in found.differ
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(UNSETTLED, pl.String()), orient="row")


def settle(
    sheets: Sequence[Sheet], book: Codebook, comments: Comments, decisions: Any = None, *,
    level: float = 0.95,
) -> Coding:  # fmt: skip
    """The settled coding: what coders agree on, and what a person decided where they do not.

    Args:
        decisions: the table of `unsettled`, filled in; None if nothing differs.

    Raises:
        InputError: if a disagreement is not settled, or by nobody; or a decision is about a
            comment that nobody disagreed on.
    """
    decided = {} if decisions is None else _decisions(decisions, book, comments)
    found: list[Coded] = []
    left: list[str] = []
    for c in comments.rows:
        said = tuple((s.coder, tuple(sorted(s.codes[c.id]))) for s in sheets if c.id in s.codes)
        kinds = {codes for _, codes in said}
        if len(kinds) > 1 and c.id not in decided:
            left.append(c.id)
        elif len(kinds) > 1:
            codes, by, why = decided.pop(c.id)
            found.append(Coded(c.id, codes, "settled", by, why, said))
        elif kinds:
            how = "agreed" if len(said) > 1 else "one coder"
            by = ", ".join(coder for coder, _ in said)
            found.append(Coded(c.id, kinds.pop(), how, by, "", said))
    if left:
        raise InputError(
            f"{len(left)} disagreements are not settled, the first about comment {left[0]}; "
            "'agree --unsettled' writes the table to fill in"
        )
    if decided:
        raise InputError(f"decisions: comment {min(decided)} is not one that coders disagree on")
    quotes = {(q.area, q.comment, q.start, q.end): q for s in sheets for q in s.quotes}
    return Coding(
        book.mark, tuple(found), len(comments.rows) - len(found),
        _counts(found, book, comments, level), tuple(quotes[k] for k in sorted(quotes)), level,
    )  # fmt: skip


def _decisions(
    source: Any, book: Codebook, comments: Comments
) -> dict[str, tuple[tuple[str, ...], str, str]]:
    frame = table_of(source, "decisions")
    missing = [c for c in ("comment", "codes", "by") if c not in frame.columns]
    if missing:
        raise InputError(f"decisions: no column {', '.join(missing)}")
    if "why" not in frame.columns:
        frame = frame.with_columns(pl.lit("").alias("why"))
    frame = frame.select(pl.col("comment", "codes", "by", "why").cast(pl.String))
    found = {}
    for number, row in enumerate(frame.iter_rows(), 1):
        ident, said, by, why = (uncell(x or "").strip() for x in row)
        where = f"decisions: row {number}"
        if ident not in comments.by_id:
            raise InputError(f"{where}: there is no comment {one_line(ident, 40)!r}")
        if ident in found:
            raise InputError(f"{where}: comment {ident} is there twice")
        if not said:
            continue
        if not by:
            raise InputError(f"{where}: by is empty; a decision has somebody who made it")
        found[ident] = (tuple(sorted(codes_of(said, book, where))), by, why)
    return found


def _counts(
    found: Sequence[Coded], book: Codebook, comments: Comments, level: float
) -> tuple[CodeCount, ...]:
    """Respondents by category and code, with exact intervals: who writes much counts once."""
    wrote: dict[str, set[str]] = {}
    said: dict[tuple[str, str], set[str]] = {}
    for c in found:
        comment = comments.by_id[c.comment]
        wrote.setdefault(comment.category, set()).add(comment.respondent)
        for code in c.codes:
            said.setdefault((comment.category, code), set()).add(comment.respondent)
    counts = []
    for category in sorted(wrote):
        of = len(wrote[category])
        for code in book.ids:
            k = len(said.get((category, code), ()))
            low, high = bounds(k, of, level=level)
            counts.append(CodeCount(category, code, k, of, k / of, (float(low), float(high))))
    return tuple(counts)


def quotes_table(
    quotes: Sequence[Quote], comments: Comments, names: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Quotes area by area, with their places in the comments.

    Args:
        names: of areas, by id.

    Raises:
        InputError: if names are given and a quote is about an area that has none.
    """
    rows = []
    for q in sorted(quotes, key=lambda q: (q.area, q.comment, q.start)):
        if names is not None and q.area not in names:
            raise InputError(
                f"quotes: comment {q.comment}: there is no area {one_line(q.area, 40)!r}"
            )
        assert comments.by_id[q.comment].text[q.start : q.end] == q.words
        rows.append((q.area, (names or {}).get(q.area, ""), q.words, q.comment, q.start, q.end))
    kinds = {"area": pl.String(), "name": pl.String(), "words": pl.String(),
             "comment": pl.String(), "start": pl.Int64(), "end": pl.Int64()}  # fmt: skip
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _said(said: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    return " | ".join(f"{coder}: {', '.join(codes) or '-'}" for coder, codes in said)
