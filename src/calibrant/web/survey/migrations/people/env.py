"""What Alembic runs first."""

from calibrant.web.survey.migrations import run

run()
