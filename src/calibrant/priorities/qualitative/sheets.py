"""How do coders work without seeing each other? Sheets to fill in, and reading them again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.qualitative.codebook import Codebook
from calibrant.priorities.qualitative.comments import Comment, Comments
from calibrant.records.cells import uncell
from calibrant.records.frames import table_of

SHEET = ("comment", "category", "question", "text", "codes", "quotes", "codebook")
"""Columns of a sheet. A coder fills in codes (ids, separated by commas or semicolons; a dash: none
applies) and, if there are any, quotes: one a line, "4d: the exact words"."""

NONE = ("-", "–", "—")


@dataclass(frozen=True)
class Quote:
    """Exact words of a comment that are about an area.

    Attributes:
        start, end: places in the comment's text; text[start:end] are the words.
    """

    comment: str
    area: str
    start: int
    end: int
    words: str


@dataclass(frozen=True, repr=False)
class Sheet:
    """What one coder said.

    Attributes:
        codes: of each comment that was coded; empty: none applies. Others are still open.
    """

    coder: str
    codes: Mapping[str, frozenset[str]]
    quotes: tuple[Quote, ...]

    def __repr__(self) -> str:
        return f"Sheet of {one_line(self.coder, 60)}: {len(self.codes):,} comments coded"


def assign(
    comments: Comments, book: Codebook, coders: Sequence[str], *, both: float = 1.0, seed: int = 0
) -> dict[str, pl.DataFrame]:
    """A sheet for every coder, in an order of its own, without the respondents' names.

    Args:
        coders: two or more names.
        both: the share of comments that all coders get; the others go to one each. Agreement is
            measured on the former.
        seed: of the orders, and of who gets what.

    Raises:
        InputError: for fewer than two coders, one that is there twice, or a share not in 0–1.
    """
    if len(coders) < 2 or len(set(coders)) < len(coders):
        raise InputError(f"coders: wanted two or more different names, got {len(coders)}")
    if not 0 < both <= 1:
        raise InputError(f"both: wanted a share above 0 up to 1, got {both:g}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(comments.rows))
    shared = max(2, round(both * order.size))
    parts = [[*order[:shared], *order[shared + i :: len(coders)]] for i in range(len(coders))]
    found = {}
    for coder, part in zip(coders, parts, strict=True):
        rows = [comments.rows[i] for i in rng.permutation(np.array(part, np.int64))]
        found[coder] = pl.DataFrame(
            [(c.id, c.category, c.question, c.text, "", "", book.mark) for c in rows],
            schema=dict.fromkeys(SHEET, pl.String()), orient="row",
        )  # fmt: skip
    return found


def read_sheet(source: Any, coder: str, comments: Comments, book: Codebook) -> Sheet:
    """What a coder filled in. Only the ids, codes and quotes count: the text is not read back.

    Raises:
        InputError: naming the row: an unknown comment or code, a quote that is not in the comment,
            a comment that is there twice, or a sheet of another codebook.
    """
    name = one_line(coder, 60)
    frame = table_of(source, f"sheet of {name}")
    missing = [c for c in ("comment", "codes") if c not in frame.columns]
    if missing:
        raise InputError(f"sheet of {name}: no column {', '.join(missing)}")
    blank = [c for c in ("quotes", "codebook") if c not in frame.columns]
    frame = frame.with_columns(pl.lit("").alias(c) for c in blank)
    frame = frame.select(pl.col("comment", "codes", "quotes", "codebook").cast(pl.String))
    codes: dict[str, frozenset[str]] = {}
    quotes: list[Quote] = []
    seen: set[str] = set()
    for number, row in enumerate(frame.iter_rows(), 1):
        ident, said, quoted, mark = (uncell(x or "").strip() for x in row)
        where = f"sheet of {name}: row {number}"
        if ident not in comments.by_id:
            raise InputError(f"{where}: there is no comment {one_line(ident, 40)!r}")
        if ident in seen:
            raise InputError(f"{where}: comment {ident} is there twice")
        seen.add(ident)
        if mark and mark != book.mark:
            raise InputError(
                f"{where}: coded with codebook {one_line(mark, 100)!r}; this one is {book.mark!r}"
            )
        quotes += _quotes(quoted, comments.by_id[ident], where)
        if said:
            codes[ident] = codes_of(said, book, where)
    return Sheet(coder, codes, tuple(quotes))


def codes_of(said: str, book: Codebook, where: str) -> frozenset[str]:
    """The codes in a cell; a dash is none.

    Raises:
        InputError: naming a code that the codebook does not have.
    """
    if said in NONE:
        return frozenset()
    found = frozenset(t.strip() for t in re.split(r"[,;\n]", said) if t.strip())
    for code in sorted(found - set(book.ids)):
        raise InputError(
            f"{where}: code {one_line(code, 40)!r}; wanted ids of "
            f"{one_line(', '.join(book.ids), 200)}, or a dash for none"
        )
    return found


def _quotes(quoted: str, comment: Comment, where: str) -> list[Quote]:
    found = []
    for line in filter(None, (t.strip() for t in quoted.splitlines())):
        area, colon, words = line.partition(":")
        words = words.strip().strip('"“”').strip()
        if not colon or not words or not area.strip():
            raise InputError(
                f"{where}: quote {one_line(line, 40)!r}; wanted an area's id, a colon, and words"
            )
        span = locate(words, comment.text)
        if span is None:
            raise InputError(
                f"{where}: quote {one_line(words, 60)!r} is not in the comment, word for word"
            )
        start, end = span
        found.append(Quote(comment.id, area.strip(), start, end, comment.text[start:end]))
    return found


def locate(words: str, text: str) -> tuple[int, int] | None:
    """Where words stand in a text first; white space may differ, nothing else."""
    parts = words.split()
    pattern = r"\s+".join(map(re.escape, parts))
    found = re.search(pattern, text) if parts else None
    return None if found is None else found.span()


def read_sheets(
    paths: Sequence[str | Path], comments: Comments, book: Codebook
) -> tuple[Sheet, ...]:
    """The sheets of several coders, who are called as their files.

    Raises:
        InputError: as `read_sheet`; and for fewer than two files, or two of one name.
    """
    names = [Path(p).stem for p in paths]
    if len(set(names)) < max(len(names), 2):
        raise InputError(
            f"sheets: wanted two or more files of different names, got {len(names)} "
            f"({one_line(', '.join(names), 100)})"
        )
    return tuple(read_sheet(p, n, comments, book) for p, n in zip(paths, names, strict=True))
