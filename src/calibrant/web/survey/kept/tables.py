"""What do the survey's two databases hold? Two sides that nothing joins.

The people's side knows who was invited and whether a link was used. The answers' side knows what
was answered, under names drawn at random. They are two databases (two files, for SQLite), so that
the one can be handed on, or destroyed, without the other. Neither holds a key or a time that leads
to the other: keys are random, rows lie in the order of their keys, and the answers' side has days
only in counts over all respondents.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)  # fmt: skip

Side = Literal["answers", "people"]

PEOPLE = MetaData()
ANSWERS = MetaData()
METADATA: dict[Side, MetaData] = {"answers": ANSWERS, "people": PEOPLE}

# Rows of SQLite lie in the order of their random keys, not in the order of their arrival.
_UNORDERED: dict[str, Any] = {"sqlite_with_rowid": False}


def _respondent() -> Column[str]:
    return Column(
        "respondent", String(32), ForeignKey("respondent.id", ondelete="CASCADE"), primary_key=True
    )


INVITATION = Table(
    "invitation", PEOPLE,
    # Random; the link is this name signed with the people's secret.
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("email", Text, nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    # Comma-separated ids of categories for whose work this person was invited.
    Column("categories", Text, nullable=False, default=""),
    # Days as 2026-11-22; empty: not yet. A link holds on its day of expiry, and not after it.
    Column("created", String(10), nullable=False),
    Column("expires", String(10), nullable=False),
    Column("sent", String(10), nullable=False, default=""),
    Column("reminded", String(10), nullable=False, default=""),
    Column("reminders", Integer, nullable=False, default=0),
    # Whether, not when, and not by which respondent.
    Column("used", Boolean, nullable=False, default=False),
    Column("withdrawn", Boolean, nullable=False, default=False),
    **_UNORDERED,
)  # fmt: skip

PEOPLE_SETTING = Table(
    "people_setting", PEOPLE,
    # "survey" (its id), "secret", "organiser" and "open" (names of links).
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
    **_UNORDERED,
)  # fmt: skip

SETTING = Table(
    "setting", ANSWERS,
    # "survey" and "taxonomy" (as JSON), "secret", "created" (a day), "door" (see `window`), …
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
    **_UNORDERED,
)  # fmt: skip

RESPONDENT = Table(
    "respondent", ANSWERS,
    # Random.
    Column("id", String(32), primary_key=True),
    # "began", "left" (pressed Leave; whoever did not finish when the survey closed counts as left
    # too), "finished".
    Column("state", String(12), nullable=False),
    **_UNORDERED,
)  # fmt: skip

DOOR = Table(
    "door", ANSWERS,
    # SHA-256 of what a browser's cookie, or the return link, holds: who has the database alone
    # cannot come in as a respondent.
    Column("hash", String(64), primary_key=True),
    Column(
        "respondent", String(32), ForeignKey("respondent.id", ondelete="CASCADE"),
        nullable=False, index=True,
    ),
    # "browser" or "return".
    Column("kind", String(8), nullable=False),
    **_UNORDERED,
)  # fmt: skip

TALLY = Table(
    "tally", ANSWERS,
    # How many began, finished, … on a day: the only days on this side.
    Column("day", String(10), primary_key=True),
    Column("what", String(12), primary_key=True),
    Column("n", Integer, nullable=False),
    **_UNORDERED,
)  # fmt: skip

PAGE = Table(
    "page", ANSWERS,
    # How often a respondent saved a page, and from which opened copy of it (a random name) last,
    # so that an old tab overwrites nothing.
    _respondent(),
    # "choose", "own", "about", or "rate " and a category's id.
    Column("page", String(50), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("tab", String(32), nullable=False),
    **_UNORDERED,
)  # fmt: skip

CHOSEN = Table(
    "chosen", ANSWERS,
    _respondent(),
    Column("category", String(40), primary_key=True),
    # False: taken back by the respondent; answers given before do not count, are kept, and come
    # back with it.
    Column("active", Boolean, nullable=False, default=True),
    **_UNORDERED,
)  # fmt: skip

OWN = Table(
    "own", ANSWERS,
    # Areas that the respondent works in: a declared conflict of interest.
    _respondent(),
    Column("area", String(40), primary_key=True),
    **_UNORDERED,
)  # fmt: skip

ANSWER = Table(
    "answer", ANSWERS,
    _respondent(),
    Column("area", String(40), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("round", Integer, primary_key=True),
    # States of the ratings table; the value is from 1, null unless answered.
    Column("state", String(12), nullable=False),
    Column("value", Integer, nullable=True),
    # How often it was changed, from 1 for the first answer.
    Column("revision", Integer, nullable=False, default=1),
    # For how many seconds its page had been open when it was saved last, for integrity checks.
    Column("seconds", Float, nullable=True),
    # The reason for a revision, shown to others without a name where the survey says so.
    Column("reason", Text, nullable=False, default=""),
    **_UNORDERED,
)  # fmt: skip

COMMENT = Table(
    "comment", ANSWERS,
    _respondent(),
    # A category's id, or empty for the whole survey.
    Column("category", String(40), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("text", Text, nullable=False),
    **_UNORDERED,
)  # fmt: skip

DEMOGRAPHIC = Table(
    "demographic", ANSWERS,
    _respondent(),
    Column("question", String(40), primary_key=True),
    # One of the options, or what was typed under "other".
    Column("value", Text, nullable=False),
    Column("other", Boolean, nullable=False, default=False),
    **_UNORDERED,
)  # fmt: skip

RELEASE = Table(
    "release", ANSWERS,
    # What was shown of an area and question last, and the answers behind it: snapshots change only
    # when at least k respondents' answers changed.
    Column("area", String(40), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("n", Integer, nullable=False),
    # JSON: median, quartiles, counts per value, …
    Column("shown", Text, nullable=False),
    # JSON: respondent → value at the time, never shown.
    Column("behind", Text, nullable=False),
    **_UNORDERED,
)  # fmt: skip
