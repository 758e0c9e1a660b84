"""How does an older database become one of this version? One folder of steps for each side."""

from __future__ import annotations


def run() -> None:
    """Run the steps that are missing, in the transaction that is open already."""
    from alembic import context

    from calibrant.web.survey.kept.database import version_table
    from calibrant.web.survey.kept.tables import METADATA

    given = context.config.attributes
    context.configure(
        connection=given["connection"],
        target_metadata=METADATA[given["side"]],
        version_table=version_table(given["side"]),
    )
    context.run_migrations()
