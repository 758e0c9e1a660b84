"""The first tables of the people's side."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "p1"
down_revision = None


def upgrade() -> None:
    """Make them."""
    apart: dict[str, Any] = {"sqlite_with_rowid": False}
    op.create_table(
        "invitation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("categories", sa.Text, nullable=False),
        sa.Column("created", sa.String(10), nullable=False),
        sa.Column("expires", sa.String(10), nullable=False),
        sa.Column("sent", sa.String(10), nullable=False),
        sa.Column("reminded", sa.String(10), nullable=False),
        sa.Column("reminders", sa.Integer, nullable=False),
        sa.Column("used", sa.Boolean, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        **apart,
    )
    op.create_table(
        "people_setting",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        **apart,
    )
