"""What does the survey's database hold? Two sides that no column joins.

The people's side knows who was invited and whether a link was used. The answers' side knows what
was answered, under names drawn at random. Neither holds a key, a time of day, or an order that
leads to the other: times are days, and primary keys are random.
"""

from __future__ import annotations

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

PEOPLE = MetaData()
ANSWERS = MetaData()

INVITATION = Table(
    "invitation", PEOPLE,
    # Random; the link is this name signed with the survey's secret.
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("email", Text, nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    # Comma-separated ids of categories for whose work this person was invited.
    Column("categories", Text, nullable=False, default=""),
    # Days as 2026-11-22; empty: not yet.
    Column("created", String(10), nullable=False),
    Column("expires", String(10), nullable=False),
    Column("sent", String(10), nullable=False, default=""),
    Column("reminded", String(10), nullable=False, default=""),
    Column("reminders", Integer, nullable=False, default=0),
    Column("used", Boolean, nullable=False, default=False),
    Column("withdrawn", Boolean, nullable=False, default=False),
)  # fmt: skip

SETTING = Table(
    "setting", ANSWERS,
    # "survey" (the survey as JSON), "taxonomy" (as JSON), "secret", "created", "closed", …
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)  # fmt: skip

RESPONDENT = Table(
    "respondent", ANSWERS,
    Column("id", String(32), primary_key=True),
    # SHA-256 of what the browser's cookie, and the return link, hold.
    Column("session", String(64), nullable=False, unique=True),
    # "consented", "left" (began, and not finished when the window closed), "finished".
    Column("state", String(12), nullable=False),
    Column("started", String(10), nullable=False),
    Column("finished", String(10), nullable=False, default=""),
)  # fmt: skip

CHOSEN = Table(
    "chosen", ANSWERS,
    Column("respondent", ForeignKey("respondent.id", ondelete="CASCADE"), primary_key=True),
    Column("category", String(40), primary_key=True),
)  # fmt: skip

OWN = Table(
    "own", ANSWERS,
    # Areas that the respondent works in: a declared conflict of interest.
    Column("respondent", ForeignKey("respondent.id", ondelete="CASCADE"), primary_key=True),
    Column("area", String(40), primary_key=True),
)  # fmt: skip

ANSWER = Table(
    "answer", ANSWERS,
    Column("respondent", ForeignKey("respondent.id", ondelete="CASCADE"), primary_key=True),
    Column("area", String(40), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("round", Integer, primary_key=True),
    # States of the ratings table; the value is from 1, null unless answered.
    Column("state", String(12), nullable=False),
    Column("value", Integer, nullable=True),
    # How often it was changed, and seconds that its page was open, for integrity checks.
    Column("revision", Integer, nullable=False, default=0),
    Column("seconds", Float, nullable=True),
    # The reason for a revision, shown to others without a name where the survey says so.
    Column("reason", Text, nullable=False, default=""),
)  # fmt: skip

COMMENT = Table(
    "comment", ANSWERS,
    Column("respondent", ForeignKey("respondent.id", ondelete="CASCADE"), primary_key=True),
    # A category's id, or empty for the whole survey.
    Column("category", String(40), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("text", Text, nullable=False),
)  # fmt: skip

DEMOGRAPHIC = Table(
    "demographic", ANSWERS,
    Column("respondent", ForeignKey("respondent.id", ondelete="CASCADE"), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("value", Text, nullable=False),
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
)  # fmt: skip
