"""The application of one survey: pages for respondents and the organiser, behind the guard."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import SQLAlchemyError

from calibrant.web.base import application
from calibrant.web.security import Guard
from calibrant.web.survey import admin, choosing, doors, finishing, live, rating
from calibrant.web.survey.site import Site

__all__ = ["MOST_FIELDS", "Site", "build"]

MOST_FIELDS = 1000
"""Fields of a form; the longest asks for every area of a taxonomy."""


def build(site: Site, hosts: tuple[str, ...] = ()) -> Guard:
    """The application of one survey.

    Args:
        hosts: names by which the server may be called; empty: any.
    """
    app = application(most_fields=MOST_FIELDS, failures=(SQLAlchemyError, sqlite3.Error))
    doors.add(app, site)
    choosing.add(app, site)
    rating.add(app, site)
    finishing.add(app, site)
    admin.add(app, site)
    live.add(app, site)
    return Guard(app, hosts, site.url, connect=True)
