"""What was written? The comments table: who, about which category, to which question, what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from calibrant._text import one_line, storable
from calibrant.errors import InputError
from calibrant.records.cells import uncell
from calibrant.records.frames import table_of

COMMENTS = ("respondent", "category", "question", "text")
"""Columns of the comments table; category may be empty, for the survey as a whole."""


@dataclass(frozen=True)
class Comment:
    """One comment.

    Attributes:
        id: made of what it is about and what it says, so that another text is another comment.
        respondent: a random name; coders do not see it.
        category: a category's or an area's id, or nothing.
    """

    id: str
    respondent: str
    category: str
    question: str
    text: str


@dataclass(frozen=True, repr=False)
class Comments:
    """Comments in the order of the table; make them with `as_comments`."""

    rows: tuple[Comment, ...]

    def __repr__(self) -> str:
        people = len({c.respondent for c in self.rows})
        return f"Comments: {len(self.rows):,} of {people:,} respondents"

    @cached_property
    def by_id(self) -> dict[str, Comment]:
        """Each comment by its id."""
        return {c.id: c for c in self.rows}

    def of(self, *questions: str) -> Comments:
        """Those that answer some questions; all if none is named.

        Raises:
            InputError: if a question has no comment.
        """
        known = {c.question for c in self.rows}
        for question in questions:
            if question not in known:
                raise InputError(
                    f"comments: nothing was written to question {one_line(question, 40)!r}; there "
                    f"are {one_line(', '.join(sorted(known)), 200)}"
                )
        return Comments(tuple(c for c in self.rows if not questions or c.question in questions))


def as_comments(source: Any) -> Comments:
    """The comments in a table or file.

    Args:
        source: a path (CSV, TSV, JSONL, Parquet) or a table with the columns respondent,
            category, question and text; comments without text are passed over.

    Raises:
        InputError: naming the column or row that is wrong: a column is missing, a respondent or a
            question is empty, a comment is there twice.
    """
    if isinstance(source, Comments):
        return source
    frame = table_of(source, "comments")
    missing = [c for c in COMMENTS if c not in frame.columns]
    if missing:
        raise InputError(f"comments: no column {', '.join(missing)}; wanted {', '.join(COMMENTS)}")
    frame = frame.select(pl.col(COMMENTS).cast(pl.String).fill_null(""))
    found: dict[str, Comment] = {}
    for number, (who, category, question, text) in enumerate(frame.iter_rows(), 1):
        text = storable(uncell(text)).strip()
        if not text:
            continue
        for name, value in (("respondent", who), ("question", question)):
            if not value.strip():
                raise InputError(f"comments: row {number}: {name} is empty")
        key = (who.strip(), category.strip(), question.strip())
        ident = comment_id(*key, text)
        if ident in found:
            raise InputError(f"comments: row {number}: the same comment is there twice")
        found[ident] = Comment(ident, *key, text)
    if not found:
        raise InputError("comments: nothing was written")
    return Comments(tuple(found.values()))


def comment_id(respondent: str, category: str, question: str, text: str) -> str:
    """A comment's id: 12 hexadecimal digits of the SHA-256 of all it is."""
    whole = "\x1f".join((respondent, category, question, text))
    return hashlib.sha256(whole.encode()).hexdigest()[:12]
