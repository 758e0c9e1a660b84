"""The first tables of the answers' side."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def _respondent() -> sa.Column[str]:
    return sa.Column(
        "respondent", sa.String(32), sa.ForeignKey("respondent.id", ondelete="CASCADE"),
        primary_key=True,
    )  # fmt: skip


def upgrade() -> None:
    """Make them."""
    apart: dict[str, Any] = {"sqlite_with_rowid": False}
    op.create_table(
        "setting",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        **apart,
    )
    op.create_table(
        "respondent",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(12), nullable=False),
        **apart,
    )
    op.create_table(
        "door",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column(
            "respondent", sa.String(32), sa.ForeignKey("respondent.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("kind", sa.String(8), nullable=False),
        **apart,
    )  # fmt: skip
    op.create_index("ix_door_respondent", "door", ["respondent"])
    op.create_table(
        "tally",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("what", sa.String(12), primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        **apart,
    )
    _answers(apart)
    op.create_table(
        "release",
        sa.Column("area", sa.String(40), primary_key=True),
        sa.Column("question", sa.String(40), primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("behind", sa.Text, nullable=False),
        **apart,
    )


def _answers(apart: dict[str, Any]) -> None:
    """What a respondent says."""
    op.create_table(
        "page",
        _respondent(),
        sa.Column("page", sa.String(50), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("tab", sa.String(32), nullable=False),
        **apart,
    )
    op.create_table(
        "chosen",
        _respondent(),
        sa.Column("category", sa.String(40), primary_key=True),
        sa.Column("active", sa.Boolean, nullable=False),
        **apart,
    )
    op.create_table(
        "own", _respondent(), sa.Column("area", sa.String(40), primary_key=True), **apart
    )
    op.create_table(
        "answer",
        _respondent(),
        sa.Column("area", sa.String(40), primary_key=True),
        sa.Column("question", sa.String(40), primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("value", sa.Integer, nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        **apart,
    )
    op.create_table(
        "comment",
        _respondent(),
        sa.Column("category", sa.String(40), primary_key=True),
        sa.Column("question", sa.String(40), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        **apart,
    )
    op.create_table(
        "demographic",
        _respondent(),
        sa.Column("question", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("other", sa.Boolean, nullable=False),
        **apart,
    )
