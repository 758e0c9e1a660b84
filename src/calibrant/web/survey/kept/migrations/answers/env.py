"""What Alembic runs first."""

from calibrant.web.survey.kept.migrations import run

run()
